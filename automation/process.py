"""The one place where other programs are run."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from automation import wait
from automation.errors import CommandFailed, ConfigurationError, DeadlineExceeded
from automation.secret import Secret, masked

Environment = Mapping[str, str | Secret]


@dataclass(frozen=True)
class Completed:
    """What a finished program left: its exit code and its output, with known secrets masked in ``text``."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Both streams, masked: what may be shown."""
        return masked(self.stdout + self.stderr)


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Environment | None = None,
    stdin: str | bytes | None = None,
    timeout: float = 600,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
    hint: str | None = None,
) -> Completed:
    """Run ``argv`` without a shell and return what it left.

    ``env`` is laid over our own environment. ``timeout`` is in seconds; past it the whole process group
    is ended. ``on_line`` gets each line of both streams, masked, as it comes. A :class:`Secret` may stand in
    ``env`` but never in ``argv``, where every user of the machine could read it.

    Raises CommandFailed (unless ``check`` is false), DeadlineExceeded, ConfigurationError when the program
    does not exist; and what ``on_line`` raised, once the program has ended.
    """
    words = [str(word) for word in argv if _is_public(word)]
    try:
        child = subprocess.Popen(
            words,
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that a Ctrl-C reaches us first and we end the child in order
        )
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{words[0]} was not found.", hint=hint or "Run 'dogitops tools doctor' to see what is missing."
        ) from error
    except PermissionError as error:
        raise ConfigurationError(f"{words[0]} may not be run: {error.strerror}.", hint=hint) from error
    deadline = time.monotonic() + timeout
    collected: dict[str, list[str]] = {"stdout": [], "stderr": []}
    untold: list[BaseException] = []
    threads = [
        threading.Thread(target=_collect, args=(child, name, collected[name], on_line, untold), daemon=True)
        for name in collected
    ]
    for thread in threads:
        thread.start()
    try:
        if stdin is not None and child.stdin is not None:
            _feed(child, stdin)
        returncode = child.wait(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        _end(child)
        raise DeadlineExceeded(f"{' '.join(words[:4])} did not finish within {timeout:.0f} s.", hint=hint) from error
    except BaseException:
        _end(child)
        raise
    for thread in threads:
        thread.join(timeout=5)
    if untold:
        raise untold[0]
    done = Completed(tuple(words), returncode, "".join(collected["stdout"]), "".join(collected["stderr"]))
    if check and returncode != 0:
        raise CommandFailed([masked(word) for word in words], returncode, done.text, hint=hint)
    return done


def environment(extra: Environment | None = None) -> dict[str, str]:
    """Return our environment with ``extra`` laid over it, secrets opened: for a child process only."""
    opened = {k: v.reveal() if isinstance(v, Secret) else v for k, v in (extra or {}).items()}
    return {**os.environ, **opened}


def _is_public(word: object) -> bool:
    if isinstance(word, Secret):
        raise TypeError("a secret may not stand on a command line; pass it in the environment or on stdin")
    return True


def _collect(
    child: subprocess.Popen[bytes],
    name: str,
    into: list[str],
    on_line: Callable[[str], None] | None,
    untold: list[BaseException],
) -> None:
    """Read a stream to its end, whatever becomes of who is told: a program whose output nobody reads stands still."""
    stream = getattr(child, name)
    for raw in iter(stream.readline, b""):
        line = raw.decode(errors="replace")
        into.append(line)
        if on_line is not None and not untold:
            try:
                on_line(masked(line.rstrip("\n")))
            except BaseException as error:  # noqa: BLE001 - it is raised where the program was run
                untold.append(error)
    stream.close()


def _feed(child: subprocess.Popen[bytes], text: str | bytes) -> None:
    assert child.stdin is not None  # noqa: S101 - for the type checker
    try:
        child.stdin.write(text.encode() if isinstance(text, str) else text)
        child.stdin.close()
    except BrokenPipeError:  # the program did not want all of it; its exit code tells
        pass


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child's whole process group: first politely, so that tofu can release its lock; then what is left."""
    for sign, patience in ((signal.SIGINT, 20), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        if not _signal(child.pid, sign):
            return
        try:
            child.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            continue
        break
    if _signal(child.pid, signal.SIGTERM):  # what a shell started in the background, for example: it ignores SIGINT
        with suppress(DeadlineExceeded):
            wait.until(lambda: not _signal(child.pid, 0), "the rest of the group", timeout=5, interval=0.05)
        _signal(child.pid, signal.SIGKILL)


def _signal(group: int, sign: int) -> bool:
    """Send a signal to a process group; return whether there is any such process."""
    try:
        os.killpg(group, sign)
    except ProcessLookupError:
        return False
    return True
