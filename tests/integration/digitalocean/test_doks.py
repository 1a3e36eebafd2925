"""Clusters of DigitalOcean's Kubernetes: whole, or nothing of them is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from automation.clusters.base import ClusterProvider, ClusterSpec
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.doks import CreationFailed, DoksProvider
from automation.digitalocean.problems import (
    AnswerUnreadable,
    CloudError,
    NoCapacity,
    QuotaReached,
    ScopeMissing,
    TokenRefused,
)
from automation.errors import ConfigurationError, DogitopsError, Refused
from automation.secret import masked
from automation.simulators.digitalocean import Delays, DigitalOceanSimulator, Fault, Limits

from .estate import DROPLET
from .scripted import HASTE, Told, account, scripted

NAME = "dogitops-pr-7"
SPEC = ClusterSpec(NAME, workers=2)


def provider(cloud: DigitalOcean, **more: object) -> DoksProvider:
    values: dict[str, object] = {"region": "fra1", "size": "s-2vcpu-4gb", **more}
    return DoksProvider(cloud, **values)  # type: ignore[arg-type]


def created(sky: DigitalOceanSimulator) -> int:
    """Return how many creations of clusters were asked for."""
    return sum((asked.method, asked.path) == ("POST", "/v2/kubernetes/clusters") for asked in sky.requests)


def foreign(cloud: DigitalOcean, name: str = NAME, tags: tuple[str, ...] = ()) -> str:
    pool = {"name": "pool", "size": "s-2vcpu-4gb", "count": 1}
    version = cloud.kubernetes_options().versions[0]
    body = {"name": name, "region": "fra1", "version": version, "tags": list(tags), "ha": False, "node_pools": [pool]}
    return str(cloud._pydo.kubernetes.create_cluster(body)["kubernetes_cluster"]["id"])


def test_it_is_a_provider_of_clusters(cloud: DigitalOcean) -> None:
    made: ClusterProvider = provider(cloud)
    assert made.kind == "doks"


def test_a_cluster_is_made_once_and_carries_our_marks(
    cloud: DigitalOcean, sky: DigitalOceanSimulator, tmp_path: Path
) -> None:
    until = datetime(2027, 1, 2, 3, 4, tzinfo=UTC)
    made = provider(cloud, environment="pr-7", until=until)
    assert not made.exists(NAME)
    made.create(SPEC, tmp_path / "a" / "kubeconfig")
    (cluster,) = cloud.clusters()
    assert {"dogitops", "dogitops:env:pr-7", "dogitops:until:20270102t0304z"} <= set(cluster.tags)
    assert (cluster.state, cluster.ha, cluster.region) == ("running", False, "fra1")
    assert len(made.nodes(NAME)) == 2
    assert made.exists(NAME)
    assert (tmp_path / "a" / "kubeconfig").stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load((tmp_path / "a" / "kubeconfig").read_text())["kind"] == "Config"
    made.create(SPEC, tmp_path / "kubeconfig")
    assert created(sky) == 1
    made.write_kubeconfig(NAME, tmp_path / "again")
    assert yaml.safe_load((tmp_path / "again").read_text())["clusters"]


def test_high_availability_is_always_said(cloud: DigitalOcean, tmp_path: Path) -> None:
    provider(cloud).create(ClusterSpec(NAME, control_planes=3, workers=1), tmp_path / "kubeconfig")
    assert cloud.clusters()[0].ha


def test_a_cluster_of_another_description_is_not_taken(cloud: DigitalOcean, tmp_path: Path) -> None:
    provider(cloud).create(SPEC, tmp_path / "kubeconfig")
    with pytest.raises(ConfigurationError, match="nodes is 2, not 3"):
        provider(cloud).create(ClusterSpec(NAME, workers=3), tmp_path / "kubeconfig")


def test_it_goes_with_all_that_it_made(cloud: DigitalOcean, tmp_path: Path) -> None:
    made = provider(cloud)
    made.create(SPEC, tmp_path / "kubeconfig")
    assert made.delete(NAME) is True
    assert made.delete(NAME) is False
    assert cloud.clusters() == []
    assert cloud.droplets() == []
    assert made.nodes(NAME) == []


def test_what_is_not_ours_is_neither_taken_nor_deleted(cloud: DigitalOcean, tmp_path: Path) -> None:
    foreign(cloud)
    made = provider(cloud)
    with pytest.raises(Refused, match="tag"):
        made.create(SPEC, tmp_path / "kubeconfig")
    with pytest.raises(Refused, match="tag"):
        made.delete(NAME)
    foreign(cloud, "production", ("dogitops",))
    with pytest.raises(Refused, match="prefix"):
        made.delete("production")
    with pytest.raises(Refused, match="prefix"):
        made.create(ClusterSpec("production"), tmp_path / "kubeconfig")
    assert len(cloud.clusters()) == 2


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"region": "fra2"}, r"no region 'fra2'\. Nearest: 'fra1'"),
        ({"size": "s-2vcpu-4g"}, r"no size 's-2vcpu-4g'\. Nearest: 's-2vcpu-4gb"),
        ({"version": "1.12"}, r"no Kubernetes version '1\.12'\. Nearest: '1\.34\."),
        ({"version": "1.99.1"}, r"no Kubernetes version '1\.99\.1'\. Nearest: '1\.36\."),
    ],
)
def test_an_unknown_slug_names_the_nearest(
    cloud: DigitalOcean, sky: DigitalOceanSimulator, tmp_path: Path, wrong: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        provider(cloud, **wrong).create(SPEC, tmp_path / "kubeconfig")
    assert "Choose one of" in str(refused.value.hint)
    assert created(sky) == 0


def test_a_wrong_token_and_a_missing_scope_say_so(
    cloud: DigitalOcean, sky: DigitalOceanSimulator, tmp_path: Path
) -> None:
    with pytest.raises(TokenRefused):
        provider(account(sky.url, token="dop_v1_wrong")).create(SPEC, tmp_path / "kubeconfig")
    reader = account(sky.url, token=sky.token(["read"]))
    with pytest.raises(ScopeMissing, match="`kubernetes:create`"):
        provider(reader).create(SPEC, tmp_path / "kubeconfig")
    assert cloud.clusters() == []


@pytest.mark.parametrize("kind", ["5xx-before", "5xx-after", "cut", "cut-after", "truncated", "429"])
def test_a_lost_answer_makes_one_cluster(
    cloud: DigitalOcean, sky: DigitalOceanSimulator, tmp_path: Path, kind: str
) -> None:
    sky.faults.add(Fault(kind, "POST", "/v2/kubernetes/clusters", status=503, retry_after=0))
    provider(cloud).create(SPEC, tmp_path / "kubeconfig")
    assert len(cloud.clusters()) == 1


def test_a_creation_that_fails_is_cleaned_up_and_tried_again(
    cloud: DigitalOcean, sky: DigitalOceanSimulator, tmp_path: Path
) -> None:
    sky.faults.trouble("kubernetes.create", times=2)
    provider(cloud).create(SPEC, tmp_path / "kubeconfig")
    assert created(sky) == 3
    assert [one.state for one in cloud.clusters()] == ["running"]


def test_a_creation_that_always_fails_ends_with_nothing_left(
    cloud: DigitalOcean, sky: DigitalOceanSimulator, tmp_path: Path
) -> None:
    sky.faults.trouble("kubernetes.create", times=100)
    with pytest.raises(CreationFailed, match="Nothing of it is left") as failed:
        provider(cloud).create(SPEC, tmp_path / "kubeconfig")
    assert failed.value.exit_code == 1
    assert created(sky) == 3
    assert cloud.clusters() == []
    assert cloud.droplets() == []
    assert not (tmp_path / "kubeconfig").exists()


def test_a_cluster_that_never_runs_is_cleaned_up(tmp_path: Path) -> None:
    with DigitalOceanSimulator(delays=Delays(cluster=3600), limits=Limits(hour=None, minute=None)) as sky:
        cloud = account(sky.url, replace(HASTE, cluster=0.1), sky.token())
        with pytest.raises(CreationFailed, match="Waited"):
            provider(cloud).create(SPEC, tmp_path / "kubeconfig")
        assert cloud.clusters() == []


def test_a_cluster_left_in_error_is_made_anew(cloud: DigitalOcean, sky: DigitalOceanSimulator, tmp_path: Path) -> None:
    sky.faults.trouble("kubernetes.create")
    first = foreign(cloud, tags=("dogitops",))
    assert cloud.clusters()[0].state == "error"
    provider(cloud).create(ClusterSpec(NAME, workers=1), tmp_path / "kubeconfig")
    assert [(one.state, one.id == first) for one in cloud.clusters()] == [("running", False)]


def test_a_cluster_that_somebody_deletes_while_it_is_made_says_so(tmp_path: Path) -> None:
    with DigitalOceanSimulator(delays=Delays(cluster=3600), limits=Limits(hour=None, minute=None)) as sky:
        cloud = account(sky.url, token=sky.token())
        made = cloud.cluster(foreign(cloud, tags=("dogitops",)))
        cloud.delete("cluster", made.id)
        with pytest.raises(CloudError, match="deleted by somebody else"):
            provider(cloud)._running(made)


def test_a_cluster_that_was_deleted_behind_our_back_says_so(cloud: DigitalOcean, tmp_path: Path) -> None:
    made = provider(cloud)
    made.create(SPEC, tmp_path / "kubeconfig")
    cloud.delete("cluster", cloud.clusters()[0].id)
    with pytest.raises(CloudError, match="no cluster dogitops-pr-7") as failed:
        made.write_kubeconfig(NAME, tmp_path / "other")
    assert "cluster create" in str(failed.value.hint)
    assert made.delete(NAME) is False


def test_images_can_not_be_put_into_it(cloud: DigitalOcean) -> None:
    with pytest.raises(Refused, match="DigitalOcean's"):
        provider(cloud).load_images(NAME, ["a"])


def test_a_dump_holds_what_is_known_and_no_secret(cloud: DigitalOcean, tmp_path: Path) -> None:
    made = provider(cloud)
    made.dump(NAME, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    made.create(SPEC, tmp_path / "kubeconfig")
    made.dump(NAME, tmp_path / "dump")
    told = (tmp_path / "dump" / f"{NAME}.json").read_text()
    assert "running" in told
    assert "token" not in told.lower()


def test_the_network_that_is_lost_while_it_is_deleted_says_so_and_the_next_run_ends_it(
    cloud: DigitalOcean, sky: DigitalOceanSimulator, tmp_path: Path
) -> None:
    made = provider(cloud)
    made.create(SPEC, tmp_path / "kubeconfig")
    sky.faults.add(Fault("cut", "DELETE", times=100))
    with pytest.raises(DogitopsError, match="No answer from DigitalOcean"):
        made.delete(NAME)
    sky.faults.clear()
    assert made.delete(NAME) is True
    assert cloud.clusters() == []


def test_a_quota_that_is_reached_says_so(tmp_path: Path) -> None:
    with DigitalOceanSimulator(limits=Limits(droplets=1, hour=None, minute=None)) as sky:
        cloud = account(sky.url, token=sky.token())
        cloud._pydo.droplets.create({**DROPLET, "name": "a"})
        with pytest.raises(QuotaReached):
            provider(cloud).create(SPEC, tmp_path / "kubeconfig")
        assert cloud.clusters() == []


def test_one_of_ours_is_told_from_one_of_somebody_else_by_its_tag(cloud: DigitalOcean, tmp_path: Path) -> None:
    """DigitalOcean may let two clusters have the same name."""
    theirs = foreign(cloud)
    ours = foreign(cloud, tags=("dogitops",))
    provider(cloud).create(ClusterSpec(NAME, workers=1), tmp_path / "kubeconfig")
    assert {one.id for one in cloud.clusters()} == {theirs, ours}
    assert provider(cloud).delete(NAME) is True
    assert {one.id for one in cloud.clusters()} == {theirs}


def test_a_region_without_room_says_so(cloud: DigitalOcean, sky: DigitalOceanSimulator, tmp_path: Path) -> None:
    sky.faults.trouble("kubernetes.capacity")
    with pytest.raises(NoCapacity, match="not available"):
        provider(cloud).create(SPEC, tmp_path / "kubeconfig")
    assert cloud.clusters() == []


@pytest.mark.parametrize("body", [b"<html>", b"a: [", b"kind: Config", b"[]", b"users: [1]"])
def test_what_is_no_kubeconfig_is_refused(body: bytes) -> None:
    told = Told(200, body, {"Content-Type": "application/yaml"})
    with scripted(told) as server, pytest.raises(AnswerUnreadable, match="no kubeconfig"):
        account(server.url).kubeconfig("c-1")


def test_the_credentials_of_a_kubeconfig_are_masked_and_its_words_are_not() -> None:
    body = b"kind: Config\nclusters: []\nusers:\n- name: a\n  user: {token: dop_kube_0123456789}\n"
    with scripted(Told(200, body, {"Content-Type": "application/yaml"})) as server:
        assert account(server.url).kubeconfig("c-1") == body.decode()
    assert masked("clusters: and dop_kube_0123456789") == "clusters: and ***"


def test_a_cluster_that_takes_its_time_is_waited_for(tmp_path: Path) -> None:
    delays = Delays(cluster=0.3, node=0.2, delete=0.3)
    with DigitalOceanSimulator(delays=delays, limits=Limits(hour=None, minute=None)) as sky:
        cloud = account(sky.url, token=sky.token())
        made = provider(cloud)
        made.create(SPEC, tmp_path / "kubeconfig")
        assert {node.state for pool in cloud.clusters()[0].pools for node in pool.nodes} == {"running"}
        cloud.delete("cluster", cloud.clusters()[0].id)
        made.create(SPEC, tmp_path / "kubeconfig")  # waits until the earlier one is gone
        assert [one.state for one in cloud.clusters()] == ["running"]
        assert made.delete(NAME) is True
        assert cloud.droplets() == []
