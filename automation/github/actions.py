"""What a job tells the runner: annotations, outputs, masks, and the step summary; nothing of it outside of Actions.

Limits are GitHub's: 10 annotations of each level a step, 1 MiB of step summary a step, 1 MiB of outputs a job.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from automation import report
from automation.errors import ConfigurationError, DogitopsError
from automation.secret import Secret, masked

Level = Literal["error", "warning", "notice"]

ANNOTATIONS: Final = 10  # of each level in a step
SUMMARY: Final = 1024 * 1024  # bytes in a step
OUTPUTS: Final = 1024 * 1024  # bytes in a job
_CUT = "\n\n*Cut here: a step summary holds 1 MiB. All of it is in the log.*\n"


@dataclass(frozen=True)
class Annotation:
    """A message at a line of a file (relative to the repository), or at the run as a whole."""

    level: Level
    message: str
    title: str = ""
    file: str | None = None
    line: int | None = None
    end_line: int | None = None


def annotate(annotations: Iterable[Annotation]) -> int:
    """Give annotations to the runner, errors first; return how many did not fit.

    The runner drops more than 10 of a level without a word. So of more the last place tells how many are left out.
    """
    if not report.in_actions():
        return 0
    by_level: dict[str, list[Annotation]] = {"error": [], "warning": [], "notice": []}
    for annotation in annotations:
        by_level[annotation.level].append(annotation)
    left_out = 0
    for level, all_of_it in by_level.items():
        shown = all_of_it if len(all_of_it) <= ANNOTATIONS else all_of_it[: ANNOTATIONS - 1]
        for annotation in shown:
            _tell(level, annotation.message, _properties(annotation))
        hidden = len(all_of_it) - len(shown)
        if hidden:
            _tell(
                level, f"{hidden} more of these are in the log and in the comment: GitHub shows {ANNOTATIONS} a step."
            )
        left_out += hidden
    return left_out


def mask(secret: Secret) -> None:
    """Have the runner take a secret out of the log from now on; call it before anything is printed."""
    if not report.in_actions():
        return
    lines = {line.strip() for line in secret.reveal().splitlines()}
    for line in sorted(lines - {""}):
        # The one thing that is printed unmasked: the runner takes this line out of the log itself.
        _write(f"::add-mask::{_data(line)}")


def output(name: str, value: str, environ: Mapping[str, str] = os.environ) -> None:
    """Set an output of the step. Raises DogitopsError where it holds a known secret or is too long for GitHub."""
    where = environ.get("GITHUB_OUTPUT")
    if not where:
        return
    if not name or not name.replace("-", "_").isidentifier() or not name.isascii():
        raise ConfigurationError(f"{name!r} cannot be the name of an output.")
    if masked(value) != value:
        raise DogitopsError(
            f"The output {name} would hold a secret; outputs are readable by everybody who sees the run.",
            hint="Pass a reference to the secret, such as its name.",
        )
    delimiter = f"end_{secrets.token_hex(16)}"  # random, so that no value can end itself and set another output
    entry = f"{name}<<{delimiter}\n{value}\n{delimiter}\n".encode()
    if _size(Path(where)) + len(entry) > OUTPUTS:
        raise DogitopsError(
            f"The output {name} is too long: GitHub takes {OUTPUTS // 1024} KiB of outputs a job.",
            hint="Put it into the step summary or an artifact.",
        )
    with Path(where).open("ab") as file:
        file.write(entry)


def summary(markdown: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Append to the step summary; return whether all of it fitted. What does not is cut: GitHub would drop all."""
    where = environ.get("GITHUB_STEP_SUMMARY")
    if not where:
        return True
    text = f"{masked(markdown)}\n".encode()
    room = SUMMARY - _size(Path(where))
    fits = len(text) <= room
    if not fits:
        ending = _CUT.encode()
        if room < len(ending):
            report.warn("The step summary is full; the rest of it is in the log alone.")
            return False
        # Cut at a line, which also keeps a character of several bytes whole.
        kept = text[: room - len(ending)]
        text = kept[: kept.rfind(b"\n") + 1] + ending
        report.warn("The step summary was cut: GitHub takes 1 MiB a step.")
    with Path(where).open("ab") as file:
        file.write(text)
    return fits


def _properties(annotation: Annotation) -> dict[str, str]:
    line, end = annotation.line, annotation.end_line
    given = {
        "title": annotation.title,
        "file": annotation.file or "",
        "line": str(line) if annotation.file and line else "",
        "endLine": str(end) if annotation.file and line and end else "",
    }
    return {key: value for key, value in given.items() if value}


def _tell(command: str, message: str, properties: Mapping[str, str] | None = None) -> None:
    told = ",".join(f"{key}={_property(masked(value))}" for key, value in (properties or {}).items())
    _write(f"::{command}{' ' + told if told else ''}::{_data(masked(message))}")


def _write(line: str) -> None:
    # Commands of the runner are a protocol: report would draw them, fold them, and mask what must be plain.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
