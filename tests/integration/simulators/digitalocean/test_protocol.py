"""Errors, pages, limits, tokens: what all routes have in common, as pydo and plain HTTP see it."""

from __future__ import annotations

import pydo
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from automation.errors import ConfigurationError
from automation.simulators.digitalocean import DigitalOceanSimulator, Limits, VirtualClock
from tests.integration.simulators.digitalocean.ocean import DROPLET, ask, client_of


def test_a_wrong_token_is_refused(cloud: DigitalOceanSimulator) -> None:
    status, headers, body = ask(cloud, "GET", "/v2/account", token="dop_v1_wrong")
    assert status == 401
    assert body == {
        "id": "unauthorized",
        "message": "Unable to authenticate you.",
        "request_id": headers["x-request-id"],
    }
    with pytest.raises(ClientAuthenticationError):
        client_of(cloud, "dop_v1_wrong").account.get()


def test_a_token_without_the_scope_is_refused(cloud: DigitalOceanSimulator) -> None:
    limited = client_of(cloud, cloud.token(["droplet:read", "droplet:create"]))
    limited.droplets.create(DROPLET)
    with pytest.raises(HttpResponseError) as refused:
        limited.droplets.destroy(limited.droplets.list()["droplets"][0]["id"])
    assert refused.value.status_code == 403
    assert refused.value.error is not None or "not authorized" in str(refused.value)
    reader = client_of(cloud, cloud.token(["read"]))
    assert reader.droplets.list()["meta"]["total"] == 1
    with pytest.raises(HttpResponseError):
        reader.tags.create({"name": "x"})


def test_what_is_not_there(client: pydo.Client) -> None:
    assert client.droplets.get(12)["id"] == "not_found"  # pydo raises nothing for a 404


def test_what_no_route_knows_is_remembered(quiet_cloud: DigitalOceanSimulator) -> None:
    status, _, body = ask(quiet_cloud, "GET", "/v2/unheard_of")
    assert (status, body["id"]) == (501, "not_implemented")
    assert quiet_cloud.unknown() == ["GET /v2/unheard_of"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"[" * 100_000, b"\xff\xfe"])
def test_a_body_that_is_no_object(cloud: DigitalOceanSimulator, body: bytes) -> None:
    status, _, answer = ask(cloud, "POST", "/v2/droplets", body)
    assert (status, answer["id"]) == (400, "bad_request")


def test_a_huge_body_is_refused_and_the_next_request_is_answered(cloud: DigitalOceanSimulator) -> None:
    body = b'{"name": "' + b"x" * 9_000_000 + b'"}'
    status, _, answer = ask(cloud, "POST", "/v2/tags", body)
    assert (status, answer["id"]) == (413, "payload_too_large")
    assert ask(cloud, "GET", "/v2/tags")[2]["tags"] == []


def test_lists_by_the_page(cloud: DigitalOceanSimulator, client: pydo.Client) -> None:
    for index in range(25):
        client.tags.create({"name": f"tag-{index}"})
    first = client.tags.list()
    assert len(first["tags"]) == 20
    assert first["meta"] == {"total": 25}
    assert first["links"]["pages"] == {
        "next": f"{cloud.url}/v2/tags?per_page=20&page=2",
        "last": f"{cloud.url}/v2/tags?per_page=20&page=2",
    }
    last = client.tags.list(per_page=10, page=3)
    assert [it["name"] for it in last["tags"]] == [f"tag-{index}" for index in range(20, 25)]
    assert set(last["links"]["pages"]) == {"first", "prev"}
    assert client.tags.list(per_page=200)["links"] == {}
    assert client.tags.list(per_page=10, page=9)["tags"] == []


@pytest.mark.parametrize("query", ["page=0", "page=x", "per_page=-1", "page=99999999999999999999", "per_page=%FF"])
def test_nonsense_for_a_page(cloud: DigitalOceanSimulator, query: str) -> None:
    status, _, body = ask(cloud, "GET", f"/v2/regions?{query}")
    assert status == 200
    assert body["regions"]


def test_the_limit_of_a_minute_says_when_to_come_back() -> None:
    with DigitalOceanSimulator(clock=VirtualClock(), limits=Limits(minute=3)) as cloud:
        token = cloud.token()
        lefts = [ask(cloud, "GET", "/v2/account", token=token)[1]["ratelimit-remaining"] for _ in range(3)]
        assert lefts == ["4999", "4998", "4997"]
        status, headers, body = ask(cloud, "GET", "/v2/account", token=token)
        assert (status, body["id"], headers["retry-after"]) == (429, "too_many_requests", "61")
        assert ask(cloud, "GET", "/v2/account")[0] == 200  # another token has a limit of its own
        cloud.advance(61)
        assert ask(cloud, "GET", "/v2/account", token=token)[0] == 200


def test_the_limit_of_an_hour_has_no_retry_after() -> None:
    with DigitalOceanSimulator(clock=VirtualClock(), limits=Limits(hour=2)) as cloud:
        token = cloud.token()
        for _ in range(2):
            ask(cloud, "GET", "/v2/account", token=token)
        status, headers, _ = ask(cloud, "GET", "/v2/account", token=token)
        assert status == 429
        assert "retry-after" not in headers
        assert headers["ratelimit-remaining"] == "0"
        cloud.advance(int(headers["ratelimit-reset"]) - cloud.clock.now())
        assert ask(cloud, "GET", "/v2/account", token=token)[0] == 200


def test_requests_are_remembered(cloud: DigitalOceanSimulator) -> None:
    _, headers, _ = ask(cloud, "GET", "/v2/regions?per_page=5")
    (request,) = cloud.requests
    assert (request.method, request.path, request.query) == ("GET", "/v2/regions", {"per_page": "5"})
    assert (request.status, request.fault, request.request_id) == (200, None, headers["x-request-id"])


def test_a_port_that_is_taken(cloud: DigitalOceanSimulator) -> None:
    port = int(cloud.url.rpartition(":")[2])
    with pytest.raises(ConfigurationError, match="can't listen"), DigitalOceanSimulator(port=port):
        pass
