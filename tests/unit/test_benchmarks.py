"""The benchmarks run; what they find is a person's to judge, so no time is asserted here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_line_is_measured_and_the_result_is_written(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "run.py", "cli", "--repeat", "1", "--results", tmp_path],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "cli.json").read_text())
    assert told["machine"]["cores"] >= 1
    assert told["pairs"][0]["ratio"] > 0
    assert {figure["unit"] for figure in told["figures"]} == {"s", "MB"}
    assert all(figure["value"] > 0 for figure in told["figures"])


def test_an_unknown_benchmark_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "run.py", "clutser"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "cluster" in done.stderr
