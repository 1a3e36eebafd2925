"""Locks on environments: in the bucket, or on GitHub where the store ignores conditions."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.errors import ConfigurationError
from automation.jobs.pull_requests import locks
from automation.locks import Holder, LockHeld
from automation.simulators.github import GitHubSimulator
from automation.site import Site
from tests.integration.s3 import S3

NAME = "acme/platform"
ONE, TWO = Holder(NAME, 1, "ada"), Holder(NAME, 2, "grace")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubSimulator]:
    folder = tmp_path / "hosted"
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    with GitHubSimulator() as simulator:
        simulator.add_repository(NAME, str(folder))
        monkeypatch.setenv("GITHUB_API_URL", simulator.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", NAME)
        monkeypatch.setenv("GITHUB_TOKEN", simulator.create_token(permissions={"contents": "write"}))
        yield simulator


@pytest.mark.parametrize("conditions", ["honoured", "ignored"])
def test_one_pull_request_at_a_time_wherever_the_lock_is_kept(
    site: Site, s3: S3, hub: GitHubSimulator, conditions: str
) -> None:
    s3.conditions = conditions
    keeper = locks.keeper(site)
    keeper.acquire("there", ONE)
    with pytest.raises(LockHeld, match="acme/platform#1"):
        keeper.acquire("there", TWO)
    lock = locks.held(site)
    assert lock is not None
    assert lock.holder.pull_request == 1
    assert not locks.release(site, 2)
    stolen = locks.steal(site, 2, "", "grace", "a hotfix")
    assert stolen.stolen_from is not None
    assert (stolen.stolen_from.pull_request, stolen.reason) == (1, "a hotfix")
    assert locks.release(site, 2)
    assert locks.held(site) is None
    kept_on_github = any("/git/" in request["path"] for request in hub.requests())
    assert kept_on_github == (conditions == "ignored")


def test_without_conditions_and_without_github_there_is_no_lock(
    site: Site, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.conditions = "ignored"
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="GITHUB_TOKEN"):
        locks.keeper(site)


def test_there_is_nothing_to_steal_of_what_is_free(site: Site, s3: S3) -> None:
    with pytest.raises(ConfigurationError, match="nothing to steal"):
        locks.steal(site, 2, "", "grace", "why not")
