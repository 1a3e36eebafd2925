#!/usr/bin/env python3
"""Measure dogitops against the bare tools, in the same run: ``run.py BENCHMARK``, or ``run.py all``.

It works in a clone of its own (in ``.dogitops/benchmark``) with a cluster name and ports of its own, and leaves
nothing running. Tools and images are made ready before anything is timed. Results go to ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if importlib.util.find_spec("pydantic") is None:  # not the environment of this clone: make it, and go on in it
    subprocess.run([ROOT / "scripts" / "dogitops", "--version"], check=True)
    python = ROOT / ".venv" / "bin" / "python"
    os.execv(python, [str(python), *sys.argv])  # noqa: S606 - there is no shell in this, on purpose

import yaml  # noqa: E402 - see above
from bare import Bare  # noqa: E402
from cloud import applying, reaping  # noqa: E402
from machines import machines  # noqa: E402
from measure import RESULTS, Figure, Pair, Ran, Result, phases, run, timed  # noqa: E402
from modules import modules  # noqa: E402
from planning import planning  # noqa: E402
from plans import plans  # noqa: E402
from simulator import simulator  # noqa: E402

from automation import report  # noqa: E402
from automation.errors import DogitopsError, Interrupted  # noqa: E402
from automation.gitops import repository  # noqa: E402
from automation.jobs.recovery import evidence  # noqa: E402
from automation.jobs.sites import open_site  # noqa: E402
from automation.process import run as run_tool  # noqa: E402
from automation.site import Site  # noqa: E402
from automation.toolchain import images, install  # noqa: E402
from automation.workspace import Workspace, cache_folder  # noqa: E402

HOME = ROOT / ".dogitops" / "benchmark"
CLONE = HOME / "repository"
ENVIRONMENT = "local"
PORTS = 18480
TOOLS = ("kind", "kubectl", "kustomize", "tofu", "velero", "versitygw")


def dogitops(*arguments: str, look: float = 0.2) -> Ran:
    """Run our command line as a user does, in the benchmark's clone."""
    return run([sys.executable, "-m", "automation", *arguments], env={"PYTHONPATH": str(ROOT)}, cwd=ROOT, look=look)


@contextmanager
def prepared(environment: str = ENVIRONMENT) -> Iterator[tuple[Site, Bare]]:
    """Yield a site and a bare cluster's tools, with everything that can be made beforehand; clear up at the end."""
    os.environ |= {
        "DOGITOPS_ROOT": str(CLONE), "DOGITOPS_STATE": str(CLONE / ".dogitops"), "DOGITOPS_PROVIDER": "kind",
    }  # fmt: skip
    with report.phase("Making everything ready"):
        if CLONE.exists():
            clear(environment)  # of a run that was killed
        changed = repository.uncommitted(ROOT, ".")
        if changed:
            report.warn(f"The cluster sees commits only; not committed: {', '.join(changed[:5])}")
        run_tool(["git", "clone", "--quiet", ROOT, CLONE])
        file = CLONE / "opentofu" / "environments" / environment / "environment.yaml"
        told = yaml.safe_load(file.read_text())
        told["cluster"] |= {"name": "dogitops-bench", "provider": "kind", "control_planes": 1, "workers": 0}
        for number, part in enumerate(("objectstore", "gitops", "images")):
            told[part]["port"] = PORTS + number
        file.write_text(yaml.safe_dump(told, sort_keys=False))
        install.ensure(*TOOLS)
        images.ensure(*images.for_environment(environment))
        site = open_site(environment, workspace=Workspace(CLONE))
        site.up()
        site.store.ensure_bucket(site.environment.backup.bucket)
        bare = Bare(site, HOME / "bare")
        bare.delete()
    try:
        yield site, bare
    finally:
        with report.phase("Clearing up"):
            bare.clear()
            clear(environment)


def clear(environment: str) -> None:
    """Remove the clone's cluster, servers and files."""
    dogitops("cluster", "delete", environment, "--yes")
    dogitops("down", environment)
    shutil.rmtree(HOME, ignore_errors=True)


def cluster(repeat: int) -> Result:
    """Measure ``cluster create`` against bare ``kind create cluster`` up to a Ready node."""
    ours: list[float] = []
    theirs: list[float] = []
    with prepared() as (_, bare):
        for turn in turns(repeat):
            with report.phase(f"cluster, {turn}"):
                if turn.ours:
                    ours.append(dogitops("cluster", "create", ENVIRONMENT).seconds)
                    dogitops("cluster", "delete", ENVIRONMENT, "--yes")
                else:
                    theirs.append(timed(bare.create))
                    bare.delete()
    return Result("cluster", [Pair("cluster create, up to a Ready node", tuple(ours), tuple(theirs), 1.1)])


def bootstrap(repeat: int) -> Result:
    """Measure ``bootstrap`` against ``kubectl apply`` of the same rendered folders and waiting for the workloads."""
    return _bootstrap("bootstrap", ENVIRONMENT, repeat, 1.2)


def workbench(repeat: int) -> Result:
    """Measure the same with all of the platform that runs on one machine."""
    return _bootstrap("workbench", "workbench", repeat, 1.3)


def _bootstrap(name: str, environment: str, repeat: int, target: float) -> Result:
    ours: list[float] = []
    theirs: list[float] = []
    with prepared(environment) as (_, bare):
        everything = bare.prepare(["platform", "apps"])
        for turn in turns(repeat):
            with report.phase(f"{name}, {turn}"):
                if turn.ours:
                    dogitops("cluster", "create", environment)
                    last = dogitops("bootstrap", environment)
                    ours.append(last.seconds)
                    dogitops("cluster", "delete", environment, "--yes")
                else:
                    bare.create()
                    theirs.append(timed(lambda: bare.install(everything)))
                    bare.delete()
    what = f"bootstrap of {environment}, up to every application Synced and Healthy"
    figures = [Figure(f"last bootstrap: {title}", seconds, "s") for title, seconds in phases(last.output)]
    return Result(name, [Pair(what, tuple(ours), tuple(theirs), target)], figures)


def validation(_repeat: int) -> Result:
    """Measure ``gitops validate`` of all clusters, with nothing rendered before and with all of it."""
    rendered = cache_folder() / "gitops" / "rendered"
    install.ensure("kustomize", "kubeconform", "helm")
    shutil.rmtree(rendered, ignore_errors=True)
    cold, warm = (dogitops("gitops", "validate") for _ in range(2))
    return Result(
        "validation",
        figures=[
            Figure("gitops validate, all clusters, nothing rendered before", cold.seconds, "s", 20),
            Figure("gitops validate, all clusters, nothing changed since", warm.seconds, "s"),
            Figure("peak memory", cold.peak_mb, "MB"),
        ],
    )


def drill(_repeat: int) -> Result:
    """Measure a drill's RTO against creating, installing and restoring by hand, from the very same backup."""
    with prepared() as (site, bare):
        platform = bare.prepare(["platform"])
        for command in ("plan", "apply", "bootstrap"):
            with report.phase(f"dogitops {command}"):
                dogitops(command, ENVIRONMENT)
        with report.phase("dogitops drill"):
            ran = dogitops("drill", ENVIRONMENT, "--yes")
        _, told = evidence.newest(site)
        dogitops("cluster", "delete", ENVIRONMENT, "--yes")
        steps = {}
        for name, work in {
            "create": bare.create,
            "install": lambda: bare.install(platform),
            "find the backup": lambda: bare.find_backup(told.backup),
            "restore": lambda: bare.restore(told.backup, site.environment.backup.namespaces),
        }.items():
            with report.phase(f"bare tools: {name}"):
                steps[name] = timed(work)
    if told.rto_seconds is None:
        raise DogitopsError("The drill measured no RTO.")
    rto = (told.rto_seconds,)
    floor = sum(seconds for name, seconds in steps.items() if name != "find the backup")
    return Result(
        "drill",
        [
            Pair("RTO, with wipe and verification; bare: create, install, restore", rto, (floor,), 1.25),
            Pair("the same; bare: with waiting until Velero has found the backup", rto, (sum(steps.values()),)),
        ],
        [
            *(Figure(f"bare: {name}", seconds, "s") for name, seconds in steps.items()),
            *(Figure(f"drill: {phase.name}", phase.seconds, "s") for phase in told.phases),
            Figure("drill, as a whole", ran.seconds, "s"),
            Figure("peak memory of the command line while the drill ran", ran.peak_mb, "MB", 150),
        ],
    )  # fmt: skip


def cli(repeat: int) -> Result:
    """Measure ``--help``, against starting Python with the same two libraries."""
    libraries = [sys.executable, "-c", "import typer, rich.console, rich.table"]
    ours = tuple(dogitops("--help").seconds for _ in range(repeat))
    bare = tuple(run(libraries).seconds for _ in range(repeat))
    script = sorted(run([ROOT / "scripts" / "dogitops", "--help"]).seconds for _ in range(repeat))
    return Result(
        "cli",
        [Pair("--help; bare: Python with typer and rich", ours, bare)],
        [
            Figure("--help, median", sorted(ours)[repeat // 2], "s", 0.35),
            Figure("scripts/dogitops --help, median", script[repeat // 2], "s"),
            Figure("--help, peak memory", dogitops("--help", look=0.002).peak_mb, "MB"),
        ],
    )


class Turn:
    """Whose turn it is, and in which round."""

    def __init__(self, number: int, *, ours: bool) -> None:
        self.number = number
        self.ours = ours

    def __str__(self) -> str:
        return f"round {self.number}: {'dogitops' if self.ours else 'bare tools'}"


def turns(repeat: int) -> Iterator[Turn]:
    """Yield the turns of each round; who begins changes from round to round, so that neither always comes warm."""
    for number in range(1, repeat + 1):
        first = number % 2 == 0
        yield Turn(number, ours=first)
        yield Turn(number, ours=not first)


BENCHMARKS = {
    "cluster": (cluster, 3),
    "bootstrap": (bootstrap, 1),
    "workbench": (workbench, 1),
    "validation": (validation, 1),
    "drill": (drill, 1),
    "plans": (plans, 5),
    "planning": (planning, 7),
    "cli": (cli, 15),
    "simulator": (simulator, 5),
    "reaping": (reaping, 1),
    "applying": (applying, 3),
    "modules": (modules, 1),
    "machines": (machines, 3),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("benchmark", choices=[*BENCHMARKS, "all"])
    parser.add_argument(
        "--repeat",
        type=int,
        help="rounds (cluster 3, plans 5, planning 7, cli 15, simulator 5, applying 3, machines 3; the others once)",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON (benchmarks/results)")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what runs is cleared up
    for name in BENCHMARKS if options.benchmark == "all" else [options.benchmark]:
        work, repeat = BENCHMARKS[name]
        try:
            result = work(max(1, options.repeat or repeat))
        except KeyboardInterrupt:
            report.failure(Interrupted("Interrupted; what ran is cleared up."))
            return Interrupted.exit_code
        except DogitopsError as error:
            report.failure(error)
            return error.exit_code
        result.show()
        result.write(options.results / f"{name}.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
