"""Tools built from their Go modules, every one of whose files is pinned by a hash."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from automation import process
from automation.errors import CommandFailed, DogitopsError
from automation.toolchain.cache import file_sha256
from automation.toolchain.catalogue import MODULES, Tool, arch
from automation.toolchain.golang import Go

Progress = Callable[[str], None]

_DOWNLOAD_TIMEOUT = 1800.0
_BUILD_TIMEOUT = 3600.0
_OFFLINE = ("no such host", "connection refused", "i/o timeout", "network is unreachable", "proxyconnect", ": EOF")


def build(name: str, tool: Tool, into: Path, go: Go, progress: Progress) -> None:
    """Build every binary of ``tool`` into the folder ``into``. Raises DogitopsError where that fails."""
    recipe = tool.build
    committed = MODULES / recipe.folder if recipe.folder else None
    arguments = ["-mod=readonly", "-trimpath", "-v", "-ldflags", f"-s -w {tool.filled(recipe.ldflags)}"]
    if recipe.tags:
        arguments += ["-tags", ",".join(recipe.tags)]
    if recipe.mode in {"wrapper", "own"} and committed is not None:
        folder = committed
    else:
        progress(f"{name}: source")
        folder = source(name, tool, go)
        if committed is not None:
            arguments.append(f"-modfile={committed / 'go.mod'}")
    work = into / ".go"  # Go's own leftovers die with ours
    work.mkdir()
    if recipe.add:
        folder = _with(folder, recipe.add, work / "source")
    for binary, package in recipe.packages.items():
        compiled = 0

        def tell(line: str, binary: str = binary) -> None:
            nonlocal compiled
            if line.startswith("go: downloading "):
                progress(f"{name}: {line.split()[2]}")
            else:
                compiled += 1
                progress(f"{name}: {binary}, {compiled} packages")

        progress(f"{name}: {binary}")
        _run(
            go,
            ["build", *arguments, "-o", str(into / binary), package],
            folder,
            name,
            on_line=tell,
            env={"GOTMPDIR": str(work)},
            timeout=_BUILD_TIMEOUT,
        )
    shutil.rmtree(work)


def source(name: str, tool: Tool, go: Go) -> Path:
    """Return the folder of the tool's module, downloaded if need be, its content checked against the catalogue."""
    return module(name, f"{tool.build.module}@v{tool.version}", tool.build.sum, go)


def module(name: str, wanted: str, pinned: str, go: Go) -> Path:
    """Return the folder of the Go module ``wanted`` (``path@version``), checked against its ``pinned`` sum.

    Raises DogitopsError where it is not what is pinned, CommandFailed where it can't be had.
    """
    done = _run(go, ["mod", "download", "-json", wanted], Path("/"), name, timeout=_DOWNLOAD_TIMEOUT)
    facts = json.loads(done.stdout)
    folder = Path(facts["Dir"])
    for what, found in (("archive", facts["Sum"]), ("folder", folder_sum(folder, wanted))):
        if found != pinned:
            raise DogitopsError(
                f"The {what} of {wanted} ({folder}) is not what is pinned: its sum is {found} instead of {pinned}.",
                hint="Run 'go clean -modcache' and try again. If it stays, do not build it: "
                "somebody may have changed the module.",
            )
    return folder


def _with(folder: Path, files: dict[str, str], target: Path) -> Path:
    """Copy a module, which the cache keeps read-only, and add ``files`` to the copy."""
    shutil.copytree(folder, target, copy_function=shutil.copyfile)
    for path in (target, *(each for each in target.rglob("*") if each.is_dir())):
        path.chmod(0o755)
    for name, text in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(text)
    return target


def folder_sum(folder: Path, prefix: str) -> str:
    """Return Go's ``h1:`` sum of a module's folder; ``prefix`` is ``module@version``."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = "".join(f"{file_sha256(folder / each)}  {prefix}/{each}\n" for each in names)
    return "h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()


def _run(
    go: Go,
    words: list[str],
    cwd: Path,
    name: str,
    *,
    timeout: float,
    on_line: Callable[[str], None] | None = None,
    env: dict[str, str] | None = None,
) -> process.Completed:
    settings = {
        "CGO_ENABLED": "0",
        "GOARCH": arch(),
        "GOFLAGS": "-buildvcs=false",
        "GOOS": "linux",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        **go.settings,
        **(env or {}),
    }
    try:
        return process.run([go.program, *words], cwd=cwd, env=settings, timeout=timeout, on_line=on_line)
    except CommandFailed as error:
        if any(sign in error.output for sign in _OFFLINE):
            raise DogitopsError(
                f"The source of {name} can't be downloaded:\n{_tail(error.output)}",
                hint="Neither its vendor's releases nor the Go module proxy ('go env GOPROXY') answer. "
                "Check the network, and HTTPS_PROXY where one is needed; what is finished is kept.",
            ) from error
        raise


def _tail(output: str) -> str:
    return "\n".join(f"  {line}" for line in output.strip().splitlines()[-3:])
