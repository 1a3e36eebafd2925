"""The rules that docs/architecture.md states, held against the source."""

from __future__ import annotations

import ast
import functools
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "automation"

ROOMS = frozenset(
    {
        *("clusters", "digitalocean", "droplets", "github", "gitops", "opentofu", "overview", "recovery"),
        *("simulators", "toolchain", "verification"),
    }
)
GROUND_PACKAGES = frozenset({"kube"})  # the seam to a cluster's API, which several rooms stand on
BY_LAYER = {"cli": 5, "jobs": 4, "site": 3, "room": 2, "ground": 1}
# The jobs, from the top down: each stands on those below it.
JOBS = ("status", "pull_requests", "recovery", "delivery", "sites", "machines", "infrastructure")

# Who may start processes: the one seam, what runs on after us, and a server that passes binary data on.
STARTS_PROCESSES = frozenset({"process.py", "daemon.py", "gitops/server.py"})
# Too slow to import for a command line that shall answer at once.
HEAVY = frozenset({"asyncssh", "azure", "boto3", "botocore", "cryptography", "kubernetes", "pydantic", "pydo", "yaml"})
LONGEST_MODULE = 400  # lines; rarely over 300


@functools.cache
def read(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


def part_of(path: Path) -> str:
    """Return the first name below the package: ``jobs`` for jobs/recovery/drill.py, ``errors`` for errors.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layer_of(part: str) -> str:
    if part in {"cli", "jobs", "site"}:
        return part
    return "room" if part in ROOMS else "ground"


def names_imported(path: Path) -> Iterator[str]:
    """Yield what a module imports of our package, wherever in it: ``automation.kube.Kube``."""
    for node in ast.walk(read(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("automation."))


def imported(path: Path) -> Iterator[str]:
    """Yield every part of our package that a module imports."""
    yield from (name.split(".")[1] for name in names_imported(path))


def file_of(name: str) -> Path:
    """Return the file that a name is taken from: a module, or the one that defines the name."""
    place = PACKAGE.parent.joinpath(*name.split("."))
    for found in (place.with_suffix(".py"), place / "__init__.py"):
        if found.is_file():
            return found
    return file_of(name.rpartition(".")[0])


@functools.cache
def imports_of_all() -> list[tuple[str, str, str]]:
    return [
        (str(path.relative_to(PACKAGE)), part_of(path), target)
        for path in modules()
        if path.name != "__main__.py"
        for target in imported(path)
        if not target.startswith("__")
    ]


def test_every_folder_of_the_package_has_its_place() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == ROOMS | GROUND_PACKAGES | {"cli", "jobs", "site"}


def test_imports_run_one_way() -> None:
    wrong = [
        f"{module} ({layer_of(part)}) imports {target} ({layer_of(target)})"
        for module, part, target in imports_of_all()
        if BY_LAYER[layer_of(target)] > BY_LAYER[layer_of(part)]
    ]
    assert not wrong, "\n".join(wrong)


def test_rooms_do_not_import_each_other() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, part, target in imports_of_all()
        if part in ROOMS and target in ROOMS and target != part
    ]
    assert not wrong, "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {path: {file_of(name) for name in names_imported(path)} - {path} for path in modules()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle: list[Path] = error.args[1]
        pytest.fail(" <- ".join(str(path.relative_to(PACKAGE)) for path in circle))


def test_jobs_stand_on_those_below_them_alone() -> None:
    folder = PACKAGE / "jobs"
    assert {path.stem for path in folder.iterdir() if not path.name.startswith("__")} == set(JOBS)

    def floor(path: Path) -> int:
        return JOBS.index(path.relative_to(folder).parts[0].removesuffix(".py"))

    wrong = [
        f"{path.relative_to(folder)} imports {name}"
        for path in sorted(folder.rglob("*.py"))
        for name in names_imported(path)
        if path.name != "__init__.py" and name.startswith("automation.jobs.") and floor(file_of(name)) < floor(path)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_toolchain_is_imported_above_the_rooms_alone() -> None:
    importers = {part for _, part, target in imports_of_all() if target == "toolchain"}
    assert importers <= {"cli", "jobs", "site", "toolchain"}


def test_the_import_check_finds_a_breach(tmp_path: Path) -> None:
    breach = tmp_path / "breach.py"
    breach.write_text("def f():\n    from automation.jobs import drill\n    import automation.cli.tools\n")
    assert list(imported(breach)) == ["jobs", "cli"]


def test_processes_are_started_in_known_places_only() -> None:
    starters = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        for node in ast.walk(read(path))
        if (isinstance(node, ast.Import) and any(alias.name == "subprocess" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "subprocess")
    }
    assert starters <= STARTS_PROCESSES


def test_only_wait_sleeps() -> None:
    sleepers = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        for node in ast.walk(read(path))
        if isinstance(node, ast.Attribute) and node.attr == "sleep"
    }
    assert sleepers <= {"wait.py"}


@pytest.mark.parametrize("module", ["automation.cli", "automation.errors", "automation.report"])
def test_the_command_line_starts_without_heavy_packages(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert not HEAVY & set(done.stdout.split())


def test_modules_are_short() -> None:
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in modules()
        if (lines := len(path.read_text().splitlines())) > LONGEST_MODULE
    }
    assert not long
