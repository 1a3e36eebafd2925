from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from automation import keeper, wait


def keep(lock: Path, *argv: str) -> subprocess.Popen[str]:
    words = [str(word) for word in keeper.command(lock, argv)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(words, text=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, **pipes)  # type: ignore[call-overload, no-any-return]


def test_the_keeper_passes_output_and_exit_code_on(tmp_path: Path) -> None:
    child = keep(tmp_path / "lock", "sh", "-c", "echo one; echo two >&2; exit 7")
    out, err = child.communicate(timeout=20)
    assert child.returncode == 7
    assert "one" in out
    assert err == "two\n"


def test_the_keeper_goes_on_when_nobody_listens_and_is_waited_for(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    script = f"echo a; touch {flag}; until test -e {flag}.go; do echo b; sleep 0.05; done; echo c; touch {flag}.done"
    child = keep(tmp_path / "lock", "sh", "-c", script)
    assert child.stdout is not None
    assert child.stderr is not None
    wait.until(flag.exists, "the script to work", timeout=20, interval=0.02)
    child.stdout.close()
    child.stderr.close()
    release = threading.Timer(0.3, Path(f"{flag}.go").touch)
    release.start()
    keeper.wait_for_earlier(tmp_path / "lock", "an apply")
    assert Path(f"{flag}.done").exists()
    assert child.wait(timeout=20) == 0


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_the_keeper_ends_what_it_keeps_when_told_to(tmp_path: Path, sign: int) -> None:
    flag = tmp_path / "flag"
    script = f"trap 'touch {flag}.told; exit 0' INT; sleep 0.3; touch {flag}; while :; do sleep 0.05; done"
    child = keep(tmp_path / "lock", "sh", "-c", script)
    wait.until(flag.exists, "the script to work", timeout=20, interval=0.02)
    child.send_signal(sign)
    child.communicate(timeout=20)
    assert child.returncode == 130
    assert Path(f"{flag}.told").exists()
