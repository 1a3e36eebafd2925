"""Nodes of kubeadm as an environment's outputs tell them, and its snapshots of etcd in a real bucket."""

from __future__ import annotations

from typing import Any

import pytest

from automation.droplets import etcd, kubeadm
from automation.errors import ConfigurationError, Refused
from automation.jobs.machines import nodes
from automation.jobs.machines.nodes import Nodes
from automation.jobs.sites import open_site
from automation.site import Site
from tests.integration.jobs.conftest import FakeTofu

BUCKET = "dogitops-there-backups"
OLDER, NEWER = "20261121T060000Z-control-plane-1", "20261121T120000Z-control-plane-2"


def droplet(number: int, role: str) -> dict[str, Any]:
    return {"id": str(number), "address": f"198.51.100.{number}", "role": role}


@pytest.fixture
def made(site: Site, tofu: FakeTofu) -> Site:
    """Give a site whose machines were made from here."""
    machines = {
        "worker-1": droplet(4, "worker"),
        "control-plane-2": droplet(2, "control-plane"),
        "control-plane-1": droplet(1, "control-plane"),
    }
    key = {"access_key": "key-of-the-bucket", "secret_key": "canary-value-of-the-bucket"}
    outputs = {"droplets": (machines, False), "backup_bucket": (BUCKET, False), "backup_key": (key, True)}
    tofu.answer("output", {name: {"value": value, "sensitive": secret} for name, (value, secret) in outputs.items()})
    Nodes(site).known.boot_key()
    return site


@pytest.fixture
def kept(made: Site) -> Site:
    """Give that site with two whole snapshots, and one whose writing was cut off."""
    store = made.store
    store.ensure_bucket(BUCKET)
    for name in (NEWER, OLDER):
        store.write(BUCKET, f"etcd/{name}.hmac", b"code")
        store.write(BUCKET, f"etcd/{name}.sealed", b"Salted__")
    store.write(BUCKET, "etcd/20261121T180000Z-control-plane-1.hmac", b"code")
    return made


def test_the_machines_are_those_of_the_outputs(made: Site) -> None:
    cluster = Nodes(made).cluster
    assert [machine.name for machine in cluster.machines] == ["control-plane-1", "control-plane-2", "worker-1"]
    assert cluster.first.address == "198.51.100.1"
    assert all(machine.first_contact for machine in cluster.machines), "a secret would be sent at first contact"


def test_an_environment_without_control_planes_says_so(site: Site, tofu: FakeTofu) -> None:
    with pytest.raises(ConfigurationError, match="has no control planes") as caught:
        nodes.renew(site)
    assert caught.value.hint is not None
    assert "dogitops nodes up there" in caught.value.hint


def test_machines_that_somebody_else_made_are_not_talked_to(made: Site) -> None:
    Nodes(made).known.settled()
    with pytest.raises(ConfigurationError, match="was not made from here"):
        nodes.upgrade_to(made, "1.35.8")


def test_whole_snapshots_are_listed_the_oldest_first(kept: Site) -> None:
    assert [one.name for one in nodes.snapshots(kept)] == [OLDER, NEWER]
    assert etcd.known(nodes.snapshots(kept), "latest").name == NEWER


def test_a_snapshot_that_there_is_not_is_refused(kept: Site) -> None:
    with pytest.raises(ConfigurationError, match="There is no snapshot") as caught:
        nodes.restore(kept, OLDER[:-1] + "2", agreed=True)
    assert f"Did you mean {OLDER!r}?" in caught.value.message
    assert caught.value.hint == f"The newest is {NEWER}."


def test_an_empty_bucket_is_named(made: Site) -> None:
    made.store.ensure_bucket(BUCKET)
    with pytest.raises(ConfigurationError, match="no snapshot of etcd in the bucket"):
        nodes.restore(made, "latest", agreed=True)


def test_nothing_is_restored_unless_that_was_agreed_to(kept: Site) -> None:
    with pytest.raises(Refused, match="Nothing was restored"):
        nodes.restore(kept, "latest", agreed=False)


def test_control_planes_are_handed_the_buckets_own_key_and_a_lasting_password(made: Site) -> None:
    told = Nodes(made).gives()[kubeadm.KEYS]().reveal()
    values = dict(line.split("=", 1) for line in told.splitlines())
    assert values["ACCESS_KEY_ID"] == "key-of-the-bucket"
    assert values["SECRET_ACCESS_KEY"] == "canary-value-of-the-bucket"
    assert len(values["SNAPSHOT_PASSWORD"]) >= 43
    again = Nodes(open_site("there", workspace=made.workspace))
    again.site.__dict__["tofu"] = made.tofu
    assert again.gives()[kubeadm.KEYS]().reveal() == told


def test_an_upgrade_to_what_is_no_version_is_refused(made: Site) -> None:
    with pytest.raises(ConfigurationError, match="is no version of Kubernetes"):
        nodes.upgrade_to(made, "latest")
