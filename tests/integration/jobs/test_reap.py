"""Reaping: all of what is to go, and nothing else, however often it is disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType

import pytest

from automation import wait
from automation.digitalocean import inventory
from automation.digitalocean.buckets import Buckets
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.problems import ScopeMissing, Unavailable
from automation.errors import DogitopsError
from automation.jobs.infrastructure.reap import Reaper, reap
from automation.objectstore import ObjectStore
from automation.secret import Secret
from automation.simulators.digitalocean import Delays, DigitalOceanSimulator, Fault, Limits
from tests.integration.digitalocean.estate import DROPLET, FUTURE, NOW, PAST, everything, there
from tests.integration.digitalocean.scripted import HASTE, account
from tests.integration.s3 import serving


@pytest.fixture
def sky() -> Iterator[DigitalOceanSimulator]:
    limits = Limits(droplets=1000, volumes=1000, reserved_ips=50, hour=None, minute=None)
    with DigitalOceanSimulator(limits=limits) as sky:
        yield sky
        assert sky.unknown() == []


@pytest.fixture
def cloud(sky: DigitalOceanSimulator) -> DigitalOcean:
    return account(sky.url, token=sky.token())


def expired(cloud: DigitalOcean) -> None:
    reap(Reaper(cloud, everything=False, now=NOW), confirm=lambda _: True)


def all_of_ours(cloud: DigitalOcean) -> None:
    reap(Reaper(cloud, everything=True, now=NOW), confirm=lambda _: True)


def droplet(cloud: DigitalOcean, name: str, tags: list[str]) -> int:
    return int(cloud._pydo.droplets.create({**DROPLET, "name": name, "tags": tags})["droplet"]["id"])


GONE = ["dogitops", "dogitops:until:20200101t0000z"]


def test_all_that_has_expired_goes_and_all_else_stays(cloud: DigitalOcean, sky: DigitalOceanSimulator) -> None:
    everything(cloud, 1, ours=False)
    everything(cloud, 2, ours=True)
    everything(cloud, 3, ours=True, until=FUTURE)
    stays = there(sky)
    everything(cloud, 4, ours=True, until=PAST)
    comes = there(sky) - stays
    assert len({kind for kind, _ in comes}) > 12
    expired(cloud)
    left = there(sky) - stays
    assert not stays - there(sky), "nothing else is touched"
    # The domain that holds a record of ours is somebody's own; the tags are still on what stays, or have no end.
    assert {kind for kind, _ in left} <= {"domains", "domain_records", "tags"}
    assert [one for one in cloud.records("shared-4.example.org") if one.name.startswith("dogitops-")] == []
    assert not [item for item in inventory.look(cloud) if item.expired(NOW)]


def test_everything_of_ours_goes_when_told(cloud: DigitalOcean, sky: DigitalOceanSimulator) -> None:
    everything(cloud, 1, ours=False)
    stays = there(sky)
    everything(cloud, 2, ours=True)
    everything(cloud, 3, ours=True, until=FUTURE)
    all_of_ours(cloud)
    assert not stays - there(sky)
    assert inventory.look(cloud) == []


def test_it_may_run_twice(cloud: DigitalOcean, capsys: pytest.CaptureFixture[str]) -> None:
    everything(cloud, 2, ours=True, until=PAST)
    expired(cloud)
    capsys.readouterr()
    expired(cloud)
    assert "There is nothing to delete." in capsys.readouterr().err


def test_what_is_shown_has_its_cost_and_its_end(cloud: DigitalOcean, capsys: pytest.CaptureFixture[str]) -> None:
    droplet(cloud, "dogitops-a", GONE)
    droplet(cloud, "dogitops-b", ["dogitops"])
    droplet(cloud, "somebody", [])
    cloud._pydo.volumes.create({"name": "dogitops-v", "region": "fra1", "size_gigabytes": 100, "tags": GONE})
    reap(Reaper(cloud, everything=False, now=NOW), confirm=lambda _: False)
    shown = capsys.readouterr()
    assert "To be deleted: $16.00 a month (prices of 20" in shown.out
    assert "2020-01-01 00:00" in shown.out
    assert "100 GiB" in shown.out
    assert "somebody" not in shown.out + shown.err
    assert "Of ours stay 1, for $6.00 a month: 1 without an end." in shown.err
    assert "Nothing was deleted. Give --yes" in shown.err
    assert len(cloud.droplets()) == 3


@pytest.mark.parametrize("moment", range(1, 12))
def test_it_may_be_killed_at_any_point_and_goes_on(
    cloud: DigitalOcean, sky: DigitalOceanSimulator, moment: int
) -> None:
    """A network that is lost for good after so many deletions ends it as a kill would."""
    everything(cloud, 1, ours=False)
    stays = there(sky)
    everything(cloud, 2, ours=True, until=PAST)
    sky.faults.add(Fault("cut-after", "DELETE", times=10_000, skip=moment))
    sky.faults.add(Fault("cut", "GET", times=10_000, skip=60))
    with pytest.raises(DogitopsError):
        expired(cloud)
    sky.faults.clear()
    expired(cloud)
    assert not [item for item in inventory.look(cloud) if item.expired(NOW)]
    assert not stays - there(sky)
    assert cloud.projects() == [one for one in cloud.projects() if not one.name.startswith("dogitops-deleted")]


def test_the_command_may_be_killed_again_and_again_and_gets_there() -> None:
    limits = Limits(droplets=1000, volumes=1000, reserved_ips=50, hour=None, minute=None)
    with DigitalOceanSimulator(limits=limits) as sky:
        cloud = account(sky.url, token=sky.token())
        everything(cloud, 1, ours=False)
        stays = there(sky)
        everything(cloud, 2, ours=True)
        environment = os.environ | {"DIGITALOCEAN_API_URL": sky.url, "DIGITALOCEAN_TOKEN": sky.full_token()}
        argv = [sys.executable, "-m", "automation", "reap", "--all", "--yes"]
        for _ in range(2):
            before = deletions(sky)
            with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
                wait.until(lambda: deletions(sky) > before + 1, "two deletions", timeout=30, interval=0.002)  # noqa: B023
                child.kill()
        assert inventory.look(cloud) != []
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert "A second look finds nothing" in done.stderr
        assert inventory.look(cloud) == []
        assert not stays - there(sky)


def deletions(sky: DigitalOceanSimulator) -> int:
    return sum(asked.method == "DELETE" for asked in list(sky.requests))


@pytest.mark.parametrize("kind", ["5xx-before", "5xx-after", "cut", "cut-after", "truncated", "429"])
def test_faults_of_answers_orphan_nothing(cloud: DigitalOcean, sky: DigitalOceanSimulator, kind: str) -> None:
    everything(cloud, 2, ours=True, until=PAST)
    for method in ("GET", "DELETE", "POST"):
        sky.faults.add(Fault(kind, method, times=2, skip=2, status=503, retry_after=0))
    expired(cloud)
    assert sky.faults.met[kind] >= 4
    assert not [item for item in inventory.look(cloud) if item.expired(NOW)]


def test_many_faults_by_chance_orphan_nothing(cloud: DigitalOcean, sky: DigitalOceanSimulator) -> None:
    everything(cloud, 2, ours=True, until=PAST)
    sky.faults.schedule(seed=3, share=0.15, seconds=0.01, retry_after=0)
    expired(cloud)
    sky.faults.clear()
    assert not [item for item in inventory.look(cloud) if item.expired(NOW)]


def test_a_volume_that_won_t_detach_at_first_goes_in_the_end(cloud: DigitalOcean, sky: DigitalOceanSimulator) -> None:
    server = droplet(cloud, "somebody", [])
    made = cloud._pydo.volumes.create({"name": "data", "region": "fra1", "size_gigabytes": 1, "tags": GONE})
    body = {"type": "attach", "droplet_id": server, "region": "fra1"}
    cloud._pydo.volume_actions.post_by_id(made["volume"]["id"], body)
    sky.faults.trouble("volume.detach", times=2)
    expired(cloud)
    assert cloud.volumes() == []
    assert [one.name for one in cloud.droplets()] == ["somebody"]


def test_a_volume_that_never_detaches_is_told_and_the_rest_goes(
    cloud: DigitalOcean, sky: DigitalOceanSimulator
) -> None:
    server = droplet(cloud, "somebody", [])
    made = cloud._pydo.volumes.create({"name": "stuck", "region": "fra1", "size_gigabytes": 1, "tags": GONE})
    body = {"type": "attach", "droplet_id": server, "region": "fra1"}
    cloud._pydo.volume_actions.post_by_id(made["volume"]["id"], body)
    cloud._pydo.volumes.create({"name": "free", "region": "fra1", "size_gigabytes": 1, "tags": GONE})
    droplet(cloud, "dogitops-a", GONE)
    sky.faults.trouble("volume.detach", times=100_000)
    with pytest.raises(DogitopsError, match="volume stuck: Waited") as failed:
        expired(cloud)
    assert failed.value.exit_code == 1
    assert "1 could not be deleted" in failed.value.message
    assert [one.name for one in cloud.volumes()] == ["stuck"]
    assert [one.name for one in cloud.droplets()] == ["somebody"]


def test_what_got_more_time_meanwhile_stays(cloud: DigitalOcean) -> None:
    server = droplet(cloud, "dogitops-a", GONE)
    reaper = Reaper(cloud, everything=False, now=NOW)
    listed = reaper.look()
    cloud.tag("dogitops:until:20991231t0000z", "droplet", [str(server)])
    assert reaper.delete(listed) == []
    assert len(cloud.droplets()) == 1


def test_what_somebody_else_deleted_meanwhile_is_no_error(cloud: DigitalOcean) -> None:
    server = droplet(cloud, "dogitops-a", GONE)
    reaper = Reaper(cloud, everything=False, now=NOW)
    listed = reaper.look()
    cloud.delete("droplet", str(server))
    assert reaper.delete(listed) == []


def test_a_token_that_can_not_see_all_ends_it_before_anything_goes(
    cloud: DigitalOcean, sky: DigitalOceanSimulator
) -> None:
    """What can't be seen can't be proven gone."""
    droplet(cloud, "dogitops-a", GONE)
    limited = account(sky.url, token=sky.token(["droplet:read", "droplet:delete", "kubernetes:read"]))
    with pytest.raises(ScopeMissing, match=":read`"):
        expired(limited)
    assert len(cloud.droplets()) == 1


def test_a_token_that_may_not_delete_says_so(cloud: DigitalOcean, sky: DigitalOceanSimulator) -> None:
    droplet(cloud, "dogitops-a", GONE)
    with pytest.raises(ScopeMissing, match="`droplet:delete`"):
        expired(account(sky.url, token=sky.token(["read"])))


def test_no_network_says_so(sky: DigitalOceanSimulator) -> None:
    cloud = account(sky.url, replace(HASTE, tries=2), sky.token())
    sky.stop()
    with pytest.raises(Unavailable, match="No answer from DigitalOcean"):
        expired(cloud)


def test_a_network_with_members_goes_after_them(cloud: DigitalOcean) -> None:
    network = cloud._pydo.vpcs.create({"name": "dogitops-net-until-20200101t0000z", "region": "fra1"})["vpc"]["id"]
    cloud._pydo.droplets.create({**DROPLET, "name": "dogitops-a", "tags": GONE, "vpc_uuid": network})
    expired(cloud)
    assert [one.name for one in cloud.vpcs() if one.name.startswith("dogitops")] == []


def test_a_network_that_somebody_else_uses_is_told(cloud: DigitalOcean) -> None:
    network = cloud._pydo.vpcs.create({"name": "dogitops-net-until-20200101t0000z", "region": "fra1"})["vpc"]["id"]
    cloud._pydo.droplets.create({**DROPLET, "name": "somebody", "vpc_uuid": network})
    with pytest.raises(DogitopsError, match=r"vpc dogitops-net.*members"):
        expired(cloud)
    assert len(cloud.droplets()) == 1


def test_a_project_of_ours_that_holds_what_is_not_ours_is_told(cloud: DigitalOcean) -> None:
    body = {"name": "dogitops-p-until-20200101t0000z", "purpose": "tests", "environment": "Development"}
    project = cloud._pydo.projects.create(body)["project"]["id"]
    cloud.adopt(project, f"do:droplet:{droplet(cloud, 'somebody', [])}")
    with pytest.raises(DogitopsError, match="project dogitops-p"):
        expired(cloud)
    assert len(cloud.droplets()) == 1


def test_an_address_that_serves_somebody_else_stays(cloud: DigitalOcean) -> None:
    body = {"name": "dogitops-p", "purpose": "tests", "environment": "Development"}
    project = cloud._pydo.projects.create(body)["project"]["id"]
    address = cloud._pydo.reserved_ips.create({"droplet_id": droplet(cloud, "somebody", [])})["reserved_ip"]["ip"]
    cloud.adopt(project, f"do:reservedip:{address}")
    assert [item.kind for item in inventory.look(cloud)] == ["project"]


def test_buckets_are_touched_only_when_told(cloud: DigitalOcean) -> None:
    with serving() as s3:
        s3.buckets = {"dogitops-state": ["a", "b"], "somebody": ["c"], "dogitops-x-until-20200101t0000z": []}
        store = ObjectStore(f"http://127.0.0.1:{s3.server_port}", "us-east-1", Secret("access-key-7"), Secret("x" * 20))
        all_of_ours(cloud)
        assert len(s3.buckets) == 3
        buckets = Buckets({"": store})
        reap(Reaper(cloud, everything=False, now=NOW, buckets=buckets), confirm=lambda _: True)
        assert set(s3.buckets) == {"dogitops-state", "somebody"}
        reap(Reaper(cloud, everything=True, now=NOW, buckets=buckets), confirm=lambda _: True)
        assert s3.buckets == {"somebody": ["c"]}


def test_an_address_that_has_to_be_unassigned_first_stays_known_as_ours(
    cloud: DigitalOcean, sky: DigitalOceanSimulator
) -> None:
    """Nothing but its droplet says that it is ours: without that, a project of ours does, until it is gone."""
    server = droplet(cloud, "dogitops-a", GONE)
    address = cloud._pydo.reserved_ips.create({"droplet_id": server})["reserved_ip"]["ip"]
    sky.faults.add(Fault("5xx-before", "DELETE", "/v2/reserved_ips/*", status=422))
    sky.faults.add(Fault("cut", "DELETE", "/v2/reserved_ips/*", times=100))  # killed between the two
    with pytest.raises(Unavailable):
        expired(cloud)
    assert [one.ip for one in cloud.reserved_ips() if not one.droplet] == [address]
    sky.faults.clear()
    reap(Reaper(cloud, everything=False, now=datetime.now(UTC)), confirm=lambda _: True)
    assert cloud.reserved_ips() == []
    assert [one.name for one in cloud.projects() if one.name.startswith("dogitops")] == []


def test_a_registry_of_ours_goes_and_costs_what_its_tier_costs(
    cloud: DigitalOcean, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"name": "dogitops-images", "subscription_tier_slug": "basic", "region": "fra1"}
    cloud._pydo.registries.create(body)
    all_of_ours(cloud)
    assert "$5.00" in capsys.readouterr().out
    assert cloud.registries() == []


def test_what_a_cluster_made_goes_with_it_and_is_not_counted_twice(
    cloud: DigitalOcean, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = {"name": "pool", "size": "s-2vcpu-4gb", "count": 2}
    version = cloud.kubernetes_options().versions[0]
    body = {"name": "dogitops-c", "region": "fra1", "version": version, "tags": GONE, "ha": False, "node_pools": [pool]}
    cluster = cloud._pydo.kubernetes.create_cluster(body)["kubernetes_cluster"]["id"]
    mark = [f"k8s:{cluster}"]
    cloud._pydo.volumes.create({"name": "pvc-1", "region": "fra1", "size_gigabytes": 5, "tags": mark})
    cloud._pydo.volumes.create({"name": "pvc-2", "region": "fra1", "size_gigabytes": 5, "tags": ["k8s:another"]})
    assert len(cloud.droplets()) == 2
    expired(cloud)
    assert "$48.00 a month" in capsys.readouterr().out
    assert cloud.droplets() == []
    assert [one.name for one in cloud.volumes()] == ["pvc-2"]


def test_a_volume_that_a_cluster_left_behind_is_known_as_ours(cloud: DigitalOcean, sky: DigitalOceanSimulator) -> None:
    """Killed between the mark and the end, or left behind by DigitalOcean: the mark stays."""
    pool = {"name": "pool", "size": "s-2vcpu-4gb", "count": 1}
    version = cloud.kubernetes_options().versions[0]
    body = {"name": "dogitops-c", "region": "fra1", "version": version, "tags": GONE, "node_pools": [pool]}
    cluster = cloud._pydo.kubernetes.create_cluster(body)["kubernetes_cluster"]["id"]
    cloud._pydo.volumes.create({"name": "pvc-1", "region": "fra1", "size_gigabytes": 5, "tags": [f"k8s:{cluster}"]})
    sky.faults.add(Fault("cut", "DELETE", "*dangerous", times=100))
    with pytest.raises(Unavailable):
        expired(cloud)
    sky.faults.clear()
    cloud._pydo.kubernetes.delete_cluster(cluster)  # alone, as somebody else may
    assert cloud.clusters() == []
    assert len(cloud.volumes()) == 1
    expired(cloud)
    assert cloud.volumes() == []


def test_an_interrupt_ends_it_while_something_is_waited_for(sky: DigitalOceanSimulator) -> None:
    cloud = account(sky.url, replace(HASTE, busy=3600), sky.token())
    made = cloud._pydo.volumes.create({"name": "stuck", "region": "fra1", "size_gigabytes": 1, "tags": GONE})
    body = {"type": "attach", "droplet_id": droplet(cloud, "somebody", []), "region": "fra1"}
    cloud._pydo.volume_actions.post_by_id(made["volume"]["id"], body)
    sky.faults.trouble("volume.detach", times=100_000)

    def interrupted(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupted)
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            expired(cloud)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert [one.name for one in cloud.volumes()] == ["stuck"]


def test_what_takes_its_time_is_waited_for() -> None:
    limits = Limits(droplets=1000, volumes=1000, reserved_ips=50, hour=None, minute=None)
    with DigitalOceanSimulator(limits=limits, delays=Delays(delete=0.3)) as sky:
        cloud = account(sky.url, token=sky.token())
        everything(cloud, 1, ours=False)
        stays = there(sky)
        everything(cloud, 2, ours=True)
        all_of_ours(cloud)
        assert inventory.look(cloud) == []
        assert not stays - there(sky)
        assert sky.unknown() == []
