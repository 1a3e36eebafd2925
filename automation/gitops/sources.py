"""Secrets read from where they are kept: variables, files that SOPS encrypted, and programs that print them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from automation import process
from automation.errors import ConfigurationError, DeadlineExceeded
from automation.secret import Secret, masked

_SOPS_PATIENCE: Final = 60.0  # seconds
_LONGEST_REASON: Final = 300  # characters of what a program said


class NoValue(ConfigurationError):  # noqa: N818 - reads as what happened
    """A source gave no value; ``message`` is the reason alone, for whoever knows whose it is."""


def from_variable(name: str) -> Secret:
    """Return the value of an environment variable. Raises NoValue where it is not set, or empty."""
    value = os.environ.get(name)
    if value is None:
        raise NoValue(f"the variable {name} is not set")
    return _full(value, f"the variable {name}")


def from_command(argv: Sequence[str], seconds: float, folder: Path) -> Secret:
    """Return what a program prints, run in ``folder``, without the newline at its end.

    What it prints is shown nowhere, not even when it fails. Raises NoValue where it is missing, fails, prints
    nothing, or takes longer than ``seconds``.
    """
    name = argv[0]
    try:
        done = process.run(list(argv), cwd=folder, timeout=seconds, check=False)
    except DeadlineExceeded:
        raise NoValue(f"the command {name} did not end within {seconds:.0f} s") from None
    except ConfigurationError as error:
        raise NoValue(f"the command {name} can't be run: {error.message}") from None
    if done.returncode != 0:
        raise NoValue(f"the command {name} exited with {done.returncode}{_told(done.stderr)}")
    return _full(done.stdout.removesuffix("\n").removesuffix("\r"), f"what the command {name} prints")


class SopsFiles:
    """Files that SOPS encrypted, each decrypted once; ``age_identity`` is given to SOPS in its environment."""

    def __init__(self, sops: Callable[[], Path], age_identity: Callable[[], Secret | None]) -> None:
        self._sops = sops
        self._identity = age_identity
        self._read: dict[Path, Any] = {}

    def value(self, file: Path, key: str) -> Secret:
        """Return the value to which ``key`` leads, with dots. Raises NoValue."""
        found = self._content(file)
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if found is None or isinstance(found, Mapping | list):
            raise NoValue(f"the SOPS file {file.name} has no value at {key}")
        return _full(str(found), f"{key} in the SOPS file {file.name}")

    def _content(self, file: Path) -> Any:
        if file not in self._read:
            self._read[file] = self._decrypted(file)
        return self._read[file]

    def _decrypted(self, file: Path) -> Any:
        if not file.is_file():
            raise NoValue(f"there is no file {file.name} in {file.parent.name}")
        identity = self._identity()
        env = {"SOPS_AGE_KEY": identity} if identity is not None else {}
        try:
            done = process.run(
                [self._sops(), "decrypt", "--output-type", "json", file], env=env, timeout=_SOPS_PATIENCE, check=False
            )
        except DeadlineExceeded:
            raise NoValue(f"SOPS did not open {file.name} within {_SOPS_PATIENCE:.0f} s") from None
        if "metadata not found" in done.stderr:
            raise NoValue(f"the file {file.name} is not encrypted by SOPS: it must not be committed like that")
        if done.returncode != 0:
            raise NoValue(f"SOPS can't open {file.name}{_told(done.stderr)}")
        return json.loads(done.stdout)


def _full(value: str, what: str) -> Secret:
    if not value.strip():
        raise NoValue(f"{what} is empty")
    return Secret(value)


def _told(stderr: str) -> str:
    """Return what a program wrote to its error stream, on one line and cut."""
    words = " ".join(masked(stderr).split())
    return f": {words[:_LONGEST_REASON]}" if words else ""
