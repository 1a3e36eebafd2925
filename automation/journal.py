"""The record of finished phases that lets long work resume after a kill at any point."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from automation.errors import ConfigurationError

T = TypeVar("T")


class Journal:
    """An append-only file of JSON lines; each finished phase is one line with what it found out.

    A line is written and synced after the phase's effects are done, so a phase that was cut off runs again:
    every phase must be safe to repeat. A torn last line (a kill while writing) is ignored.
    """

    def __init__(self, path: Path, *, kind: str, key: dict[str, Any], replace_other: bool = False) -> None:
        """Open the journal of ``kind`` (such as ``drill``) for the run identified by ``key``.

        A journal of another run is an error, or is given up with ``replace_other``.
        """
        self.path = path
        self.kind = kind
        self.key = key
        self._done: dict[str, dict[str, Any]] = {}
        lines = self._read()
        if lines and lines[0].get("kind") == kind and lines[0].get("key") == key:
            self._done = {line["phase"]: line for line in lines[1:] if "phase" in line}
        elif lines and replace_other:
            self.clear()
        elif lines:
            raise ConfigurationError(
                f"An unfinished {lines[0].get('kind')} with other options is recorded in {path}.",
                hint=f"Finish it with the options {json.dumps(lines[0].get('key'))}, or add --fresh to give it up.",
            )

    @property
    def resumed(self) -> bool:
        """Whether earlier phases of this run are already done."""
        return bool(self._done)

    @property
    def finished_phases(self) -> tuple[str, ...]:
        """The names of the phases that are done, in order."""
        return tuple(self._done)

    def started_at(self, phase: str) -> float:
        """Return the wall-clock time at which ``phase`` began (seconds since the epoch)."""
        return float(self._done[phase]["began"])

    def seconds(self, phase: str) -> float:
        """Return how long ``phase`` took in the run that finished it."""
        return float(self._done[phase]["seconds"])

    def result(self, phase: str) -> Any:
        """Return what the finished ``phase`` found out."""
        return self._done[phase]["result"]

    def done(self, phase: str) -> bool:
        """Whether ``phase`` was finished, now or in an earlier run."""
        return phase in self._done

    def once(self, phase: str, work: Callable[[], T]) -> T:
        """Run ``work`` unless ``phase`` is done; its result (JSON only) is kept and returned either way."""
        if phase in self._done:
            return cast("T", self._done[phase]["result"])
        began, clock = time.time(), time.monotonic()
        result = work()
        line = {"phase": phase, "began": began, "seconds": time.monotonic() - clock, "result": result}
        if not self.path.exists():
            self._append({"kind": self.kind, "key": self.key})
        self._append(line)
        self._done[phase] = line
        return result

    def clear(self) -> None:
        """Forget everything: the work is finished or given up."""
        self.path.unlink(missing_ok=True)
        self._done = {}

    def _append(self, line: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> list[dict[str, Any]]:
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return []
        lines: list[dict[str, Any]] = []
        for raw in text.splitlines():
            try:
                lines.append(json.loads(raw))
            except json.JSONDecodeError:
                break
        if lines and not text.endswith("\n"):
            self.path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return lines
