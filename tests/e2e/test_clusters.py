"""The cluster providers on real clusters: several nodes, what survives, what is left."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
import testinfra
import yaml

from automation import wait
from automation.clusters.base import ClusterSpec
from automation.clusters.existing import ExistingProvider
from automation.clusters.k3d import K3dProvider
from automation.errors import CommandFailed, ConfigurationError, DogitopsError, Refused
from automation.kube import Kube, pod_is_ready
from automation.site.providers import K3S_IMAGE
from automation.toolchain import install
from tests.e2e.images import in_docker
from tests.e2e.nodes import BUSYBOX, CONTROL_PLANE, NAME, WORKER, Nodes, docker, inspected

pytest_plugins = ("tests.e2e.nodes",)
pytestmark = pytest.mark.e2e

WEB = Path(__file__).with_name("manifests") / "web.yaml"


def test_all_nodes_are_ready(nodes: Nodes) -> None:
    found = {node["metadata"]["name"]: node for node in nodes.kube.list("v1", "Node")}
    assert sorted(found) == [CONTROL_PLANE, WORKER] == nodes.provider.nodes(NAME)
    for node in found.values():
        states = {one["type"]: one["status"] for one in node["status"]["conditions"]}
        assert states["Ready"] == "True"
    assert "node-role.kubernetes.io/control-plane" in found[CONTROL_PLANE]["metadata"]["labels"]
    assert nodes.kubeconfig.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("node", [CONTROL_PLANE, WORKER])
def test_a_node_from_inside(nodes: Nodes, node: str) -> None:
    host = testinfra.get_host(f"docker://{node}")
    for service in ("kubelet", "containerd"):
        assert host.service(service).is_running
    assert host.file("/etc/kubernetes/kubelet.conf").mode == 0o600
    assert host.file("/etc/kubernetes/admin.conf").exists == (node == CONTROL_PLANE)
    assert host.socket("tcp://6443").is_listening == (node == CONTROL_PLANE)
    assert host.process.filter(comm="etcd") if node == CONTROL_PLANE else not host.process.filter(comm="etcd")


def test_each_node_knows_the_way_to_the_pods_of_the_other(nodes: Nodes) -> None:
    if nodes.provider.cni != "ptp":
        pytest.skip("this node image brings kind's own network")
    ranges = {node["metadata"]["name"]: node["spec"]["podCIDR"] for node in nodes.kube.list("v1", "Node")}
    for node, other in ((CONTROL_PLANE, WORKER), (WORKER, CONTROL_PLANE)):
        host = testinfra.get_host(f"docker://{node}")
        assert f"{ranges[other]} via {addresses()[other]}" in host.check_output("ip route")
        assert ranges[node] in host.file("/etc/cni/net.d/10-dogitops.conflist").content_string


def test_loaded_images_are_in_every_node(nodes: Nodes) -> None:
    for node in (CONTROL_PLANE, WORKER):
        host = testinfra.get_host(f"docker://{node}")
        assert BUSYBOX in host.check_output("ctr --namespace k8s.io images ls --quiet").split()


def test_pods_on_both_nodes_reach_each_other(nodes: Nodes) -> None:
    pods = serve(nodes.kube)
    assert {pod["spec"]["nodeName"] for pod in pods} == {CONTROL_PLANE, WORKER}
    assert reach_each_other(nodes.kube, pods)
    for pod in pods:  # and by the Service, whose name the cluster's DNS knows, once it has heard of it

        def answered(name: str = pod["metadata"]["name"]) -> str:
            try:
                return nodes.kube.execute("default", name, ["timeout", "10", "wget", "-qO-", "http://web"])
            except CommandFailed as error:
                if "bad address" not in error.output:
                    raise
                return ""

        told = wait.until(answered, "the Service's name", timeout=60, interval=1)
        assert told.strip() in {one["metadata"]["name"] for one in pods}


def test_creating_it_again_changes_nothing(nodes: Nodes, capfd: pytest.CaptureFixture[str]) -> None:
    before = [(node["Id"], node["State"]["StartedAt"]) for node in inspected()]
    nodes.kubeconfig.unlink()
    nodes.provider.create(nodes.spec, nodes.kubeconfig)
    assert [(node["Id"], node["State"]["StartedAt"]) for node in inspected()] == before
    assert nodes.kube.ready()
    assert "is there already" in capfd.readouterr().err


def test_a_cluster_of_another_description_is_refused_and_kept(nodes: Nodes) -> None:
    with pytest.raises(ConfigurationError, match="made from another description"):
        nodes.provider.create(ClusterSpec(NAME, 1, 2), nodes.kubeconfig)
    assert nodes.kube.ready()


def test_a_stopped_cluster_comes_back_with_its_data_at_other_addresses(nodes: Nodes) -> None:
    kube = nodes.kube
    kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"a": "b"}})
    before = addresses()
    docker("stop", "--time", "10", CONTROL_PLANE, WORKER)  # as a reboot leaves them
    # The engine gives addresses in the order of starting: what takes the first ones moves the nodes.
    squatters = [docker("run", "--detach", "--network", NAME, in_docker(BUSYBOX), "sleep", "600") for _ in before]
    try:
        nodes.provider.create(nodes.spec, nodes.kubeconfig)
    finally:
        docker("rm", "--force", *squatters)
    assert not set(addresses().values()) & set(before.values())
    kube = nodes.kube
    assert wait.until(kube.ready, "the API", timeout=60)
    found = kube.get("v1", "ConfigMap", "kept", "default")
    assert found is not None
    assert found["data"] == {"a": "b"}

    def reached() -> bool:
        try:
            return reach_each_other(kube, serve(kube))
        except DogitopsError:  # what the API still tells of pods may be of before the stop
            return False

    assert wait.until(reached, "pods that reach each other again", timeout=120, interval=1)


@pytest.mark.parametrize("name", ["kind", "production", "dogitops"])
def test_a_cluster_without_our_prefix_is_never_touched(nodes: Nodes, name: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not ours to touch"):
        nodes.provider.delete(name)
    with pytest.raises(Refused):
        nodes.provider.create(ClusterSpec(name), tmp_path / "kubeconfig")
    assert docker("ps", "-aq", "--filter", f"label=io.x-k8s.kind.cluster={name}") == ""


def test_the_logs_of_every_node_can_be_gathered(nodes: Nodes, tmp_path: Path) -> None:
    nodes.provider.dump(NAME, tmp_path / "dump")
    for node in (CONTROL_PLANE, WORKER):
        assert (tmp_path / "dump" / node / "kubelet.log").stat().st_size > 1000


def test_an_existing_cluster_is_used_and_never_deleted(nodes: Nodes, tmp_path: Path) -> None:
    existing = ExistingProvider(nodes.kubeconfig)
    existing.create(ClusterSpec(NAME), tmp_path / "kubeconfig")
    assert Kube(tmp_path / "kubeconfig").version() == f"v{install.version('kubernetes')}"
    with pytest.raises(Refused):
        existing.delete(NAME)
    assert nodes.kube.ready()


@pytest.mark.skipif(
    "not __import__('automation.toolchain.images', fromlist=['x']).upstream_reachable()",
    reason="k3d's node image docker.io/rancher/k3s can't be pulled from here, and K3s can't be built",
)
def test_k3d_makes_the_same_cluster(docker: None, tmp_path: Path) -> None:
    provider = K3dProvider(install.path("k3d"), K3S_IMAGE)
    spec = ClusterSpec("dogitops-e2e-k3d", 1, 1)
    provider.delete(spec.name)
    try:
        provider.create(spec, tmp_path / "kubeconfig")
        kube = Kube(tmp_path / "kubeconfig")
        wait.until(lambda: len(kube.list("v1", "Node")) == 2, "both nodes", timeout=120)
        before = provider.nodes(spec.name)
        provider.create(spec, tmp_path / "kubeconfig")
        assert provider.nodes(spec.name) == before
    finally:
        assert provider.delete(spec.name)
    assert not provider.exists(spec.name)


def addresses() -> dict[str, str]:
    return {one["Name"].lstrip("/"): one["NetworkSettings"]["Networks"][NAME]["IPAddress"] for one in inspected()}


def serve(kube: Kube) -> list[dict]:
    """Apply a web server with a pod on each node; return the pods when all are ready."""
    kube.apply_all(yaml.safe_load_all(WEB.read_text()), "default")

    def both() -> list[dict]:
        pods = kube.list("v1", "Pod", "default", "app=web")
        ready = [pod for pod in pods if pod_is_ready(pod) and pod["status"].get("podIP")]
        return ready if len(ready) == len(pods) == 2 else []

    return wait.until(both, "a web server on each node", timeout=120, interval=0.5)


def reach_each_other(kube: Kube, pods: list[dict]) -> bool:
    """Whether each pod can fetch the other's page."""
    for one, other in (pods, pods[::-1]):
        address = ipaddress.ip_address(other["status"]["podIP"])
        url = f"http://{address}:8080/"
        told = kube.execute("default", one["metadata"]["name"], ["timeout", "10", "wget", "-qO-", url])
        if told.strip() != other["metadata"]["name"]:
            return False
    return True
