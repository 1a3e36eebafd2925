"""The seam against a DigitalOcean that keeps state: typed, paged, and no creation made twice."""

from __future__ import annotations

import pytest

from automation.digitalocean import problems
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.resources import Droplet, Tag
from automation.simulators.digitalocean import DigitalOceanSimulator, Fault, Limits

from .estate import DROPLET, KEY
from .scripted import account


def tags_made(sky: DigitalOceanSimulator) -> list[int]:
    return [asked.status for asked in sky.requests if (asked.method, asked.path) == ("POST", "/v2/tags")]


def make(cloud: DigitalOcean) -> Tag:
    """Make a tag as everything is made."""
    cloud.tag("dogitops:env:a", "droplet", ["1"])
    return next(tag for tag in cloud.tags() if tag.name == "dogitops:env:a")


def test_what_is_there_comes_typed(cloud: DigitalOcean) -> None:
    cloud._pydo.droplets.create({**DROPLET, "name": "dogitops-a", "tags": ["dogitops"], "backups": True})
    (droplet,) = cloud.droplets()
    assert isinstance(droplet, Droplet)
    assert (droplet.name, droplet.region, droplet.size) == ("dogitops-a", "fra1", "s-1vcpu-1gb")
    assert droplet.tags == ("dogitops",)
    assert droplet.backups
    assert cloud.account().droplet_limit == 1000


def test_a_listing_of_several_pages_is_whole(cloud: DigitalOcean, sky: DigitalOceanSimulator) -> None:
    for _ in range(45):
        cloud._pydo.droplets.create({**{k: v for k, v in DROPLET.items() if k != "name"}, "names": ["dogitops-x"] * 10})
    assert len({droplet.id for droplet in cloud.droplets()}) == 450
    pages = [asked.query["page"] for asked in sky.requests if asked.method == "GET"]
    assert pages == ["1", "2", "3"]


def test_a_wrong_token_says_so(sky: DigitalOceanSimulator) -> None:
    with pytest.raises(problems.TokenRefused, match="Unable to authenticate you") as refused:
        account(sky.url, token="dop_v1_wrong").droplets()
    assert refused.value.exit_code == 2
    assert "account/api/tokens" in str(refused.value.hint)


def test_a_token_without_a_scope_names_the_scope(sky: DigitalOceanSimulator) -> None:
    limited = account(sky.url, token=sky.token(["droplet:read"]))
    assert limited.droplets() == []
    with pytest.raises(problems.ScopeMissing, match="`block_storage:read`"):
        limited.volumes()
    with pytest.raises(problems.ScopeMissing, match="`droplet:delete`"):
        limited.delete("droplet", "1")


def test_what_is_gone_already_is_deleted(cloud: DigitalOcean) -> None:
    droplet = cloud._pydo.droplets.create({**DROPLET, "name": "dogitops-a"})["droplet"]
    assert cloud.delete("droplet", str(droplet["id"])) is True
    assert cloud.delete("droplet", str(droplet["id"])) is False
    assert cloud.delete("volume", "00000000-0000-4000-8000-000000000000") is False


def test_a_quota_that_is_reached_says_so() -> None:
    with DigitalOceanSimulator(limits=Limits(droplets=1)) as sky:
        cloud = account(sky.url, token=sky.token())
        cloud._pydo.droplets.create({**DROPLET, "name": "a"})
        with pytest.raises(problems.QuotaReached) as refused:
            cloud._pydo.droplets.create({**DROPLET, "name": "b"})
    assert "dogitops reap" in str(refused.value.hint)


def test_a_region_without_room_says_so(cloud: DigitalOcean, sky: DigitalOceanSimulator) -> None:
    sky.faults.trouble("droplet.capacity")
    with pytest.raises(problems.NoCapacity):
        cloud._pydo.droplets.create({**DROPLET, "name": "a"})


def test_a_name_that_exists_says_so(cloud: DigitalOcean) -> None:
    body = {"name": "dogitops-data", "region": "fra1", "size_gigabytes": 1}
    cloud._pydo.volumes.create(body)
    with pytest.raises(problems.NameTaken):
        cloud._pydo.volumes.create(body)
    cloud._pydo.ssh_keys.create({"name": "a", "public_key": KEY})
    with pytest.raises(problems.NameTaken):
        cloud._pydo.ssh_keys.create({"name": "b", "public_key": KEY})


@pytest.mark.parametrize("kind", ["5xx-after", "cut-after", "truncated"])
def test_what_a_lost_answer_made_is_adopted(cloud: DigitalOcean, sky: DigitalOceanSimulator, kind: str) -> None:
    droplet = cloud._pydo.droplets.create({**DROPLET, "name": "a"})["droplet"]
    sky.faults.add(Fault(kind, "POST", "/v2/tags", status=503))
    cloud.tag("dogitops:env:a", "droplet", [str(droplet["id"])])
    assert len(tags_made(sky)) == 1
    assert cloud.droplets()[0].tags == ("dogitops:env:a",)


@pytest.mark.parametrize("kind", ["5xx-before", "cut", "429"])
def test_what_a_lost_answer_did_not_make_is_made(cloud: DigitalOcean, sky: DigitalOceanSimulator, kind: str) -> None:
    droplet = cloud._pydo.droplets.create({**DROPLET, "name": "a"})["droplet"]
    sky.faults.add(Fault(kind, "POST", "/v2/tags", status=503, retry_after=0))
    cloud.tag("dogitops:env:a", "droplet", [str(droplet["id"])])
    assert len(tags_made(sky)) == 2
    assert [tag.count for tag in cloud.tags()] == [1]


def test_a_creation_that_never_gets_through_ends(cloud: DigitalOcean, sky: DigitalOceanSimulator) -> None:
    sky.faults.add(Fault("5xx-before", "POST", "/v2/tags", times=100))
    with pytest.raises(problems.Unavailable, match="POST /v2/tags"):
        make(cloud)
    assert len(tags_made(sky)) == cloud.patience.tries
    assert cloud.tags() == []


def test_many_faults_of_all_kinds_are_lived_through(cloud: DigitalOcean, sky: DigitalOceanSimulator) -> None:
    for number in range(5):
        cloud._pydo.droplets.create({**DROPLET, "name": f"dogitops-{number}"})
    sky.faults.schedule(seed=7, share=0.3, seconds=0.01, retry_after=0)
    for _ in range(20):
        assert len(cloud.droplets()) == 5
    assert sum(sky.faults.met.values()) > 5
    sky.faults.clear()
