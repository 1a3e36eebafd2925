from __future__ import annotations

import fcntl
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_subprocess import FakeProcess

from automation.clusters.kind import KindProvider
from automation.jobs.machines.simulated_clusters import KindMaker, _clear
from automation.simulators.digitalocean.makers import NodeSpec

CLUSTER = "dogitops-doks-1-abcd"
CONTROL_PLANE = f"{CLUSTER}-control-plane"
KUBECTL = ["docker", "exec", CONTROL_PLANE, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"]
TOKEN = "abcdef.0123456789abcdef"
WEB = NodeSpec("web-1", (("tier", "web"),), (("only", "web", "NoSchedule"),))


@pytest.fixture
def maker(tmp_path: Path) -> KindMaker:
    return KindMaker(KindProvider(tmp_path / "kind", "kindest/node:v1.34.4", patience=5), 2, "abcd")


def has(fp: FakeProcess, *nodes: str) -> None:
    """Let these be the cluster's containers."""
    asked = ["docker", "ps", "-a", "--filter", f"label=io.x-k8s.kind.cluster={CLUSTER}", "--format", "{{.Names}}"]
    fp.register(asked, stdout="\n".join([CONTROL_PLANE, *nodes]), occurrences=99)


def is_now(fp: FakeProcess, name: str, **metadata: Any) -> None:
    """Let the API server tell this of a node."""
    node = {"metadata": metadata, "spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]}}
    fp.register([*KUBECTL, "get", "node", name, "-o", "json"], stdout=json.dumps(node))
    fp.register([*KUBECTL, "patch", "node", name, fp.any()])


def ran(fp: FakeProcess) -> list[str]:
    return [" ".join(map(str, call)) for call in fp.calls]


def patch(fp: FakeProcess) -> dict[str, Any]:
    (call,) = [list(map(str, it)) for it in fp.calls if "patch" in it]
    found: dict[str, Any] = json.loads(call[-1])
    return found


def test_a_new_node_joins_with_its_labels_and_taints_and_no_token_in_an_argument(
    fp: FakeProcess, maker: KindMaker
) -> None:
    has(fp)
    fp.register(["docker", "exec", CONTROL_PLANE, "kubeadm", "token", fp.any()], stdout=f"{TOKEN}\n")
    fp.register(["docker", "run", fp.any()])
    fp.register(["docker", "exec", "web-1", "crictl", "info"])
    fp.register(["docker", "exec", "-i", "web-1", "cp", "/dev/stdin", fp.any()])
    fp.register(["docker", "exec", "web-1", "kubeadm", "join", fp.any()])
    fp.register(["docker", "start", fp.any()])
    fp.register(["docker", "exec", CONTROL_PLANE, "iptables", fp.any()], occurrences=2)
    fp.register([*KUBECTL, "get", "nodes", fp.any()], stdout="True\nTrue\n")
    is_now(fp, "web-1")
    maker.resize("doks-1", [WEB])
    assert not any(TOKEN in it for it in ran(fp))
    (started,) = [it for it in ran(fp) if it.startswith("docker run")]
    assert f"--name web-1 --hostname web-1 --net {CLUSTER}" in started
    assert f"--label io.x-k8s.kind.cluster={CLUSTER} --label io.x-k8s.kind.role=worker" in started
    assert patch(fp)["metadata"]["labels"] == {"tier": "web"}
    assert [it["key"] for it in patch(fp)["spec"]["taints"]] == ["only", "node.kubernetes.io/not-ready"]


def test_a_node_that_goes_is_drained_and_removed_even_where_it_can_not_be_drained(
    fp: FakeProcess, maker: KindMaker
) -> None:
    has(fp, "web-1", "web-2")
    fp.register([*KUBECTL, "drain", "web-2", fp.any()], returncode=1, stderr="cannot evict pod")
    fp.register([*KUBECTL, "delete", "node", "web-2", "--ignore-not-found"])
    fp.register(["docker", "rm", "-f", "-v", "web-2"])
    is_now(fp, "web-1")
    maker.resize("doks-1", [WEB])
    said = ran(fp)
    order = [
        next(index for index, it in enumerate(said) if word in it) for word in ("drain", "delete node", "docker rm")
    ]
    assert order == sorted(order)
    assert not any(it.startswith("docker run") for it in said)


def test_labels_that_a_pool_has_no_more_are_taken_away_and_others_stay(fp: FakeProcess, maker: KindMaker) -> None:
    has(fp, "web-1")
    is_now(
        fp, "web-1", annotations={"dogitops/labels": '["old", "tier"]'}, labels={"old": "1", "kubernetes.io/os": "x"}
    )
    maker.resize("doks-1", [WEB])
    assert patch(fp)["metadata"]["labels"] == {"old": None, "tier": "web"}
    assert patch(fp)["metadata"]["annotations"] == {"dogitops/labels": '["tier"]'}


def test_two_makers_never_share_a_cluster(tmp_path: Path) -> None:
    provider = KindProvider(tmp_path / "kind", "image")
    first, second = KindMaker(provider), KindMaker(provider)
    assert first.full_name("doks-1") != second.full_name("doks-1")
    assert first.full_name("doks-1").startswith("dogitops-doks-1-")


def test_a_new_node_pulls_from_the_mirror(fp: FakeProcess, maker: KindMaker) -> None:
    has(fp)
    fp.register([*KUBECTL, "get", "nodes", fp.any()], stdout="True\nTrue\n")
    is_now(fp, "web-1")
    fp.register(["docker", fp.any()], occurrences=99)
    replace(maker, hosts=(("quay.io/hosts.toml", "server = 1"),)).resize("doks-1", [WEB])
    said = ran(fp)
    written = said.index("docker exec -i web-1 cp /dev/stdin /etc/containerd/certs.d/quay.io/hosts.toml")
    assert said[written - 1] == "docker exec web-1 mkdir -p /etc/containerd/certs.d/quay.io"
    assert written < next(number for number, it in enumerate(said) if "kubeadm join" in it)


def test_what_an_ended_run_left_is_removed_and_a_living_one_keeps_its_own(
    fp: FakeProcess, maker: KindMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOGITOPS_CACHE", str(tmp_path))
    mine, others = "dogitops-doks-0123abcd-00ff", ["dogitops-doks-0123abcd-00fe", "dogitops-e2e-00ff", "kind"]
    clusters, networks = ["docker", "ps", "-a", "--filter", "label=io.x-k8s.kind.cluster", fp.any()], "\n".join(others)
    fp.register(clusters, stdout=f"{mine}\n{networks}")
    fp.register(["docker", "network", "ls", fp.any()], stdout=f"bridge\n{networks}")
    fp.register(["docker", "ps", "-a", fp.any()], stdout=f"{mine}-control-plane")
    fp.register(["docker", "rm", "-f", "-v", f"{mine}-control-plane"])
    fp.register(["docker", "network", "rm", mine])
    lock = tmp_path / "00ff.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        _clear(maker.provider, lock)
        assert ran(fp) == []
    _clear(maker.provider, lock)
    assert [it for it in ran(fp) if " rm " in it] == [
        f"docker rm -f -v {mine}-control-plane",
        f"docker network rm {mine}",
    ]
    assert not lock.exists()
