from __future__ import annotations

import base64
import json

import pydo
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from automation.simulators.digitalocean import DigitalOceanSimulator
from tests.integration.simulators.digitalocean.ocean import ask

BASIC = {"name": "acme", "subscription_tier_slug": "basic"}


def test_a_registry_lives(client: pydo.Client) -> None:
    made = client.registry.create({**BASIC, "region": "fra1"})["registry"]
    assert (made["name"], made["region"], made["subscription"]["tier"]["monthly_price_in_cents"]) == (
        "acme",
        "fra1",
        500,
    )
    assert client.registry.get()["registry"]["name"] == "acme"
    auths = client.registry.get_docker_credentials(read_write=True)["auths"]
    user, _, password = base64.b64decode(auths["registry.digitalocean.com"]["auth"]).decode().partition(":")
    assert user == password != ""
    client.registry.delete()
    with pytest.raises(ResourceNotFoundError, match="registry does not exist"):
        client.registry.get()


def test_the_subscription_changes(cloud: DigitalOceanSimulator, client: pydo.Client) -> None:
    assert ask(cloud, "GET", "/v2/registries/subscription")[0] == 404
    client.registry.create(BASIC)
    changed = client.registry.update_subscription({"tier_slug": "professional"})["subscription"]
    assert changed["tier"]["slug"] == "professional"
    body = json.dumps({"name": "second"}).encode()
    assert ask(cloud, "POST", "/v2/registries", body)[0] == 201
    status, _, told = ask(cloud, "GET", "/v2/registry")
    assert status == 412
    assert "not supported if you have created multiple registries" in told["message"]
    status, _, told = ask(cloud, "POST", "/v2/registry/subscription", b'{"tier_slug": "starter"}')
    assert (status, told["message"]) == (412, "registry is not eligible for tier because: [OverRegistryLimit]")
    assert len(ask(cloud, "GET", "/v2/registries")[2]["registries"]) == 2


def test_a_second_registry_and_a_taken_name_are_refused(client: pydo.Client) -> None:
    client.registry.create(BASIC)
    with pytest.raises(HttpResponseError, match="user already has a registry"):
        client.registry.create({**BASIC, "name": "other"})
    assert client.registry.validate_name({"name": "acme"})["message"] == "name already exists"
    with pytest.raises(HttpResponseError, match="invalid name"):
        client.registry.validate_name({"name": "Not A Name"})


def test_garbage_is_collected_once_at_a_time(slow_cloud: DigitalOceanSimulator) -> None:
    ask(slow_cloud, "POST", "/v2/registry", json.dumps(BASIC).encode())
    path = "/v2/registries/acme/garbage-collection"
    assert ask(slow_cloud, "POST", path)[0] == 201
    assert ask(slow_cloud, "POST", path)[0] == 409
    slow_cloud.advance(slow_cloud.delays.registry)
    (ended,) = ask(slow_cloud, "GET", f"{path}s")[2]["garbage_collections"]
    assert ended["status"] == "succeeded"
