"""images: build, list, serve, path."""

from __future__ import annotations

from typing import Annotated

import typer

from automation import report

app = typer.Typer(help="Container images without a registry: built here, served to clusters.", no_args_is_help=True)

_DEFAULT_PORT = 7482


@app.command()
def build(
    references: Annotated[
        list[str] | None,
        typer.Argument(help="Images; default: kind's node image and all that environment local pulls."),
    ] = None,
    *,
    again: Annotated[bool, typer.Option("--again", help="Build them even where nothing changed.")] = False,
) -> None:
    """Build images, whether or not the registries can be reached; what is built already is left as it is."""
    from automation.toolchain import images  # noqa: PLC0415
    from automation.toolchain.image_build import Builder  # noqa: PLC0415

    builder = Builder.default()
    with report.phase("Building images"):
        made = builder.build(*(references or images.for_local()), again=again)
        if not references:
            report.note(f"node image {images.node_image()}")
    size = sum(layout.size for layout in made.values())
    report.say(f"{len(made)} images ready, {size / 1e6:,.0f} MB, in {builder.home}")


@app.command(name="list")
def list_() -> None:
    """Show every image that can be built here: what it holds, its size, its state."""
    from automation.toolchain import images  # noqa: PLC0415
    from automation.toolchain.image_build import Builder  # noqa: PLC0415

    rows = [
        [each.reference, each.holds, f"{each.size / 1e6:,.0f} MB" if each.size else "", each.state]
        for each in Builder.default().states()
    ]
    report.table("Images", ["reference", "what it holds", "size", "state"], rows)
    source = "pulled from upstream" if images.upstream_reachable() else "built: upstream can't be reached from here"
    report.say(f"Images are {source}.")


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="The port on docker's bridge.")] = _DEFAULT_PORT,
) -> None:
    """Serve the built images as a registry on docker's bridge, in the foreground, until Ctrl-C."""
    from automation.toolchain import engine, registry  # noqa: PLC0415
    from automation.toolchain.image_build import Builder  # noqa: PLC0415

    engine.ensure_docker()
    address, home = engine.bridge_address(), Builder.default().home
    report.say(f"Serving {home} on http://{address}:{port}; Ctrl-C ends it.")
    registry.main(["--address", address, "--port", str(port), "--root", str(home)])


@app.command()
def path(reference: Annotated[str, typer.Argument(help="An image, such as docker.io/velero/velero:v1.18.3.")]) -> None:
    """Print the folder of an image's OCI layout, building it first where need be."""
    from automation.toolchain.image_build import Builder  # noqa: PLC0415

    report.result(str(next(iter(Builder.default().build(reference).values())).folder))
