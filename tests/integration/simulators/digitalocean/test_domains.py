from __future__ import annotations

from typing import Any

import pydo
import pytest
from azure.core.exceptions import HttpResponseError


@pytest.fixture
def domain(client: pydo.Client) -> str:
    return client.domains.create({"name": "example.com", "ip_address": "192.0.2.1"})["domain"]["name"]


def add(client: pydo.Client, domain: str, **record: Any) -> dict[str, Any]:
    return client.domains.create_record(domain, record)["domain_record"]


def test_a_domain_has_its_records_from_the_start(client: pydo.Client, domain: str) -> None:
    records = client.domains.list_records(domain)["domain_records"]
    assert [it["type"] for it in records] == ["SOA", "NS", "NS", "NS", "A"]
    assert "example.com. 1800 IN A 192.0.2.1" in client.domains.get(domain)["domain"]["zone_file"]
    client.domains.delete(domain)
    assert client.domains.get(domain)["id"] == "not_found"
    assert client.domains.create({"name": "example.com"})["domain"]["ttl"] == 1800
    assert client.domains.list_records(domain)["meta"]["total"] == 4


@pytest.mark.parametrize(
    ("sent", "name", "data"),
    [
        ({"type": "A", "name": "www", "data": "192.0.2.9"}, "www", "192.0.2.9"),
        ({"type": "A", "name": "www.example.com.", "data": "192.0.2.9"}, "www", "192.0.2.9"),
        ({"type": "AAAA", "name": "@", "data": "2001:db8::1"}, "@", "2001:db8::1"),
        ({"type": "CNAME", "name": "blog", "data": "hosting.example.net."}, "blog", "hosting.example.net"),
        ({"type": "CNAME", "name": "blog", "data": "example.com."}, "blog", "@"),
        ({"type": "MX", "name": "@", "data": "mail.example.net.", "priority": 10}, "@", "mail.example.net"),
        ({"type": "TXT", "name": "*", "data": "v=spf1 -all"}, "*", "v=spf1 -all"),
        ({"type": "CAA", "name": "@", "data": "ca.example.", "flags": 0, "tag": "issue"}, "@", "ca.example"),
    ],
)
def test_a_record_lives(client: pydo.Client, domain: str, sent: dict[str, Any], name: str, data: str) -> None:
    made = add(client, domain, **sent)
    assert (made["name"], made["data"], made["ttl"]) == (name, data, 1800)
    changed = client.domains.patch_record(domain, made["id"], {"type": sent["type"], "ttl": 60})["domain_record"]
    assert (changed["data"], changed["ttl"]) == (data, 60)
    full = domain if name == "@" else f"{name}.{domain}"
    found = client.domains.list_records(domain, name=full, type=sent["type"])["domain_records"]
    assert made["id"] in [it["id"] for it in found]
    client.domains.delete_record(domain, made["id"])
    assert client.domains.get_record(domain, made["id"])["id"] == "not_found"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"type": "CNAME", "name": "w", "data": "hosting.example.net"}, "Data needs to end with a dot"),
        ({"type": "NS", "name": "w", "data": "ns.example.net"}, "Data needs to end with a dot"),
        ({"type": "A", "name": "w"}, "Data can't be blank"),
        ({"type": "A", "name": "w", "data": "example.net."}, "not a valid IPv4 address"),
        ({"type": "A", "name": "w", "data": "192.0.2.1", "ttl": 5}, "Ttl must be at least 30"),
        ({"type": "CNAME", "name": "@", "data": "a.example.net."}, "CNAME records cannot share a name"),
        ({"type": "SPF", "name": "w", "data": "x"}, "Type is not included in the list"),
        ({"type": "A", "name": "w.other.org.", "data": "192.0.2.1"}, "relative to the domain"),
        ({"type": "A", "name": "no spaces", "data": "192.0.2.1"}, "valid hostname characters"),
        ({"type": "CAA", "name": "@", "data": "ca.example."}, "Tag must be one of"),
    ],
)
def test_a_record_that_can_not_be_is_refused(
    client: pydo.Client, domain: str, sent: dict[str, Any], words: str
) -> None:
    with pytest.raises(HttpResponseError) as error:
        add(client, domain, **sent)
    assert error.value.status_code == 422
    assert words in error.value.response.text()  # type: ignore[union-attr]
    assert client.domains.list_records(domain)["meta"]["total"] == 5


def test_a_whole_update_of_a_name_needs_its_data_with_the_dot(client: pydo.Client, domain: str) -> None:
    made = add(client, domain, type="CNAME", name="blog", data="hosting.example.net.")
    with pytest.raises(HttpResponseError, match="Data needs to end with a dot"):
        client.domains.update_record(domain, made["id"], {"type": "CNAME", "ttl": 60})
    client.domains.update_record(domain, made["id"], {"type": "CNAME", "ttl": 60, "data": "hosting.example.net."})


def test_records_of_one_name_and_type_share_a_ttl(client: pydo.Client, domain: str) -> None:
    first = add(client, domain, type="A", name="www", data="192.0.2.1")
    add(client, domain, type="A", name="www", data="192.0.2.2", ttl=60)
    assert client.domains.get_record(domain, first["id"])["domain_record"]["ttl"] == 60


@pytest.mark.parametrize(("name", "words"), [("example.com", "already exists"), ("no domain", "valid hostname")])
def test_a_domain_that_can_not_be_is_refused(client: pydo.Client, domain: str, name: str, words: str) -> None:
    assert domain == "example.com"
    with pytest.raises(HttpResponseError, match=words):
        client.domains.create({"name": name})
