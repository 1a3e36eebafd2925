"""The command as people and scripts start it: a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import github
import pytest

from automation import process
from tests.integration.simulators.hub import NAME

# What the command line does about SIGTERM and about errors is automation.cli's part.
STARTER = """
import signal, sys
from automation import report
from automation.cli.simulate import app
from automation.errors import DogitopsError
def stop(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGTERM, stop)
try:
    app(prog_name="simulate")
except DogitopsError as error:
    report.failure(error)
    sys.exit(error.exit_code)
"""


@contextmanager
def started(*words: str | Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Start the command and yield it with the URL and the token that it printed."""
    argv = [sys.executable, "-c", STARTER, "github", *(str(word) for word in words)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield child, child.stdout.readline().strip(), child.stdout.readline().strip()
        finally:
            child.kill()


def repository(url: str, token: str) -> github.Repository.Repository:
    auth = github.Auth.Token(token)
    hub = github.Github(base_url=url, auth=auth, retry=None, seconds_between_requests=0, seconds_between_writes=0)
    return hub.get_repo(NAME)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_listens_says_so_and_ends_when_asked(origin: Path, sign: signal.Signals) -> None:
    with started("--repository", f"{NAME}={origin}") as (child, url, token):
        assert url.startswith("http://127.0.0.1:")
        assert repository(url, token).get_branch("main").commit.commit.message == "First"
        child.send_signal(sign)
        _, told = child.communicate(timeout=20)
    assert child.returncode == 0
    assert "Traceback" not in told
    assert "has ended" in told


def test_a_kill_loses_nothing(origin: Path, tmp_path: Path) -> None:
    words = ("--repository", f"{NAME}={origin}", "--state", tmp_path / "state.json")
    with started(*words) as (child, url, token):
        made = [repository(url, token).create_issue(f"issue {n}").number for n in range(3)]
        child.kill()
        child.wait(timeout=10)
    with started(*words) as (_, url, again):
        assert again == token
        assert sorted(issue.number for issue in repository(url, token).get_issues()) == made


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--repository", "x"], "is not OWNER/NAME=PATH"),
        (["--repository", "a/b/c=."], "is not OWNER/NAME=PATH"),
        (["--repository", "a/b=/nowhere/at/all"], "is not a Git repository"),
        ([], "no repository to serve"),
    ],
)
def test_wrong_use(words: list[str], told: str) -> None:
    done = process.run([sys.executable, "-c", STARTER, "github", *words], check=False)
    assert done.returncode == 2
    assert told in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
