"""Faults of answers and troubles of resources."""

from __future__ import annotations

import http.client
import json
from collections import Counter

import pytest

from automation.simulators.digitalocean import DigitalOceanSimulator, Fault, Limits
from tests.integration.simulators.digitalocean.ocean import DROPLET, ask, client_of

CREATE = b'{"name": "blue"}'


def names(cloud: DigitalOceanSimulator) -> list[str]:
    with cloud.lock:
        return [str(name) for name in cloud.state.resources.get("tags", {})]


def test_a_burst_says_when_to_come_back(cloud: DigitalOceanSimulator) -> None:
    cloud.faults.add(Fault("429", "POST", "/v2/tags", times=2, retry_after=7))
    for _ in range(2):
        status, headers, body = ask(cloud, "POST", "/v2/tags", CREATE)
        assert (status, headers["retry-after"], body["id"]) == (429, "7", "too_many_requests")
        assert names(cloud) == []
    assert ask(cloud, "POST", "/v2/tags", CREATE)[0] == 201


@pytest.mark.parametrize(("kind", "left"), [("5xx-before", []), ("5xx-after", ["blue"])])
def test_an_error_before_and_after_the_effect(cloud: DigitalOceanSimulator, kind: str, left: list[str]) -> None:
    cloud.faults.add(Fault(kind, "POST", status=503))
    status, headers, body = ask(cloud, "POST", "/v2/tags", CREATE)
    assert (status, body["id"], body["request_id"]) == (503, "server_error", headers["x-request-id"])
    assert names(cloud) == left
    assert [it.fault for it in cloud.requests] == [kind]


@pytest.mark.parametrize(("kind", "left"), [("cut", []), ("cut-after", ["blue"])])
def test_a_connection_that_ends(cloud: DigitalOceanSimulator, kind: str, left: list[str]) -> None:
    cloud.faults.add(Fault(kind, "POST"))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(cloud, "POST", "/v2/tags", CREATE)
    assert names(cloud) == left
    assert cloud.requests[-1].status == 0


def test_an_answer_that_breaks_off(cloud: DigitalOceanSimulator) -> None:
    cloud.faults.add(Fault("truncated", "GET"))
    with pytest.raises(http.client.IncompleteRead):
        ask(cloud, "GET", "/v2/regions")
    assert ask(cloud, "GET", "/v2/regions")[0] == 200


def test_a_slow_answer_keeps_no_other_waiting(cloud: DigitalOceanSimulator) -> None:
    cloud.faults.add(Fault("slow", "GET", "/v2/regions", seconds=30))
    slow = http.client.HTTPConnection(cloud.url.removeprefix("http://"), timeout=0.2)
    slow.request("GET", "/v2/regions", headers={"Authorization": f"Bearer {cloud.token()}"})
    with pytest.raises(TimeoutError):
        slow.getresponse()
    assert ask(cloud, "GET", "/v2/account")[0] == 200


def test_faults_skip_and_match(cloud: DigitalOceanSimulator) -> None:
    cloud.faults.add(Fault("5xx-before", "GET", "/v2/d*", skip=1))
    answers = [ask(cloud, "GET", path)[0] for path in ("/v2/droplets", "/v2/tags", "/v2/droplets", "/v2/droplets")]
    assert answers == [200, 200, 500, 200]


def test_an_unknown_fault_is_refused(cloud: DigitalOceanSimulator) -> None:
    with pytest.raises(ValueError, match="there is no fault 418"):
        cloud.faults.add(Fault("418"))
    with pytest.raises(ValueError, match="there is no fault tea"):
        cloud.faults.schedule(1, kinds=["tea"])


def test_a_seed_repeats_its_faults() -> None:
    runs = []
    for seed in (5, 5, 6):
        with DigitalOceanSimulator(limits=Limits(hour=None, minute=None)) as cloud:
            token = cloud.token()
            cloud.faults.schedule(seed, share=0.3, kinds=["5xx-before", "429"])
            runs.append([ask(cloud, "GET", "/v2/account", token=token)[0] for _ in range(60)])
            assert sum(cloud.faults.met.values()) == 60 - Counter(runs[-1])[200] > 5
    assert runs[0] == runs[1] != runs[2]


def test_a_limit_that_is_hit_by_chance_is_hit_several_times_in_a_row() -> None:
    with DigitalOceanSimulator(limits=Limits(hour=None, minute=None)) as cloud:
        token = cloud.token()
        cloud.faults.schedule(5, share=0.05, kinds=["429"], at_most=20)
        answers = "".join("-" if ask(cloud, "GET", "/v2/account", token=token)[0] == 200 else "x" for _ in range(300))
    bursts = [len(one) for one in answers.split("-") if one]
    assert 1 < max(bursts) <= 8, "one burst, or two that meet"
    assert sum(bursts) == cloud.faults.met["429"] <= 20


def test_a_token_that_is_refused_does_nothing(cloud: DigitalOceanSimulator) -> None:
    cloud.faults.add(Fault("401", "POST", "/v2/tags"))
    status, _, body = ask(cloud, "POST", "/v2/tags", CREATE)
    assert (status, body["id"], body["message"]) == (401, "unauthorized", "Unable to authenticate you.")
    assert names(cloud) == []
    assert ask(cloud, "POST", "/v2/tags", CREATE)[0] == 201


def test_a_seed_repeats_its_troubles() -> None:
    runs = []
    for seed in (5, 5, 6):
        with DigitalOceanSimulator(limits=Limits(droplets=100, hour=None, minute=None)) as cloud:
            cloud.faults.schedule(seed, share=0.3, kinds=(), troubles=True)
            token, body = cloud.token(), json.dumps(DROPLET).encode()
            made = [ask(cloud, "POST", "/v2/droplets", body, token)[0] for _ in range(40)]
            left = ask(cloud, "GET", "/v2/droplets?per_page=200", token=token)[2]["meta"]["total"]
            assert cloud.faults.met["droplet.capacity"] == Counter(made)[422] > 3
            assert cloud.faults.met["droplet.create"] == Counter(made)[202] - left > 3
            runs.append(made)
    assert runs[0] == runs[1] != runs[2]


def test_no_capacity(cloud: DigitalOceanSimulator) -> None:
    cloud.faults.trouble("droplet.capacity", name="web*")
    client = client_of(cloud)
    with pytest.raises(Exception, match="Size is not available in this region"):
        client.droplets.create(DROPLET)
    assert client.droplets.create(DROPLET)["droplet"]["status"] == "new"


def test_a_droplet_that_never_comes_to_be(cloud: DigitalOceanSimulator) -> None:
    cloud.faults.trouble("droplet.create")
    client = client_of(cloud)
    made = client.droplets.create(DROPLET)
    action = client.actions.get(made["links"]["actions"][0]["id"])["action"]
    assert (action["status"], action["completed_at"]) == ("errored", "2026-01-01T00:00:00Z")
    assert client.droplets.list()["droplets"] == []


def test_a_volume_that_will_not_detach(cloud: DigitalOceanSimulator) -> None:
    client = client_of(cloud)
    droplet = client.droplets.create(DROPLET)["droplet"]["id"]
    volume = client.volumes.create({"name": "data-1", "region": "fra1", "size_gigabytes": 1})["volume"]["id"]
    client.volume_actions.post_by_id(volume, {"type": "attach", "droplet_id": droplet})
    cloud.faults.trouble("volume.detach", name="data-*", times=1)
    detach = {"type": "detach", "droplet_id": droplet}
    action = client.volume_actions.post_by_id(volume, detach)["action"]
    assert client.actions.get(action["id"])["action"]["status"] == "errored"
    assert client.volumes.get(volume)["volume"]["droplet_ids"] == [droplet]
    action = client.volume_actions.post_by_id(volume, detach)["action"]
    assert client.actions.get(action["id"])["action"]["status"] == "completed"
    assert client.volumes.get(volume)["volume"]["droplet_ids"] == []


def test_a_failing_action(cloud: DigitalOceanSimulator) -> None:
    client = client_of(cloud)
    droplet = client.droplets.create(DROPLET)["droplet"]["id"]
    client.account.get()
    cloud.faults.trouble("droplet.action")
    action = client.droplet_actions.post(droplet, {"type": "power_off"})["action"]
    assert client.actions.get(action["id"])["action"]["status"] == "errored"
    assert client.droplets.get(droplet)["droplet"]["status"] == "active"
