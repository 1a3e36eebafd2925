from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_subprocess import FakeProcess

from automation.clusters.kind import KindProvider
from automation.jobs.simulated_clusters import KindMaker
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
