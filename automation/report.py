"""The one place that prints. Progress goes to stderr, results to stdout; GitHub Actions gets its own forms."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.status import Status
from rich.table import Table

from automation.errors import DogitopsError
from automation.secret import masked

_progress = Console(stderr=True, highlight=False, emoji=False)
_result = Console(highlight=False, emoji=False)
_status: list[Status] = []
_phases: ContextVar[tuple[str, ...]] = ContextVar("phases", default=())
_scope: ContextVar[str] = ContextVar("scope", default="")


def in_actions() -> bool:
    """Whether we run inside a GitHub Actions job."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Put ``name`` before every line of progress: for work that runs beside other work."""
    token = _scope.set(name)
    try:
        yield
    finally:
        _scope.reset(token)


def say(text: str) -> None:
    """Print a line of progress."""
    _line(escape(masked(text)))


def note(text: str) -> None:
    """Print a finished step inside a phase."""
    _line(f"  [dim]·[/] {escape(masked(text))}")


def warn(text: str) -> None:
    """Print a warning, as an annotation too where Actions runs us."""
    _line(f"[yellow]! {escape(masked(text))}[/]")
    if in_actions():
        _command("warning", text)


def doing(text: str) -> None:
    """Show what is happening now: replaces the line shown before, on a terminal only."""
    if _status:
        _status[-1].update(f"{escape(masked(text))[: max(20, _progress.width - 6)]}")


@contextmanager
def phase(title: str) -> Iterator[None]:
    """Show that a phase runs, and how long it took when it ends, well or not."""
    began = time.monotonic()
    nested, beside = bool(_phases.get()), bool(_scope.get())
    token = _phases.set((*_phases.get(), title))
    lead = "  " if nested else ""
    alone = not nested and not beside
    if in_actions() and alone:
        sys.stderr.flush()
        _progress.print(f"::group::{masked(title)}", markup=False, soft_wrap=True)
    elif not _progress.is_terminal or beside:
        _line(f"{lead}[bold]>[/] {escape(masked(title))}")
    spinner = _progress.status(f"{lead}{escape(title)}") if _progress.is_terminal and alone else None
    if spinner is not None:
        spinner.start()
        _status.append(spinner)
    mark = "[red]✗[/]"
    try:
        yield
        mark = "[green]✓[/]"
    finally:
        _phases.reset(token)
        if spinner is not None:
            _status.pop()
            spinner.stop()
        took = elapsed(time.monotonic() - began)
        _line(f"{lead}{mark} {escape(masked(title))} [dim]{took}[/]")
        if in_actions() and alone:
            _progress.print("::endgroup::", markup=False)


@contextmanager
def amount(title: str, total: int, *, size_in_bytes: bool = False) -> Iterator[Progress]:
    """Show a progress bar for work with a known ``total``; call ``advance(progress.task_ids[0], n)``."""
    columns = [TextColumn("  {task.description}"), BarColumn(bar_width=24)]
    columns.append(DownloadColumn() if size_in_bytes else TaskProgressColumn())
    paused = _status[-1] if _status else None
    if paused is not None:
        paused.stop()
    try:
        with Progress(
            *columns,
            TimeElapsedColumn(),
            console=_progress,
            transient=True,
            disable=not _progress.is_terminal,
        ) as bar:
            bar.add_task(escape(title), total=total)
            yield bar
    finally:
        if paused is not None:
            paused.start()


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of results; long cells are folded, so that it fits a narrow terminal."""
    drawn = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(escape(masked(cell)) for cell in row))
    _result.print(drawn)


def result(text: str) -> None:
    """Print a result as it is: no wrapping and no markup, for other programs to read."""
    _result.print(masked(text), markup=False, soft_wrap=True)


def failure(error: DogitopsError) -> None:
    """Print an error: what happened, and what to do."""
    while _status:
        _status.pop().stop()
    _progress.print(f"[red bold]error:[/] {escape(masked(error.message))}")
    if error.hint:
        _progress.print(f"[bold]what to do:[/] {escape(masked(error.hint))}")
    if in_actions():
        _command("error", f"{error.message}\n{error.hint or ''}".strip())


def hang_up() -> None:
    """Send to nowhere what can't be written any more (a reader that went, a full disk): Python flushes at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def elapsed(seconds: float) -> str:
    """Return ``seconds`` as a person reads it: ``4.2 s``, ``3 min 05 s``."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def _line(markup: str) -> None:
    lead = f"[dim]{escape(_scope.get())}[/] " if _scope.get() else ""
    _progress.print(f"{lead}{markup}", soft_wrap=not _progress.is_terminal)  # a log is not wrapped


def _command(name: str, text: str) -> None:
    data = masked(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::{name}::{data}", flush=True)  # noqa: T201 - a workflow command must be a plain line
