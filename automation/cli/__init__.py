"""The command line: parses and prints, nothing else. Each command runs one job."""

from __future__ import annotations

import errno
import signal
import sys
from types import FrameType

import typer

from automation import __version__, report
from automation.cli import (
    clusters,
    costs,
    delivery,
    digitalocean,
    images,
    infrastructure,
    nodes,
    pull_requests,
    recovery,
    scaling,
    secrets,
    simulate,
    state,
    tools,
)
from automation.errors import DogitopsError, Interrupted

app = typer.Typer(
    name="dogitops",
    help="Environments described in Git, changed by pull request, and proven recoverable by drills.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        report.result(f"dogitops {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *, version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Say the version.")
) -> None:
    pass


infrastructure.register(app)
scaling.register(app)
costs.register(app)
pull_requests.register(app)
delivery.register(app)
recovery.register(app)
digitalocean.register(app)
app.add_typer(clusters.app, name="cluster", rich_help_panel="Parts")
app.add_typer(nodes.nodes, name="nodes", rich_help_panel="Parts")
app.add_typer(nodes.etcd, name="etcd", rich_help_panel="Parts")
app.add_typer(state.app, name="state", rich_help_panel="Parts")
app.add_typer(infrastructure.objectstore, name="objectstore", hidden=True)
app.add_typer(delivery.gitops, name="gitops", rich_help_panel="Parts")
app.add_typer(secrets.app, name="secrets", rich_help_panel="Parts")
app.add_typer(images.app, name="images", help="Images without a registry.", rich_help_panel="Machine")
app.add_typer(tools.app, name="tools", help="The pinned tools.", rich_help_panel="Machine")
app.add_typer(simulate.app, name="simulate", rich_help_panel="Machine")


def main() -> None:
    """Run the command line; every error ends here, with its text, its advice and its exit code."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(sign) is not signal.SIG_IGN:  # as of a job that a shell put into the background
            signal.signal(sign, _interrupted)
    code = _ended()
    try:
        sys.stdout.flush()  # what can't be written is told now, not by Python after our end
    except OSError as error:
        code = _not_written(error)
    report.hang_up()
    sys.exit(code)


def _ended() -> int | str | None:
    try:
        app(prog_name="dogitops")
    except DogitopsError as error:
        report.failure(error)
        return error.exit_code
    except SystemExit as ending:
        if ending.code == Interrupted.exit_code:  # typer makes this of a KeyboardInterrupt, without a word
            report.failure(Interrupted("Interrupted.", hint="Run the same command again: it goes on where it stopped."))
        return ending.code
    except OSError as error:
        return _not_written(error)
    return 0


def _not_written(error: OSError) -> int:
    if isinstance(error, BrokenPipeError):  # whoever read our output has seen enough
        return 1
    report.failure(
        DogitopsError(
            f"{error.strerror}: {error.filename}" if error.filename else str(error),
            hint="'df -h' shows which disk is full. Free some space and run the command again: "
            "what was finished is kept."
            if error.errno in _NO_SPACE
            else None,
        )
    )
    return 1


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    """End in order, once: a cancelled job of Actions gets SIGTERM 7.5 s after SIGINT, while tofu gives its lock back.

    See https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation.
    """
    signal.signal(signal.SIGTERM, lambda *_: None)  # and not SIG_IGN, which what we still start would inherit
    raise KeyboardInterrupt
