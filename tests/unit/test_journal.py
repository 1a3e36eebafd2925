from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from automation.errors import ConfigurationError
from automation.journal import Journal

KEY = {"environment": "local"}


def test_a_finished_phase_is_not_run_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    runs: list[int] = []
    for _ in range(3):
        journal = Journal(path, kind="drill", key=KEY)
        assert journal.once("one", lambda: runs.append(1) or {"found": len(runs)}) == {"found": 1}
    assert runs == [1]


def test_a_failed_phase_runs_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", kind="drill", key=KEY)
    with pytest.raises(ZeroDivisionError):
        journal.once("one", lambda: 1 / 0)
    assert journal.once("one", lambda: "well") == "well"


def test_a_torn_last_line_is_ignored_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, kind="drill", key=KEY)
    journal.once("one", lambda: 1)
    journal.once("two", lambda: 2)
    path.write_text(path.read_text()[:-9])
    again = Journal(path, kind="drill", key=KEY)
    assert again.finished_phases == ("one",)
    assert again.once("two", lambda: 22) == 22
    assert Journal(path, kind="drill", key=KEY).finished_phases == ("one", "two")


def test_another_run_s_journal_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path, kind="drill", key=KEY).once("one", lambda: 1)
    with pytest.raises(ConfigurationError, match="other options") as caught:
        Journal(path, kind="drill", key={"environment": "other"})
    assert "--fresh" in (caught.value.hint or "")
    replaced = Journal(path, kind="drill", key={"environment": "other"}, replace_other=True)
    assert replaced.finished_phases == ()


def test_times_survive(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path, kind="drill", key=KEY).once("one", lambda: 1)
    again = Journal(path, kind="drill", key=KEY)
    assert again.resumed
    assert again.seconds("one") >= 0
    assert again.started_at("one") > 1_700_000_000


def test_sigkill_at_any_moment_leaves_a_journal_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    code = f"""
from pathlib import Path
from automation.journal import Journal
journal = Journal(Path({str(path)!r}), kind="k", key={{}})
for number in range(100000):
    journal.once(f"phase {{number}}", lambda: number)
    print(number, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    told = [child.stdout.readline() for _ in range(40)]
    child.send_signal(signal.SIGKILL)
    child.wait()
    again = Journal(path, kind="k", key={})
    assert len(again.finished_phases) >= len(told)
    assert list(again.finished_phases) == [f"phase {n}" for n in range(len(again.finished_phases))]
