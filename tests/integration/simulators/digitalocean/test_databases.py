from __future__ import annotations

from typing import Any

import pydo
import pytest
from azure.core.exceptions import HttpResponseError

from automation.simulators.digitalocean import DigitalOceanSimulator
from tests.integration.simulators.digitalocean.ocean import client_of

PG = {"name": "shop", "engine": "pg", "version": "16", "size": "db-s-1vcpu-2gb", "region": "fra1", "num_nodes": 1}


def test_a_database_takes_its_time(slow_cloud: DigitalOceanSimulator) -> None:
    client = client_of(slow_cloud)
    made = client.databases.create_cluster({**PG, "tags": ["own"]})["database"]
    assert (made["status"], made["db_names"], made["connection"]["user"]) == ("creating", ["defaultdb"], "doadmin")
    slow_cloud.advance(slow_cloud.delays.database)
    assert client.databases.get_cluster(made["id"])["database"]["status"] == "online"
    client.databases.update_cluster_size(made["id"], {"size": "db-s-2vcpu-4gb", "num_nodes": 2})
    assert client.databases.get_cluster(made["id"])["database"]["status"] == "resizing"
    slow_cloud.advance(slow_cloud.delays.database)
    found = client.databases.list_clusters(tag_name="own")["databases"][0]
    assert (found["status"], found["num_nodes"], found["storage_size_mib"]) == ("online", 2, 60 * 1024)


def test_users_databases_and_rules_live(client: pydo.Client) -> None:
    number = client.databases.create_cluster(PG)["database"]["id"]
    client.databases.add_user(number, {"name": "app"})
    old = client.databases.get_user(number, "app")["user"]["password"]
    assert client.databases.reset_auth(number, "app", {})["user"]["password"] != old
    client.databases.add(number, {"name": "orders"})
    assert [it["name"] for it in client.databases.list(number)["dbs"]] == ["defaultdb", "orders"]
    client.databases.update_firewall_rules(number, {"rules": [{"type": "ip_addr", "value": "192.0.2.7"}]})
    (rule,) = client.databases.list_firewall_rules(number)["rules"]
    assert (rule["value"], rule["cluster_uuid"]) == ("192.0.2.7", number)
    client.databases.delete_user(number, "app")
    client.databases.delete(number, "orders")
    client.databases.destroy_cluster(number)
    assert client.databases.get_cluster(number)["id"] == "not_found"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "shop"}, "cluster name is not available"),
        ({"engine": "oracle"}, "invalid engine"),
        ({"version": "9"}, "invalid version"),
        ({"size": "db-huge"}, "invalid size"),
        ({"num_nodes": 9}, "invalid number of nodes"),
        ({"region": "xyz9"}, "invalid region"),
    ],
)
def test_a_database_that_can_not_be_is_refused(client: pydo.Client, change: dict[str, Any], words: str) -> None:
    client.databases.create_cluster(PG)
    with pytest.raises(HttpResponseError) as error:
        client.databases.create_cluster({**PG, "name": "other", **change})
    assert error.value.status_code == 422
    assert words in error.value.response.text()  # type: ignore[union-attr]
