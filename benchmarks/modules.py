"""``tofu test`` of all modules, with the provider mocked: what everybody waits for who changes one."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from measure import ROOT, Figure, Result

from automation import report
from automation.toolchain import install

MIRROR = "DOGITOPS_PROVIDER_MIRROR"
TARGET = 120  # seconds


def modules(repeat: int) -> Result:
    """Return how long the modules' own tests take together, their ``init`` apart. Needs a provider mirror."""
    mirror = os.environ.get(MIRROR)
    if not mirror:
        report.warn(f"Not measured: set {MIRROR} to a file-system mirror that has OpenTofu's DigitalOcean provider.")
        return Result("modules")
    with TemporaryDirectory() as made:
        home = Path(made)
        ignored = shutil.ignore_patterns(".terraform*")
        shutil.copytree(ROOT / "opentofu" / "modules", home / "modules", ignore=ignored)
        (home / "tofu.rc").write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
        )
        tofu = str(install.ensure("tofu")["tofu"])
        folders = sorted(folder.parent for folder in (home / "modules").glob("*/tests"))

        def run(folder: Path, *words: str) -> str:
            variables = os.environ | {"TF_CLI_CONFIG_FILE": str(home / "tofu.rc"), "CHECKPOINT_DISABLE": "1"}
            done = subprocess.run(
                [tofu, *words, "-no-color"], cwd=folder, env=variables, check=True, capture_output=True, text=True
            )
            return done.stdout

        with report.phase("init of all modules"):
            for folder in folders:
                run(folder, "init", "-backend=false", "-input=false")
        totals, runs = [], 0
        for number in range(1, repeat + 1):
            with report.phase(f"tests of all modules, round {number}"):
                began = time.perf_counter()
                runs = sum(run(folder, "test").count('"... pass') for folder in folders)
                totals.append(time.perf_counter() - began)
    return Result(
        "modules",
        figures=[
            Figure(f"tofu test of {len(folders)} modules, the longest of {repeat} rounds", max(totals), "s", TARGET),
            Figure("runs that passed", runs, ""),
        ],
    )
