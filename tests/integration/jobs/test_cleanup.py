"""Destroying an environment at DigitalOcean takes along what its cluster made, and proves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from automation.clusters.base import ClusterSpec
from automation.digitalocean import ownership
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.doks import DoksProvider
from automation.errors import Refused, VerificationFailed
from automation.jobs.infrastructure.destroy import destroy
from automation.simulators.digitalocean import DigitalOceanSimulator, Limits
from automation.site import Site
from automation.workspace import Workspace
from tests.integration.digitalocean.scripted import account

from .conftest import FakeTofu, change

RULE = {"entry_protocol": "tcp", "entry_port": 80, "target_protocol": "tcp", "target_port": 80}


@pytest.fixture
def sky() -> Iterator[DigitalOceanSimulator]:
    with DigitalOceanSimulator(limits=Limits(hour=None, minute=None)) as sky:
        yield sky


@pytest.fixture
def facts(facts: dict[str, Any]) -> dict[str, Any]:
    doks = {"provider": "doks", "name": "dogitops-there", "region": "fra1", "size": "s-2vcpu-4gb", "workers": 1}
    repository = {"path": "gitops", "repository": "https://github.com/acme/infra.git"}
    return {**facts, "cluster": doks, "gitops": repository}


@pytest.fixture
def cloud(
    workspace: Workspace, site: Site, sky: DigitalOceanSimulator, monkeypatch: pytest.MonkeyPatch
) -> DigitalOcean:
    """Give the account, in which the environment's cluster runs with a load balancer and a volume that it made."""
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", sky.token())
    monkeypatch.setenv("DIGITALOCEAN_API_URL", sky.url)
    provider = site.provider
    assert isinstance(provider, DoksProvider)
    cloud = account(sky.url, token=sky.token())
    site.__dict__["provider"] = provider = replace(provider, cloud=cloud)
    provider.create(ClusterSpec(site.cluster, workers=1), site.kubeconfig)
    (cluster,) = cloud.clusters()
    mark = {"region": "fra1", "tags": [f"k8s:{cluster.id}"]}
    cloud._pydo.load_balancers.create({**mark, "name": "todo-app-lb", "forwarding_rules": [RULE]})
    cloud._pydo.volumes.create({**mark, "name": "pvc-1", "size_gigabytes": 5})
    cloud._pydo.volumes.create({"name": "somebody-else", "region": "fra1", "size_gigabytes": 5})
    return cloud


def left(cloud: DigitalOcean) -> list[str]:
    clusters, balancers = [one.name for one in cloud.clusters()], [one.name for one in cloud.load_balancers()]
    return [*clusters, *balancers, *(one.name for one in cloud.volumes())]


def to_destroy(tofu: FakeTofu) -> None:
    tofu.answer("plan", code=2)
    described = change("module.kubernetes.digitalocean_kubernetes_cluster.this", "delete")
    tofu.answer("show", {"format_version": "1.2", "resource_changes": [described]})


def test_what_the_cluster_made_goes_with_it(
    site: Site, tofu: FakeTofu, cloud: DigitalOcean, capfd: pytest.CaptureFixture[str]
) -> None:
    to_destroy(tofu)
    assert len(left(cloud)) == 4
    destroy(site, delete_backups=False, confirm=lambda _: True)
    assert left(cloud) == ["somebody-else"]
    told = capfd.readouterr().err
    assert "gone with it: 1 load balancers, 1 volumes, 0 snapshots" in told
    assert "There is nothing to delete." in told, "the second look at the whole account"


def test_what_the_cloud_leaves_behind_is_deleted(
    site: Site, tofu: FakeTofu, cloud: DigitalOcean, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster that was deleted without what belongs to it, as by a tofu that did not say so."""
    to_destroy(tofu)
    (cluster,) = cloud.clusters()
    tofu_apply = site.tofu.apply

    def apply(saved: Any) -> Any:
        cloud._pydo.kubernetes.delete_cluster(cluster.id)
        return tofu_apply(saved)

    monkeypatch.setattr(site.tofu, "apply", apply)
    destroy(site, delete_backups=False, confirm=lambda _: True)
    assert left(cloud) == ["somebody-else"]


def test_what_is_still_found_afterwards_fails_the_command(site: Site, tofu: FakeTofu, cloud: DigitalOcean) -> None:
    to_destroy(tofu)
    marks = ownership.tags("there")
    cloud._pydo.volumes.create({"name": "made-by-hand", "region": "fra1", "size_gigabytes": 5, "tags": marks})
    with pytest.raises(VerificationFailed, match="1 of ours should be gone"):
        destroy(site, delete_backups=False, confirm=lambda _: True)
    assert sorted(left(cloud)) == ["made-by-hand", "somebody-else"], "only what the cluster made is deleted"


def test_what_is_not_destroyed_keeps_all_it_has(site: Site, tofu: FakeTofu, cloud: DigitalOcean) -> None:
    to_destroy(tofu)
    with pytest.raises(Refused):
        destroy(site, delete_backups=False, confirm=lambda _: False)
    assert len(left(cloud)) == 4
