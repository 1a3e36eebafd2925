"""Every error that ends a command, each with its exit code and what to do next.

::

    DogitopsError            1  something failed
    ├── ConfigurationError   2  usage, environment.yaml, or a machine that lacks something
    ├── Refused              3  a guard said no
    ├── ChangesPending       4  drift or pending changes were found
    ├── VerificationFailed   5  data or objects were lost, or proof is missing
    ├── CommandFailed        1  a tool that was run failed
    ├── DeadlineExceeded     1  a condition did not come true in time
    └── Interrupted        130  the user or the system stopped us
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class DogitopsError(Exception):
    """What happened and where (``message``), and what to do (``hint``).

    Only :func:`automation.cli.main` catches it: it prints both and exits with ``exit_code``.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(DogitopsError):
    """The command line, a configuration file, or the machine is not as it must be."""

    exit_code = 2


class Refused(DogitopsError):  # noqa: N818 - a refusal is not an error of the program
    """A guard refused a step that could destroy something."""

    exit_code = 3


class ChangesPending(DogitopsError):  # noqa: N818 - a finding, not an error of the program
    """Reality and the description differ."""

    exit_code = 4


class VerificationFailed(DogitopsError):  # noqa: N818 - a finding, not an error of the program
    """A backup, a restore or a piece of evidence did not prove what it had to prove."""

    exit_code = 5


class CommandFailed(DogitopsError):  # noqa: N818 - reads as what happened
    """A tool exited with a code other than 0; ``returncode`` and the end of its output are kept."""

    def __init__(self, argv: Sequence[str], returncode: int, output: str, *, hint: str | None = None) -> None:
        self.argv = tuple(argv)
        self.returncode = returncode
        self.output = output
        tail = "\n".join(output.strip().splitlines()[-15:])
        told = f"\n{tail}" if tail else ""
        super().__init__(f"{' '.join(argv[:6])} exited with {returncode}{told}", hint=hint)


class DeadlineExceeded(DogitopsError):  # noqa: N818 - reads as what happened
    """A condition did not come true in time."""


class Interrupted(DogitopsError):  # noqa: N818 - reads as what happened
    """Ctrl-C or a termination signal arrived."""

    exit_code = 130


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest of ``known``, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
