from __future__ import annotations

import _thread
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from automation.errors import CommandFailed, ConfigurationError, DeadlineExceeded
from automation.process import Completed, run
from automation.secret import Secret


def python(code: str, **options: Any) -> Completed:
    return run([sys.executable, "-c", code], **options)


def test_both_streams_and_the_exit_code_are_kept() -> None:
    done = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_failure_tells_the_end_of_the_output_and_no_secret() -> None:
    secret = Secret("hunter2hunter2")
    with pytest.raises(CommandFailed) as caught:
        python("import os,sys; print('token is', os.environ['T']); sys.exit(1)", env={"T": secret})
    assert "token is ***" in caught.value.message
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in caught.value.output


def test_a_secret_reaches_the_environment_but_never_the_command_line() -> None:
    secret = Secret("correct-horse")
    assert python("import os; print(len(os.environ['T']))", env={"T": secret}).stdout == "13\n"
    with pytest.raises(TypeError):
        run(["echo", secret])  # type: ignore[list-item]


def test_lines_are_masked_as_they_come() -> None:
    Secret("battery-staple")
    seen: list[str] = []
    python("print('a battery-staple b')", on_line=seen.append)
    assert seen == ["a *** b"]


def test_stdin_is_fed() -> None:
    assert run(["cat"], stdin="text").stdout == "text"


def test_a_program_that_wants_no_stdin_is_no_error() -> None:
    assert run(["true"], stdin="x" * 1_000_000).returncode == 0


def test_a_missing_program_says_so() -> None:
    with pytest.raises(ConfigurationError, match=r"no-such-program was not found") as caught:
        run(["no-such-program"])
    assert "doctor" in (caught.value.hint or "")


def test_a_program_ends_in_order_though_nobody_can_be_told_what_it_says(tmp_path: Path) -> None:
    """As 'dogitops apply ENV 2>&1 | head -1' would have it: more output than a pipe holds, and nobody to show it to."""
    end = tmp_path / "end"

    def closed(_line: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(["sh", "-c", f"seq 200000; echo done >{end}"], on_line=closed, timeout=30)
    assert end.read_text() == "done\n"


def test_past_the_timeout_the_whole_group_is_ended(tmp_path: Path) -> None:
    """A shell's background job ignores SIGINT, so that it outlives the shell that was ended politely."""
    pid_file = tmp_path / "pid"
    with pytest.raises(DeadlineExceeded):
        run(["sh", "-c", f"sleep 600 & echo $! >{pid_file}; wait"], timeout=2)
    child = int(pid_file.read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_an_interrupt_ends_the_child(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"import os,pathlib,time; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(60)"

    def interrupt() -> None:
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.02)
        _thread.interrupt_main()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        python(code, timeout=50)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
