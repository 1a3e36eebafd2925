from __future__ import annotations

import http.client
import threading
from collections.abc import Sequence
from typing import Any

import pydo
import pytest
import yaml
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from automation import wait
from automation.errors import DogitopsError
from automation.simulators.digitalocean import DigitalOceanSimulator, Limits, makers
from automation.simulators.digitalocean.makers import NodeSpec
from tests.integration.simulators.digitalocean.ocean import ask, client_of

POOL = {"name": "web", "size": "s-2vcpu-4gb", "count": 2, "labels": {"tier": "web"}}
CLUSTER = {
    "name": "shop",
    "region": "fra1",
    "version": "1.34.5-do.3",
    "ha": False,
    "tags": ["own"],
    "node_pools": [POOL],
}


def make(client: pydo.Client, **more: Any) -> dict[str, Any]:
    return client.kubernetes.create_cluster({**CLUSTER, **more})["kubernetes_cluster"]


def read(client: pydo.Client, number: str) -> dict[str, Any]:
    return client.kubernetes.get_cluster(number)["kubernetes_cluster"]


def states(pool: dict[str, Any]) -> list[str]:
    return [it["status"]["state"] for it in pool["nodes"]]


def test_the_options_name_what_can_be_had(client: pydo.Client) -> None:
    options = client.kubernetes.list_options()["options"]
    assert CLUSTER["version"] in [it["slug"] for it in options["versions"]]
    assert POOL["size"] in [it["slug"] for it in options["sizes"]]
    assert "s-1vcpu-1gb" not in [it["slug"] for it in options["sizes"]]  # too small for a node
    assert "fra1" in [it["slug"] for it in options["regions"]]


def test_a_cluster_takes_its_time(slow_cloud: DigitalOceanSimulator) -> None:
    client = client_of(slow_cloud)
    vpc = client.vpcs.create({"name": "net", "region": "fra1"})["vpc"]["id"]
    made = make(client, vpc_uuid=vpc)
    assert (made["status"]["state"], made["endpoint"], states(made["node_pools"][0])) == (
        "provisioning",
        "",
        ["provisioning"] * 2,
    )
    assert client.kubernetes.get_credentials(made["id"])["id"] == "not_found"
    slow_cloud.advance(slow_cloud.delays.cluster)
    found = read(client, made["id"])
    assert (found["status"]["state"], states(found["node_pools"][0])) == ("running", ["running"] * 2)
    assert found["tags"] == ["own", "k8s", f"k8s:{made['id']}"]
    client.kubernetes.delete_cluster(made["id"])
    assert read(client, made["id"])["status"]["state"] == "deleted"
    with pytest.raises(ResourceExistsError, match="Can not delete VPC with members"):  # for a while
        client.vpcs.delete(vpc)
    slow_cloud.advance(slow_cloud.delays.delete)
    assert client.kubernetes.get_cluster(made["id"])["id"] == "not_found"
    client.vpcs.delete(vpc)


def test_nodes_are_droplets_and_say_that_no_real_node_is_behind_them(client: pydo.Client) -> None:
    pool = read(client, make(client)["id"])["node_pools"][0]
    for node in pool["nodes"]:
        droplet = client.droplets.get(int(node["droplet_id"]))["droplet"]
        assert (droplet["name"], droplet["size_slug"]) == (node["name"], POOL["size"])
        assert "k8s:worker" in droplet["tags"]
        assert "no real node" in node["status"]["message"]


def test_a_pool_grows_and_shrinks(slow_cloud: DigitalOceanSimulator) -> None:
    client = client_of(slow_cloud)
    number = make(client)["id"]
    slow_cloud.advance(slow_cloud.delays.cluster)
    pool = read(client, number)["node_pools"][0]
    grown = client.kubernetes.update_node_pool(number, pool["id"], {"name": "web", "count": 3})["node_pool"]
    assert states(grown) == ["running", "running", "provisioning"]
    slow_cloud.advance(slow_cloud.delays.node)
    assert client.droplets.list()["meta"]["total"] == 3
    shrunk = client.kubernetes.update_node_pool(number, pool["id"], {"name": "web", "count": 1})["node_pool"]
    assert states(shrunk) == ["running", "deleting", "deleting"]
    slow_cloud.advance(slow_cloud.delays.node)
    left = client.kubernetes.get_node_pool(number, pool["id"])["node_pool"]
    assert [it["id"] for it in left["nodes"]] == [pool["nodes"][0]["id"]]
    assert client.droplets.list()["meta"]["total"] == 1


def test_a_pool_is_added_changed_and_deleted(client: pydo.Client) -> None:
    number = make(client)["id"]
    taint = {"key": "only", "value": "db", "effect": "NoSchedule"}
    body = {"name": "db", "size": "s-2vcpu-4gb", "count": 1, "taints": [taint], "tags": ["data"]}
    added = client.kubernetes.add_node_pool(number, body)["node_pool"]
    assert (added["taints"], added["tags"][0]) == ([taint], "data")
    scaled = {"name": "db", "auto_scale": True, "min_nodes": 2, "max_nodes": 3, "labels": {"a": "b"}, "taints": []}
    client.kubernetes.update_node_pool(number, added["id"], scaled)
    found = client.kubernetes.get_node_pool(number, added["id"])["node_pool"]
    assert (found["count"], found["max_nodes"], found["labels"], found["taints"]) == (2, 3, {"a": "b"}, [])
    replaced = found["nodes"][0]["id"]
    client.kubernetes.delete_node(number, added["id"], replaced, replace=1)
    after = client.kubernetes.get_node_pool(number, added["id"])["node_pool"]
    assert (after["count"], len(after["nodes"])) == (2, 2)
    assert replaced not in [it["id"] for it in after["nodes"]]
    client.kubernetes.delete_node_pool(number, added["id"])
    assert client.kubernetes.get_node_pool(number, added["id"])["id"] == "not_found"


def test_a_node_whose_droplet_is_deleted_behind_its_back_is_replaced(client: pydo.Client) -> None:
    number = make(client)["id"]
    before = read(client, number)["node_pools"][0]["nodes"]
    client.droplets.destroy(int(before[0]["droplet_id"]))
    client.account.get()
    after = read(client, number)["node_pools"][0]
    assert states(after) == ["running"] * 2
    assert before[0]["id"] not in [it["id"] for it in after["nodes"]]


def test_a_cluster_is_changed_and_upgraded(slow_cloud: DigitalOceanSimulator) -> None:
    client = client_of(slow_cloud)
    number = make(client)["id"]
    slow_cloud.advance(slow_cloud.delays.cluster)
    body = {"name": "shop2", "tags": ["own", "new"], "maintenance_policy": {"day": "sunday"}, "ha": True}
    changed = client.kubernetes.update_cluster(number, body)["kubernetes_cluster"]
    assert (changed["name"], changed["ha"], changed["maintenance_policy"]["day"]) == ("shop2", True, "sunday")
    assert [it["slug"] for it in client.kubernetes.get_available_upgrades(number)["available_upgrade_versions"]] == [
        "1.35.5-do.2"
    ]
    client.kubernetes.upgrade_cluster(number, {"version": "1.35.5-do.2"})
    assert read(client, number)["status"]["state"] == "upgrading"
    slow_cloud.advance(slow_cloud.delays.upgrade)
    found = read(client, number)
    assert (found["status"]["state"], found["version"]) == ("running", "1.35.5-do.2")
    with pytest.raises(HttpResponseError, match="invalid version slug"):
        client.kubernetes.upgrade_cluster(number, {"version": "1.34.5-do.3"})


def test_ha_depends_on_the_version_where_it_is_not_told(client: pydo.Client) -> None:
    assert make(client, ha=None)["ha"] is False
    assert make(client, ha=None, version="1.36.0-do.3")["ha"] is True


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "1.18.6-do.0"}, "validation error: invalid version slug"),
        ({"region": "xyz9"}, "validation error: invalid region"),
        ({"node_pools": []}, "at least one node pool"),
        ({"node_pools": [{**POOL, "size": "s-1vcpu-1gb"}]}, "worker_node_pool_specs[0].invalid droplet size"),
        ({"node_pools": [{**POOL, "name": "w" * 56}]}, "pool names cannot be greater than 55 characters"),
        ({"node_pools": [{**POOL, "count": 0}]}, "count must be greater than 0"),
        (
            {"node_pools": [{**POOL, "auto_scale": True, "min_nodes": 1, "max_nodes": 26}]},
            "autoscale desired max nodes exceed limits, 26 additional nodes but not enough available droplet limit",
        ),
        ({"node_pools": [{**POOL, "count": 26}]}, "26 additional nodes but not enough available droplet limit"),
        ({"node_pools": [POOL, POOL]}, "names must be unique"),
        ({"vpc_uuid": "nothing"}, "VPC not found"),
    ],
)
def test_a_cluster_that_can_not_be_is_refused(client: pydo.Client, change: dict[str, Any], words: str) -> None:
    with pytest.raises(HttpResponseError) as error:
        make(client, **change)
    assert error.value.status_code == 422
    assert words in error.value.response.text()  # type: ignore[union-attr]
    assert client.kubernetes.list_clusters()["meta"]["total"] == 0


def test_troubles_of_clusters(cloud: DigitalOceanSimulator, client: pydo.Client) -> None:
    cloud.faults.trouble("kubernetes.create", name="shop")
    number = make(client)["id"]
    status = read(client, number)["status"]
    assert status["state"] == "error"
    assert "internal error" in status["message"]
    client.kubernetes.delete_cluster(number)
    assert client.kubernetes.list_clusters()["meta"]["total"] == 0
    cloud.faults.trouble("kubernetes.capacity", name="shop")
    with pytest.raises(HttpResponseError, match="not available in this region"):
        make(client)


def volume_of(client: pydo.Client, number: str, name: str) -> str:
    body = {"name": name, "region": "fra1", "size_gigabytes": 1, "tags": [f"k8s:{number}"]}
    return client.volumes.create(body)["volume"]["id"]


def test_deleting_a_cluster_alone_leaves_what_its_workloads_made(client: pydo.Client) -> None:
    number = make(client)["id"]
    volume = volume_of(client, number, "pvc-1")
    assert client.kubernetes.list_associated_resources(number)["volumes"] == [{"id": volume, "name": "pvc-1"}]
    client.kubernetes.delete_cluster(number)
    assert client.volumes.get(volume)["volume"]["name"] == "pvc-1"


def test_deleting_with_associated_resources_takes_them_too(cloud: DigitalOceanSimulator, client: pydo.Client) -> None:
    number = make(client)["id"]
    kept, gone = volume_of(client, number, "pvc-1"), volume_of(client, number, "pvc-2")
    assert ask(cloud, "DELETE", f"/v2/kubernetes/clusters/{number}/destroy_with_associated_resources/selective",
               f'{{"volumes": ["{gone}"]}}'.encode())[0] == 204  # fmt: skip
    assert [it["id"] for it in client.volumes.list()["volumes"]] == [kept]
    other = make(client)["id"]
    volume_of(client, other, "pvc-3")
    rule = {"entry_protocol": "http", "entry_port": 80, "target_protocol": "http", "target_port": 80}
    balancer = {"name": "lb", "region": "fra1", "tags": [f"k8s:{other}"], "forwarding_rules": [rule]}
    client.load_balancers.create(balancer)
    client.kubernetes.destroy_associated_resources_dangerous(other)
    assert client.load_balancers.list()["meta"]["total"] == 0
    assert [it["id"] for it in client.volumes.list()["volumes"]] == [kept]
    assert client.droplets.list()["meta"]["total"] == 0


# real clusters


KUBECONFIG = yaml.safe_dump(
    {
        "clusters": [
            {"name": "x", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority-data": "Q0E="}}
        ],
        "users": [{"name": "x", "user": {"client-certificate-data": "Q0VSVA==", "client-key-data": "S0VZ"}}],
    }
)


class Maker:
    """Makes clusters of names in a dictionary; ``may_go_on`` holds it up."""

    most = 2

    def __init__(self) -> None:
        self.clusters: dict[str, list[NodeSpec]] = {}
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.fails = False

    def create(self, name: str, nodes: Sequence[NodeSpec]) -> None:
        assert self.may_go_on.wait(10)
        self.clusters[name] = list(nodes)
        if self.fails:
            raise DogitopsError("docker does not answer")

    def kubeconfig(self, name: str) -> str:
        assert name in self.clusters
        return KUBECONFIG

    def resize(self, name: str, nodes: Sequence[NodeSpec]) -> None:
        self.clusters[name] = list(nodes)

    def delete(self, name: str) -> None:
        self.clusters.pop(name, None)


def running(client: pydo.Client, number: str, count: int) -> dict[str, Any]:
    def seen() -> dict[str, Any] | None:
        found = read(client, number)
        nodes = found["node_pools"][0]["nodes"]
        settled = len(nodes) == count and {it["status"]["state"] for it in nodes} == {"running"}
        return found if found["status"]["state"] == "running" and settled else None

    return wait.until(seen, "the cluster", timeout=20, interval=0.02)


@pytest.fixture
def unlimited() -> Limits:
    return Limits(hour=None, minute=None)


def test_a_cluster_is_made_by_the_maker(unlimited: Limits) -> None:
    maker = Maker()
    maker.may_go_on.clear()
    with DigitalOceanSimulator(limits=unlimited) as cloud, makers.using(cloud, maker):
        client = client_of(cloud)
        number = make(client)["id"]
        assert read(client, number)["status"]["state"] == "provisioning"
        maker.may_go_on.set()
        found = running(client, number, 2)
        assert found["endpoint"] == "https://127.0.0.1:6443"
        (nodes,) = maker.clusters.values()
        assert [it.name for it in nodes] == [it["name"] for it in found["node_pools"][0]["nodes"]]
        assert ("tier", "web") in nodes[0].labels
        assert ("doks.digitalocean.com/node-pool", "web") in nodes[0].labels
        credentials = client.kubernetes.get_credentials(number)
        assert credentials["client_certificate_data"] == "Q0VSVA=="
        pool = found["node_pools"][0]["id"]
        client.kubernetes.update_node_pool(number, pool, {"name": "web", "count": 3})
        grown = running(client, number, 3)["node_pools"][0]["nodes"]
        assert [it["status"].get("message", "")[:28] for it in grown] == ["", "", "There is no real node behind"]
        assert [len(it) for it in maker.clusters.values()] == [2]
        client.kubernetes.update_node_pool(number, pool, {"name": "web", "count": 1})
        running(client, number, 1)
        assert [[it.name for it in nodes] for nodes in maker.clusters.values()] == [[grown[0]["name"]]]
        client.kubernetes.delete_cluster(number)
        wait.until(lambda: not maker.clusters, "the real cluster to be gone", timeout=10, interval=0.02)
        wait.until(lambda: client.kubernetes.get_cluster(number).get("id"), "the 404", timeout=10, interval=0.02)


def test_real_clusters_end_with_the_simulator(unlimited: Limits) -> None:
    maker = Maker()
    with DigitalOceanSimulator(limits=unlimited) as cloud, makers.using(cloud, maker):
        client = client_of(cloud)
        running(client, make(client)["id"], 2)
        assert len(maker.clusters) == 1
    assert maker.clusters == {}


def test_a_real_cluster_that_can_not_be_made_ends_in_error_and_is_cleaned_up(unlimited: Limits) -> None:
    maker = Maker()
    maker.fails = True
    with DigitalOceanSimulator(limits=unlimited) as cloud, makers.using(cloud, maker):
        client = client_of(cloud)
        number = make(client)["id"]

        def failed() -> str | None:
            status = read(client, number)["status"]
            return status["message"] if status["state"] == "error" else None

        assert "docker does not answer" in wait.until(failed, "the error", timeout=10, interval=0.02)
        client.kubernetes.delete_cluster(number)
        wait.until(lambda: client.kubernetes.get_cluster(number).get("id"), "the 404", timeout=10, interval=0.02)
        assert maker.clusters == {}


def test_a_kubeconfig_names_its_context_as_doks_does(cloud: DigitalOceanSimulator, client: pydo.Client) -> None:
    number = make(client)["id"]
    connection = http.client.HTTPConnection(cloud.url.removeprefix("http://"), timeout=10)
    headers = {"Authorization": f"Bearer {cloud.token()}"}
    connection.request("GET", f"/v2/kubernetes/clusters/{number}/kubeconfig", headers=headers)
    answer = connection.getresponse()
    config = yaml.safe_load(answer.read())
    connection.close()
    assert answer.headers["content-type"] == "application/yaml"
    assert config["current-context"] == "do-fra1-shop"
    assert config["users"][0]["name"] == "do-fra1-shop-admin"
