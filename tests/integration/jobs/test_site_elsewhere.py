"""A site whose cluster is at DigitalOcean, whose Git is on GitHub, and that several machines work on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from automation.clusters.base import ClusterSpec
from automation.digitalocean.doks import DoksProvider
from automation.errors import ConfigurationError, VerificationFailed
from automation.jobs.infrastructure.reap import Reaper, check, reap
from automation.jobs.recovery.evidence import public_key, signing_key
from automation.jobs.sites import open_site
from automation.jobs.status.brief import status
from automation.simulators.digitalocean import DigitalOceanSimulator, Limits
from automation.site import Site
from automation.workspace import Workspace
from tests.integration.digitalocean.scripted import account

KEY = "a canary of thirty-two characters, or more"


@pytest.fixture
def sky() -> Iterator[DigitalOceanSimulator]:
    with DigitalOceanSimulator(limits=Limits(hour=None, minute=None)) as sky:
        yield sky


@pytest.fixture
def facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Describe a cluster at DigitalOcean in place of somebody else's."""
    doks = {"provider": "doks", "name": "dogitops-there", "region": "fra1", "size": "s-2vcpu-4gb", "workers": 1}
    generated = {"namespace": "velero", "name": "repo", "keys": {"password": {"generate": 48}}}
    return {
        **facts,
        "cluster": {**doks, "time_to_live": 4},
        "gitops": {"path": "gitops", "repository": "https://github.com/acme/infra.git"},
        "secrets": [generated],
    }


@pytest.fixture
def workspace(workspace: Workspace, sky: DigitalOceanSimulator, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    for name in ("DOGITOPS_SECRETS_KEY", "SPACES_ENDPOINT_URL", "DIGITALOCEAN_ACCESS_TOKEN", "DOGITOPS_ENVELOPE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", sky.token())
    monkeypatch.setenv("DIGITALOCEAN_API_URL", sky.url)
    return workspace


def changed(workspace: Workspace, facts: dict[str, Any], **parts: dict[str, Any]) -> Site:
    """Return the site with parts of its environment.yaml changed."""
    told = {**facts, **{name: {**facts.get(name, {}), **part} for name, part in parts.items()}}
    (workspace.environments / "there" / "environment.yaml").write_text(yaml.safe_dump(told))
    return open_site("there", workspace=workspace)


def hasty(site: Site, sky: DigitalOceanSimulator) -> DoksProvider:
    """Give the site's provider a client that waits for nothing."""
    provider = site.provider
    assert isinstance(provider, DoksProvider)
    site.__dict__["provider"] = quick = replace(provider, cloud=account(sky.url, token=sky.token()))
    return quick


def test_the_provider_is_made_of_what_the_environment_says(site: Site) -> None:
    before = datetime.now(UTC)
    provider = site.provider
    assert isinstance(provider, DoksProvider)
    assert (provider.region, provider.size, provider.environment) == ("fra1", "s-2vcpu-4gb", "there")
    assert provider.until is not None
    assert timedelta(hours=4) <= provider.until - before < timedelta(hours=5)


def test_without_a_time_to_live_it_lives_for_ever(workspace: Workspace, facts: dict[str, Any]) -> None:
    del facts["cluster"]["time_to_live"]
    provider = changed(workspace, facts).provider
    assert isinstance(provider, DoksProvider)
    assert provider.until is None


def test_without_a_token_it_says_which_variable_is_missing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITALOCEAN_TOKEN")
    with pytest.raises(ConfigurationError, match="DIGITALOCEAN_TOKEN is not set"):
        site.provider  # noqa: B018 - the property is what is tested


def test_an_environment_of_this_machine_can_not_be_made_there(workspace: Workspace, facts: dict[str, Any]) -> None:
    facts["cluster"] = {"provider": "auto", "name": "dogitops-there"}
    changed(workspace, facts)
    with pytest.raises(ConfigurationError, match="does not say where at DigitalOcean") as caught:
        open_site("there", provider="doks", workspace=workspace).provider  # noqa: B018
    assert "'provider: doks'" in (caught.value.hint or "")


def test_nothing_of_it_is_on_this_machine(site: Site) -> None:
    assert site.mirror is None
    assert site.ports == (None, None)
    assert site.git_url == site.repository_url == "https://github.com/acme/infra.git"
    site.up()
    assert site.down() == []


def test_it_must_not_be_made_before_its_repository_has_a_name(workspace: Workspace, facts: dict[str, Any]) -> None:
    site = changed(workspace, facts, gitops={"repository": "https://github.com/OWNER/infra.git"})
    with pytest.raises(ConfigurationError, match="still names OWNER") as caught:
        site.create_cluster()
    assert "sourceRepos" in (caught.value.hint or "")


def test_spaces_can_be_elsewhere(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACES_ENDPOINT_URL", "http://127.0.0.1:9000/")
    assert site.store.endpoint == "http://127.0.0.1:9000"


def test_a_cluster_that_another_machine_made_is_found(site: Site, sky: DigitalOceanSimulator) -> None:
    provider = hasty(site, sky)
    (line,) = status(site)
    assert "does not exist" in line.state
    with pytest.raises(ConfigurationError, match="has no cluster yet"):
        site.kube  # noqa: B018
    provider.create(ClusterSpec(site.cluster, workers=1), site.kept.parent / "another-machine" / "kubeconfig")
    assert not site.kubeconfig.exists()
    assert site.reachable()
    assert site.kubeconfig.stat().st_mode & 0o077 == 0


def test_the_token_of_a_private_repository_is_seeded(
    workspace: Workspace, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = changed(workspace, facts, gitops={"token_variable": "GIT_TOKEN"})
    monkeypatch.delenv("GIT_TOKEN", raising=False)
    told = r"the token that reads https://github.com/acme/infra.git: the variable GIT_TOKEN is not set"
    with pytest.raises(ConfigurationError, match=told):
        site.secrets()
    monkeypatch.setenv("GIT_TOKEN", "canary-value-9")
    repository = site.secrets()[-1]
    assert repository.place == "argocd/repository"
    assert repository.plain["url"] == "https://github.com/acme/infra.git"


def test_every_machine_derives_the_same_secrets(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("DOGITOPS_SECRETS_KEY", KEY)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    found = []
    for machine in ("one", "two"):
        monkeypatch.setenv("DOGITOPS_STATE", str(tmp_path_factory.mktemp(machine)))
        site = open_site("there", workspace=workspace)
        [generated] = site.secrets()
        password = generated.data["password"].reveal()
        assert len(password) == 48
        found.append((password, site.lasting("inventory.key").reveal(), signing_key(site).public))
        assert not (site.kept / "secrets").exists(), "nothing of it lies on the machine"
    assert found[0] == found[1]
    assert len(set(found[0])) == 3
    monkeypatch.setenv("DOGITOPS_SECRETS_KEY", KEY[::-1])
    assert open_site("there", workspace=workspace).secrets()[0].data["password"].reveal() != found[0][0]


@pytest.mark.parametrize(("value", "told"), [(None, "is not set"), ("short", "has fewer than 32 characters")])
def test_what_ends_with_the_job_must_be_derived(
    site: Site, monkeypatch: pytest.MonkeyPatch, value: str | None, told: str
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    if value:
        monkeypatch.setenv("DOGITOPS_SECRETS_KEY", value)
    with pytest.raises(ConfigurationError, match=told) as caught:
        site.secrets()
    assert "openssl rand" in (caught.value.hint or "")


def test_a_drill_that_nobody_would_believe_is_not_begun(
    workspace: Workspace, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOGITOPS_SECRETS_KEY", KEY)
    right = signing_key(open_site("there", workspace=workspace)).public
    site = changed(workspace, facts, drill={"public_key": right})
    assert signing_key(site).public == public_key(site) == right
    monkeypatch.setenv("DOGITOPS_SECRETS_KEY", KEY[::-1])
    with pytest.raises(ConfigurationError, match="would not be believed"):
        signing_key(open_site("there", workspace=workspace))
    assert public_key(open_site("there", workspace=workspace)) == right, "whoever only reads needs no key"


def test_what_a_destroy_left_half_way_is_reaped_by_its_environment_before_it_expires(
    site: Site, sky: DigitalOceanSimulator
) -> None:
    provider = hasty(site, sky)
    provider.create(ClusterSpec(site.cluster, workers=1), site.kubeconfig)
    other = replace(provider, environment="other")
    other.create(ClusterSpec("dogitops-other", workers=1), site.kubeconfig)
    reaper = Reaper(provider.cloud, everything=False, now=datetime.now(UTC))
    check(reaper)  # nothing has expired
    of_it = replace(reaper, environment="there")
    with pytest.raises(VerificationFailed, match="should be gone, and are still there") as caught:
        check(of_it)
    assert caught.value.exit_code == 5
    reap(of_it, confirm=lambda _: True)
    check(of_it)
    assert [one.name for one in provider.cloud.clusters()] == ["dogitops-other"]


def test_an_expired_cluster_is_reaped_whoever_left_it(site: Site, sky: DigitalOceanSimulator) -> None:
    provider = hasty(site, sky)
    provider.create(ClusterSpec(site.cluster, workers=1), site.kubeconfig)
    early = Reaper(provider.cloud, everything=False, now=datetime.now(UTC) + timedelta(hours=3))
    check(early)
    late = replace(early, now=datetime.now(UTC) + timedelta(hours=4, minutes=1))
    with pytest.raises(VerificationFailed):
        check(late)
    reap(late, confirm=lambda _: True)
    assert provider.cloud.clusters() == []
    check(late)
