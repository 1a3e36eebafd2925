"""tools: install, list, path, doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from automation import report

app = typer.Typer(help="The pinned tools: had from the cache, a vendor's release, or source.", no_args_is_help=True)


@app.command()
def install(
    names: Annotated[
        list[str] | None, typer.Argument(help="Tools or programs; default: what environment local needs here.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every tool of the catalogue.")] = False,
) -> None:
    """Make tools ready; what is ready already is left as it is."""
    from automation.toolchain.install import Installer  # noqa: PLC0415

    installer = Installer.default()
    catalogue = installer.catalogue
    if everything:
        wanted = list(catalogue.tools)
    elif names:
        wanted = [name if name in catalogue.tools else catalogue.tool_of(name) for name in names]
    else:
        wanted = list(installer.needed())
    with report.phase("Installing tools"):
        entries = installer.install(wanted)
    size = sum(entry.size for entry in entries.values())
    report.say(f"{len(entries)} tools ready, {size / 1e6:,.0f} MB, in {installer.cache.root}")


@app.command(name="list")
def list_() -> None:
    """Show every tool: its version, its state in the cache, where it came from."""
    from automation.toolchain.install import Installer  # noqa: PLC0415

    installer = Installer.default()
    rows = []
    for name, tool in installer.catalogue.tools.items():
        state, entry = installer.state(name)
        source = {"build": "built", "release": "release"}[entry.source] if entry else ""
        size = f"{entry.size / 1e6:,.0f} MB" if entry else ""
        rows.append([name, tool.version, state, source, size, ", ".join(tool.needed_for)])
    report.table("Tools", ["tool", "version", "state", "source", "size", "needed for"], rows)


@app.command()
def path(name: Annotated[str, typer.Argument(help="A program, such as kubectl.")]) -> None:
    """Print the path of a program, installing it first where need be."""
    from automation.toolchain import install as tools  # noqa: PLC0415

    report.result(str(tools.path(name)))


@app.command()
def doctor() -> None:
    """Say what works on this machine, what does not, why, and what to do; exit with 2 where the demo can't run."""
    from automation.errors import ConfigurationError  # noqa: PLC0415
    from automation.toolchain import doctor as examination  # noqa: PLC0415

    with report.phase("Examining this machine"):
        checks = examination.examine()
    marks = {"ok": "ok", "note": "note", "fail": "FAIL"}
    rows = [[marks[check.state], check.subject, check.found, check.fix] for check in checks]
    report.table("This machine", ["", "what", "found", "what to do"], rows)
    failed = [check.subject for check in checks if check.state == "fail"]
    if failed:
        raise ConfigurationError(f"The local demo can't run here: {', '.join(failed)}.", hint="See the table above.")
    report.result("The local demo can run here.")
