"""Measuring: wall times in pairs, the peak memory of one process, and results as tables and JSON."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from automation import __version__, report
from automation.errors import DogitopsError
from automation.gitops import repository

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Pair:
    """The same work done by us and by the bare tools, some times each, in turn; times in seconds."""

    what: str
    ours: tuple[float, ...]
    bare: tuple[float, ...]
    target: float | None = None

    @property
    def ratio(self) -> float:
        """Our median over theirs."""
        return statistics.median(self.ours) / statistics.median(self.bare)

    def row(self) -> list[str]:
        """Return the row of a table."""
        return [self.what, _times(self.ours), _times(self.bare), f"{self.ratio:.2f}", _or_nothing(self.target)]


@dataclass(frozen=True)
class Figure:
    """One number with its unit, and what it is meant to stay under."""

    what: str
    value: float
    unit: str
    target: float | None = None

    def row(self) -> list[str]:
        """Return the row of a table."""
        return [self.what, f"{self.value:.2f} {self.unit}", _or_nothing(self.target)]


@dataclass
class Result:
    """All that one benchmark found."""

    benchmark: str
    pairs: list[Pair] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def show(self) -> None:
        """Print the tables."""
        if self.pairs:
            columns = ["what", "dogitops", "bare tools", "ratio", "target"]
            report.table(
                f"{self.benchmark}: median (smallest to largest)", columns, [pair.row() for pair in self.pairs]
            )
        if self.figures:
            report.table(self.benchmark, ["what", "found", "target"], [figure.row() for figure in self.figures])

    def write(self, path: Path) -> None:
        """Write all of it, with what kind of machine it was found on, as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        told = {
            "benchmark": self.benchmark,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
            "commit": repository.head(ROOT),
            "machine": machine(),
            "pairs": [{**asdict(pair), "ratio": pair.ratio} for pair in self.pairs],
            "figures": [asdict(figure) for figure in self.figures],
        }
        path.write_text(json.dumps(told, indent=2) + "\n")
        report.say(f"Written to {path}.")


@dataclass(frozen=True)
class Ran:
    """A finished command: its wall time in seconds, its peak memory in MB, and its output."""

    seconds: float
    peak_mb: float
    output: str


def phases(output: str) -> list[tuple[str, float]]:
    """Return the phases that a command of ours said it finished, with their seconds."""
    found = re.findall(r"^✓ (.+?) (?:(\d+) min )?([\d.]+) s$", output, re.MULTILINE)
    return [(title, int(minutes or 0) * 60 + float(seconds)) for title, minutes, seconds in found]


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run(
    argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, look: float = 0.2
) -> Ran:
    """Run a command and return what it took; its memory is looked at every ``look`` seconds, without its children's.

    Not process.run: the process must be watched while it runs. Raises DogitopsError unless it exits with 0.
    """
    peaks = [0.0]
    ended = threading.Event()
    began = time.perf_counter()
    with subprocess.Popen(
        [str(word) for word in argv],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:

        def watch() -> None:
            while not ended.wait(look):
                peaks.append(peak_mb(child.pid))

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        output = child.stdout.read() if child.stdout else ""
        child.wait()
        seconds = time.perf_counter() - began
        ended.set()
        watching.join()
    if child.returncode != 0:
        tail = "\n".join(output.splitlines()[-25:])
        raise DogitopsError(f"{' '.join(map(str, argv))} exited with {child.returncode}:\n{tail}")
    return Ran(seconds, max(peaks), output)


def peak_mb(pid: int) -> float:
    """Return the most memory that a process has held so far (VmHWM), in MB; 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def processor_seconds(pid: int) -> float:
    """Return for how long a process has kept processors busy so far, for itself and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, str | int | float]:
    """Return what the numbers depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _times(times: Sequence[float]) -> str:
    text = f"{statistics.median(times):.2f} s"
    return text if len(times) == 1 else f"{text} ({min(times):.2f} to {max(times):.2f})"


def _or_nothing(target: float | None) -> str:
    return "" if target is None else f"under {target:g}"
