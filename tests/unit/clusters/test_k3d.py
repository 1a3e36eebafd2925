from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_subprocess import FakeProcess

from automation.clusters.base import ClusterSpec
from automation.clusters.k3d import K3dProvider
from automation.errors import ConfigurationError, DogitopsError, Refused

NAME = "dogitops-t"
SERVER = f"k3d-{NAME}-server-0"
SPEC = ClusterSpec(NAME, 1, 2)


@pytest.fixture
def provider(tmp_path: Path) -> K3dProvider:
    return K3dProvider(tmp_path / "k3d", "docker.io/rancher/k3s:v1.34.4-k3s1")


def node(name: str, role: str) -> dict[str, Any]:
    return {"name": name, "role": role, "State": {"Running": True}}


# The load balancer comes first, as k3d may list it.
LISTED = json.dumps(
    [
        {
            "name": NAME,
            "nodes": [
                node(f"k3d-{NAME}-serverlb", "loadbalancer"),
                node(f"k3d-{NAME}-agent-1", "agent"),
                node(f"k3d-{NAME}-agent-0", "agent"),
                node(SERVER, "server"),
            ],
        }
    ]
)


def listed(fp: FakeProcess, provider: K3dProvider, text: str = LISTED, times: int = 9) -> None:
    fp.register([str(provider.binary), "cluster", "list", NAME, "-o", "json"], stdout=text, occurrences=times)


def absent(fp: FakeProcess, provider: K3dProvider, times: int = 9) -> None:
    words = [str(provider.binary), "cluster", "list", NAME, "-o", "json"]
    fp.register(words, returncode=1, stderr="FATA[0000] No nodes found for given cluster\n", occurrences=times)


def marked(fp: FakeProcess, digest: str | None) -> None:
    def copy(process: Any) -> None:
        if digest is not None:
            Path(process.args[-1]).write_text(digest)

    fp.register(["docker", "cp", f"{SERVER}:/dogitops-spec", fp.any()], returncode=digest is None, callback=copy)


def ran(fp: FakeProcess) -> list[str]:
    return [" ".join(map(str, call)) for call in fp.calls]


def kubeconfig_is_given(fp: FakeProcess, provider: K3dProvider) -> None:
    fp.register([str(provider.binary), "kubeconfig", "get", NAME], stdout="the kubeconfig\n")


def test_its_arguments(fp: FakeProcess, provider: K3dProvider, tmp_path: Path) -> None:
    absent(fp, provider, times=2)
    listed(fp, provider)
    fp.register([str(provider.binary), "cluster", "create", fp.any()])
    kubeconfig_is_given(fp, provider)
    fp.register(["docker", "cp", fp.any(), f"{SERVER}:/dogitops-spec"])
    provider.create(SPEC, tmp_path / "kubeconfig")
    argv = next(call for call in ran(fp) if "cluster create" in call).split()
    assert argv[3] == NAME
    assert argv[argv.index("--image") + 1] == "docker.io/rancher/k3s:v1.34.4-k3s1"
    assert argv[argv.index("--servers") + 1] == "1"
    assert argv[argv.index("--agents") + 1] == "2"
    assert "--wait" in argv
    assert "--kubeconfig-update-default=false" in argv, "the user's own kubeconfig is not ours to change"
    assert "--kubeconfig-switch-context=false" in argv
    assert "--network" not in argv, "k3d removes only a network that it has named itself"
    for part in ("traefik", "servicelb", "local-storage", "metrics-server"):
        assert f"--disable={part}@server:*" in argv
    assert (tmp_path / "kubeconfig").stat().st_mode & 0o777 == 0o600
    assert ran(fp)[-1].endswith(f"{SERVER}:/dogitops-spec"), "the mark must come last"


def test_servers_come_first_and_the_load_balancer_is_no_node(fp: FakeProcess, provider: K3dProvider) -> None:
    listed(fp, provider)
    assert provider.nodes(NAME) == [SERVER, f"k3d-{NAME}-agent-0", f"k3d-{NAME}-agent-1"]


def test_a_whole_cluster_is_left_as_it_is(fp: FakeProcess, provider: K3dProvider, tmp_path: Path) -> None:
    listed(fp, provider)
    marked(fp, SPEC.digest)
    fp.register(["docker", "inspect", fp.any()], stdout="true\ntrue\ntrue\n")
    kubeconfig_is_given(fp, provider)
    provider.create(SPEC, tmp_path / "kubeconfig")
    assert (tmp_path / "kubeconfig").read_text() == "the kubeconfig\n"


def test_a_stopped_cluster_is_started_not_made_anew(fp: FakeProcess, provider: K3dProvider, tmp_path: Path) -> None:
    listed(fp, provider)
    marked(fp, SPEC.digest)
    fp.register(["docker", "inspect", fp.any()], stdout="true\nfalse\ntrue\n")
    fp.register([str(provider.binary), "cluster", "start", NAME, fp.any()])
    kubeconfig_is_given(fp, provider)
    provider.create(SPEC, tmp_path / "kubeconfig")
    assert any("cluster start" in call for call in ran(fp))


def test_another_description_is_refused(fp: FakeProcess, provider: K3dProvider, tmp_path: Path) -> None:
    listed(fp, provider)
    marked(fp, "0123456789abcdef")
    with pytest.raises(ConfigurationError, match="made from another description"):
        provider.create(SPEC, tmp_path / "kubeconfig")


def test_a_half_made_cluster_is_removed_first(fp: FakeProcess, provider: K3dProvider, tmp_path: Path) -> None:
    listed(fp, provider)
    marked(fp, None)
    fp.register([str(provider.binary), "cluster", "delete", NAME])
    fp.register([str(provider.binary), "cluster", "create", fp.any()])
    kubeconfig_is_given(fp, provider)
    fp.register(["docker", "cp", fp.any(), f"{SERVER}:/dogitops-spec"])
    provider.create(SPEC, tmp_path / "kubeconfig")
    calls = ran(fp)
    deleted = next(i for i, call in enumerate(calls) if "cluster delete" in call)
    created = next(i for i, call in enumerate(calls) if "cluster create" in call)
    assert deleted < created


def test_a_failure_names_the_other_way(fp: FakeProcess, provider: K3dProvider, tmp_path: Path) -> None:
    absent(fp, provider)
    fp.register([str(provider.binary), "cluster", "create", fp.any()], returncode=1, stderr="FATA image not found\n")
    with pytest.raises(DogitopsError, match="image not found") as caught:
        provider.create(SPEC, tmp_path / "kubeconfig")
    assert "--provider kind" in (caught.value.hint or "")


def test_deleting_is_asked_of_k3d_and_only_where_there_is_one(fp: FakeProcess, provider: K3dProvider) -> None:
    listed(fp, provider, times=2)
    fp.register([str(provider.binary), "cluster", "delete", NAME])
    assert provider.delete(NAME)
    absent(fp, provider)
    assert not provider.delete(NAME)


@pytest.mark.parametrize("name", ["k3s-default", "production"])
def test_foreign_names_are_refused_before_anything_is_asked(
    fp: FakeProcess, provider: K3dProvider, tmp_path: Path, name: str
) -> None:
    with pytest.raises(Refused, match="not ours to touch"):
        provider.delete(name)
    with pytest.raises(Refused):
        provider.create(ClusterSpec(name), tmp_path / "kubeconfig")
    assert not fp.calls
