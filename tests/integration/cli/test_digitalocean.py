"""dogitops reap, at the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from automation.cli import digitalocean
from automation.errors import ConfigurationError, VerificationFailed
from automation.simulators.digitalocean import DigitalOceanSimulator, Limits
from tests.integration.digitalocean.estate import DROPLET
from tests.integration.digitalocean.scripted import account

app = typer.Typer()
digitalocean.register(app)
app.command()(lambda: None)  # a second command keeps the first one's name


@pytest.fixture
def sky(monkeypatch: pytest.MonkeyPatch) -> Iterator[DigitalOceanSimulator]:
    with DigitalOceanSimulator(limits=Limits(hour=None, minute=None)) as sky:
        monkeypatch.setenv("DIGITALOCEAN_TOKEN", sky.token())
        monkeypatch.setenv("DIGITALOCEAN_API_URL", sky.url)
        yield sky


def run(*arguments: str) -> None:
    done = CliRunner().invoke(app, ["reap", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_without_yes_it_only_shows(sky: DigitalOceanSimulator) -> None:
    cloud = account(sky.url, token=sky.token())
    cloud._pydo.droplets.create({**DROPLET, "name": "dogitops-a", "tags": ["dogitops:until:20200101t0000z"]})
    cloud._pydo.droplets.create({**DROPLET, "name": "dogitops-b", "tags": ["dogitops"]})
    run()
    run("--dry-run", "--all")
    assert len(cloud.droplets()) == 2
    run("--yes")
    assert [one.name for one in cloud.droplets()] == ["dogitops-b"]
    run("--expired", "--yes")
    assert len(cloud.droplets()) == 1
    run("--all", "--yes")
    assert cloud.droplets() == []


@pytest.mark.parametrize("both", [("--expired", "--all"), ("--yes", "--dry-run"), ("--yes", "--check")])
def test_what_contradicts_itself_is_refused(both: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="together"):
        run(*both)


def test_a_check_deletes_nothing_and_exits_with_5_where_something_is_left(sky: DigitalOceanSimulator) -> None:
    cloud = account(sky.url, token=sky.token())
    tags = ["dogitops", "dogitops:env:nightly", "dogitops:until:20990101t0000z"]
    cloud._pydo.droplets.create({**DROPLET, "name": "dogitops-a", "tags": tags})
    run("--expired", "--check")
    run("--environment", "weekly", "--check")
    with pytest.raises(VerificationFailed, match="1 of ours should be gone") as caught:
        run("--environment", "nightly", "--check")
    assert caught.value.exit_code == 5
    assert len(cloud.droplets()) == 1
    run("--environment", "nightly", "--yes")
    run("--environment", "nightly", "--check")
    assert cloud.droplets() == []


def test_no_token_says_where_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITALOCEAN_TOKEN", raising=False)
    monkeypatch.delenv("DIGITALOCEAN_ACCESS_TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match="no token for DigitalOcean"):
        run()


def test_buckets_need_keys_of_their_own(sky: DigitalOceanSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ACCESS_KEY_ID", raising=False)
    with pytest.raises(ConfigurationError, match="keys of their own") as refused:
        run("--buckets")
    assert "SPACES_SECRET_ACCESS_KEY" in str(refused.value.hint)
