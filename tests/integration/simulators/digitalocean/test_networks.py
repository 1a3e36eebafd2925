from __future__ import annotations

from typing import Any

import pydo
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from automation.simulators.digitalocean import DigitalOceanSimulator
from tests.integration.simulators.digitalocean.ocean import DROPLET, ask, client_of

HTTP = {"entry_protocol": "http", "entry_port": 80, "target_protocol": "http", "target_port": 8080}
SSH = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["10.0.0.0/8"]}}
OUT = {"protocol": "tcp", "ports": "all", "destinations": {"addresses": ["0.0.0.0/0", "::/0"]}}


@pytest.fixture
def vpc(client: pydo.Client) -> dict[str, Any]:
    return client.vpcs.create({"name": "net", "region": "fra1", "ip_range": "10.10.0.0/16"})["vpc"]


@pytest.fixture
def droplet(client: pydo.Client, vpc: dict[str, Any]) -> int:
    body = {**DROPLET, "vpc_uuid": vpc["id"], "tags": ["web"]}
    number = client.droplets.create(body)["droplet"]["id"]
    client.droplets.get(number)
    return number


def refused(error: pytest.ExceptionInfo[HttpResponseError], status: int, words: str) -> bool:
    assert error.value.response is not None
    return error.value.status_code == status and words in error.value.response.text()


# vpcs


def test_a_vpc_lives(client: pydo.Client, vpc: dict[str, Any]) -> None:
    assert (vpc["region"], vpc["ip_range"], vpc["default"]) == ("fra1", "10.10.0.0/16", False)
    changed = client.vpcs.patch(vpc["id"], {"description": "of the shop"})["vpc"]
    assert (changed["name"], changed["description"]) == ("net", "of the shop")
    assert [it["id"] for it in client.vpcs.list()["vpcs"]] == [vpc["id"]]
    client.vpcs.delete(vpc["id"])
    assert client.vpcs.get(vpc["id"])["id"] == "not_found"


def test_vpcs_without_a_range_get_ranges_that_do_not_overlap(client: pydo.Client) -> None:
    made = [client.vpcs.create({"name": f"net-{it}", "region": "fra1"})["vpc"]["ip_range"] for it in range(3)]
    assert len(set(made)) == 3
    assert all(it.endswith("/20") for it in made)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ip_range": "10.10.3.0/24"}, "This range/size overlaps with another VPC network in your account"),
        ({"ip_range": "8.8.0.0/16"}, "private"),
        ({"ip_range": "10.0.0.0/8"}, "between /16 and /28"),
        ({"ip_range": "nonsense"}, "not a valid CIDR"),
        ({"name": "net"}, "Name has already been taken"),
        ({"name": "no spaces"}, "alphanumeric"),
        ({"region": "xyz9"}, "Region xyz9 is not available"),
    ],
)
def test_a_vpc_that_can_not_be_is_refused(
    client: pydo.Client, vpc: dict[str, Any], change: dict[str, str], words: str
) -> None:
    with pytest.raises(HttpResponseError) as error:
        client.vpcs.create({"name": "other", "region": "fra1", **change})
    assert refused(error, 422, words)
    assert client.vpcs.list()["meta"]["total"] == 1


def test_a_vpc_with_members_stays(client: pydo.Client, vpc: dict[str, Any], droplet: int) -> None:
    assert [it["urn"] for it in client.vpcs.list_members(vpc["id"])["members"]] == [f"do:droplet:{droplet}"]
    with pytest.raises(ResourceExistsError, match="Can not delete VPC with members"):
        client.vpcs.delete(vpc["id"])
    client.droplets.destroy(droplet)
    client.vpcs.delete(vpc["id"])


def test_the_first_droplet_of_a_region_makes_its_default_vpc_which_stays(client: pydo.Client) -> None:
    first, second = (client.droplets.create(DROPLET)["droplet"]["id"] for _ in range(2))
    (vpc,) = client.vpcs.list()["vpcs"]
    assert vpc["default"]
    assert len(client.vpcs.list_members(vpc["id"])["members"]) == 2
    client.droplets.destroy(first)
    client.droplets.destroy(second)
    with pytest.raises(HttpResponseError) as error:
        client.vpcs.delete(vpc["id"])
    assert refused(error, 403, "default")


def test_a_droplet_in_a_vpc_of_another_region_is_refused(client: pydo.Client, vpc: dict[str, Any]) -> None:
    with pytest.raises(HttpResponseError) as error:
        client.droplets.create({**DROPLET, "region": "nyc3", "vpc_uuid": vpc["id"]})
    assert refused(error, 422, "not in region nyc3")


def test_vpcs_can_be_peered(client: pydo.Client, vpc: dict[str, Any]) -> None:
    other = client.vpcs.create({"name": "other", "region": "nyc3"})["vpc"]
    body = {"name": "both", "vpc_ids": [vpc["id"], other["id"]]}
    peering = client.vpc_peerings.create(body)["vpc_peering"]
    assert peering["status"] == "PROVISIONING"
    assert client.vpc_peerings.get(peering["id"])["vpc_peering"]["status"] == "ACTIVE"
    assert [it["id"] for it in client.vpcs.list_peerings(vpc["id"])["peerings"]] == [peering["id"]]
    with pytest.raises(ResourceExistsError):
        client.vpcs.delete(vpc["id"])
    client.vpc_peerings.delete(peering["id"])
    client.vpcs.delete(vpc["id"])


# firewalls


def test_a_firewall_lives(client: pydo.Client, droplet: int) -> None:
    body = {"name": "fw", "droplet_ids": [droplet], "tags": ["web"], "inbound_rules": [SSH], "outbound_rules": [OUT]}
    made = client.firewalls.create(body)["firewall"]
    assert made["status"] == "waiting"
    assert made["pending_changes"] == [{"droplet_id": droplet, "removing": False, "status": "waiting"}]
    found = client.firewalls.get(made["id"])["firewall"]
    assert (found["status"], found["pending_changes"]) == ("succeeded", [])
    assert found["inbound_rules"] == [SSH]
    assert found["outbound_rules"][0]["ports"] == "0"  # as the API writes all ports
    client.firewalls.add_rules(made["id"], {"inbound_rules": [{**SSH, "ports": "80"}]})
    client.firewalls.delete_rules(made["id"], {"inbound_rules": [SSH]})
    assert [it["ports"] for it in client.firewalls.get(made["id"])["firewall"]["inbound_rules"]] == ["80"]
    replaced = client.firewalls.update(made["id"], {"name": "fw", "inbound_rules": [SSH]})["firewall"]
    assert (replaced["droplet_ids"], replaced["tags"], replaced["outbound_rules"]) == ([], [], [])
    client.firewalls.delete(made["id"])
    assert client.firewalls.list()["firewalls"] == []


def test_a_firewall_forgets_a_droplet_that_is_gone(client: pydo.Client, droplet: int) -> None:
    made = client.firewalls.create({"name": "fw", "droplet_ids": [droplet], "inbound_rules": [SSH]})["firewall"]
    client.droplets.destroy(droplet)
    assert client.firewalls.get(made["id"])["firewall"]["droplet_ids"] == []


def test_two_firewalls_do_not_share_a_name(client: pydo.Client) -> None:
    client.firewalls.create({"name": "fw", "inbound_rules": [SSH]})
    with pytest.raises(ResourceExistsError, match="duplicate name"):
        client.firewalls.create({"name": "fw", "inbound_rules": [SSH]})


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({**SSH, "ports": "0-99999"}, "invalid ports"),
        ({**SSH, "ports": "ssh"}, "invalid ports"),
        ({**SSH, "ports": "90-80"}, "invalid ports"),
        ({**SSH, "protocol": "sctp"}, "protocol is invalid"),
        ({**SSH, "sources": {"addresses": ["nowhere"]}}, "invalid address"),
        ({"protocol": "tcp", "ports": "22"}, "must have sources"),
    ],
)
def test_a_rule_that_can_not_be_is_refused(client: pydo.Client, rule: dict[str, Any], words: str) -> None:
    with pytest.raises(HttpResponseError) as error:
        client.firewalls.create({"name": "fw", "inbound_rules": [rule]})
    assert refused(error, 422, words)
    assert client.firewalls.list()["firewalls"] == []


def test_a_firewall_around_a_droplet_that_is_not_there_is_refused(client: pydo.Client) -> None:
    with pytest.raises(HttpResponseError) as error:
        client.firewalls.create({"name": "fw", "droplet_ids": [7], "inbound_rules": [SSH]})
    assert refused(error, 422, "could not find Droplet 7")


# load balancers


def balancer(**more: Any) -> dict[str, Any]:
    return {"name": "lb", "region": "fra1", "forwarding_rules": [HTTP], **more}


def test_a_load_balancer_becomes_active_and_gets_its_address(slow_cloud: DigitalOceanSimulator) -> None:
    client = client_of(slow_cloud)
    made = client.load_balancers.create(balancer())["load_balancer"]
    assert (made["status"], made["ip"], made["size_unit"], made["size"]) == ("new", "", 1, "lb-small")
    slow_cloud.advance(slow_cloud.delays.load_balancer)
    found = client.load_balancers.get(made["id"])["load_balancer"]
    assert found["status"] == "active"
    assert found["ip"].startswith("198.")


def test_a_load_balancer_lives(client: pydo.Client, vpc: dict[str, Any], droplet: int) -> None:
    made = client.load_balancers.create(balancer(vpc_uuid=vpc["id"], tag="web"))["load_balancer"]
    assert made["droplet_ids"] == [droplet]
    changed = client.load_balancers.update(
        made["id"], balancer(droplet_ids=[droplet], size_unit=2, redirect_http_to_https=True)
    )["load_balancer"]
    assert (changed["tag"], changed["size_unit"], changed["redirect_http_to_https"]) == ("", 2, True)
    client.load_balancers.remove_droplets(made["id"], {"droplet_ids": [droplet]})
    assert client.load_balancers.list()["load_balancers"][0]["droplet_ids"] == []
    client.load_balancers.add_forwarding_rules(made["id"], {"forwarding_rules": [{**HTTP, "entry_port": 81}]})
    client.load_balancers.remove_forwarding_rules(made["id"], {"forwarding_rules": [HTTP]})
    rules = client.load_balancers.get(made["id"])["load_balancer"]["forwarding_rules"]
    assert [it["entry_port"] for it in rules] == [81]
    with pytest.raises(ResourceExistsError):
        client.vpcs.delete(vpc["id"])
    client.load_balancers.delete(made["id"])
    assert client.load_balancers.get(made["id"])["id"] == "not_found"


def test_a_create_that_is_sent_twice_makes_two_load_balancers(client: pydo.Client) -> None:
    first, second = (client.load_balancers.create(balancer())["load_balancer"]["id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"region": "xyz9"}, "Region xyz9 is not available"),
        ({"forwarding_rules": []}, "at least one"),
        ({"forwarding_rules": [HTTP, HTTP]}, "two rules for one entry port"),
        ({"forwarding_rules": [{**HTTP, "entry_port": 70_000}]}, "entry_port must be between"),
        ({"forwarding_rules": [{**HTTP, "entry_protocol": "https"}]}, "certificate_id or tls_passthrough"),
        ({"droplet_ids": [7]}, "Droplet 7 not found"),
        ({"tag": "web", "droplet_ids": [7]}, "either a tag or droplet_ids"),
        ({"size_unit": 1000}, "size_unit must be between"),
        ({"vpc_uuid": "nothing"}, "VPC not found"),
        ({"project_id": "nothing"}, "not found"),
    ],
)
def test_a_load_balancer_that_can_not_be_is_refused(client: pydo.Client, change: dict[str, Any], words: str) -> None:
    with pytest.raises(HttpResponseError) as error:
        client.load_balancers.create(balancer(**change))
    assert refused(error, 422, words)
    assert client.load_balancers.list()["meta"]["total"] == 0


def test_a_load_balancer_in_trouble_never_becomes_active(cloud: DigitalOceanSimulator, client: pydo.Client) -> None:
    cloud.faults.trouble("load_balancer.active", name="lb")
    made = client.load_balancers.create(balancer())["load_balancer"]
    cloud.advance(3600)
    assert client.load_balancers.get(made["id"])["load_balancer"]["status"] == "new"
    cloud.faults.trouble("load_balancer.create", name="lb")
    made = client.load_balancers.create(balancer())["load_balancer"]
    assert client.load_balancers.get(made["id"])["load_balancer"]["status"] == "errored"


# reserved IPs


def test_a_reserved_ip_moves(client: pydo.Client, droplet: int) -> None:
    made = client.reserved_ips.create({"region": "fra1"})["reserved_ip"]
    address = made["ip"]
    assert (made["droplet"], made["locked"]) == (None, False)
    action = client.reserved_ips_actions.post(address, {"type": "assign", "droplet_id": droplet})["action"]
    assert (action["type"], action["status"]) == ("assign_ip", "in-progress")
    assert client.reserved_ips_actions.get(address, action["id"])["action"]["status"] == "completed"
    assert client.reserved_ips.get(address)["reserved_ip"]["droplet"]["id"] == droplet
    client.droplets.destroy(droplet)
    assert client.reserved_ips.list()["reserved_ips"][0]["droplet"] is None
    client.reserved_ips.delete(address)
    assert client.reserved_ips.get(address)["id"] == "not_found"


def test_a_reserved_ip_for_a_droplet_tells_both(client: pydo.Client, droplet: int) -> None:
    made = client.reserved_ips.create({"droplet_id": droplet})
    assert made["links"]["droplets"][0]["id"] == droplet
    assert made["links"]["actions"][0]["rel"] == "assign_ip"
    assert client.reserved_ips.get(made["reserved_ip"]["ip"])["reserved_ip"]["droplet"]["id"] == droplet


def test_a_busy_reserved_ip_says_so(slow_cloud: DigitalOceanSimulator) -> None:
    client = client_of(slow_cloud)
    droplet = client.droplets.create(DROPLET)["droplet"]["id"]
    address = client.reserved_ips.create({"region": "fra1"})["reserved_ip"]["ip"]
    with pytest.raises(HttpResponseError, match="Droplet already has a pending event"):
        client.reserved_ips_actions.post(address, {"type": "assign", "droplet_id": droplet})
    slow_cloud.advance(slow_cloud.delays.droplet)
    client.reserved_ips_actions.post(address, {"type": "assign", "droplet_id": droplet})
    with pytest.raises(HttpResponseError, match="already has a pending event"):
        client.reserved_ips.delete(address)


def test_reserved_ips_have_a_limit(cloud: DigitalOceanSimulator, client: pydo.Client) -> None:
    for _ in range(cloud.limits.reserved_ips):
        client.reserved_ips.create({"region": "fra1"})
    with pytest.raises(HttpResponseError, match="reached the limit"):
        client.reserved_ips.create({"region": "fra1"})


def test_a_reserved_ip_stays_in_its_region(client: pydo.Client, droplet: int) -> None:
    address = client.reserved_ips.create({"region": "nyc3"})["reserved_ip"]["ip"]
    with pytest.raises(HttpResponseError, match="same region"):
        client.reserved_ips_actions.post(address, {"type": "assign", "droplet_id": droplet})
    with pytest.raises(HttpResponseError, match="not assigned"):
        client.reserved_ips_actions.post(address, {"type": "unassign"})


def test_a_token_without_the_scope_may_not(cloud: DigitalOceanSimulator) -> None:
    token = cloud.token(["vpc:read"])
    assert ask(cloud, "GET", "/v2/vpcs", token=token)[0] == 200
    assert ask(cloud, "POST", "/v2/vpcs", b'{"name": "n", "region": "fra1"}', token)[0] == 403
    assert ask(cloud, "GET", "/v2/firewalls", token=token)[0] == 403
