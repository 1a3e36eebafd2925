from __future__ import annotations

import re
from typing import Any

import pytest

from automation.errors import VerificationFailed
from automation.recovery.coverage import Covered, coverage, examine
from tests.integration.kube.cluster import Cluster, Manifest


def claim(name: str = "data-redis-0", phase: str = "Bound", uid: str = "u1", **rest: Any) -> Manifest:
    metadata = {"name": name, "namespace": "ledger", "uid": uid, **rest.pop("metadata", {})}
    return {"metadata": metadata, "spec": {"volumeName": "pv-1", **rest}, "status": {"phase": phase}}


def pod(volume: str = "data", of: str = "data-redis-0", phase: str = "Running", **metadata: Any) -> Manifest:
    return {
        "metadata": {"name": "redis-0", "namespace": "ledger", **metadata},
        "spec": {
            "volumes": [{"name": volume, "persistentVolumeClaim": {"claimName": of}}, {"name": "tmp", "emptyDir": {}}],
            "containers": [{"name": "redis", "volumeMounts": [{"name": volume, "mountPath": "/data"}]}],
        },
        "status": {"phase": phase},
    }


def backup(
    phase: str = "Completed", size: int = 7, uid: str | None = "u1", volume: str = "data", **status: Any
) -> Manifest:
    labels = {"velero.io/pvc-uid": uid} if uid else {}
    return {
        "metadata": {"labels": labels},
        "spec": {"pod": {"namespace": "ledger", "name": "redis-0"}, "volume": volume},
        "status": {"phase": phase, "progress": {"totalBytes": size}, **status},
    }


VOLUMES = {"pv-1": {"metadata": {"name": "pv-1"}, "spec": {"local": {"path": "/x"}}}}
HOST_PATH = {"pv-1": {"metadata": {"name": "pv-1"}, "spec": {"hostPath": {"path": "/x"}}}}


def test_a_claim_with_a_complete_backup_is_covered() -> None:
    covered, uncovered = examine([claim()], [pod()], VOLUMES, [backup()])
    assert covered == (Covered("ledger", "data-redis-0", "redis-0", "data", 7),)
    assert not uncovered


def test_a_backup_without_a_uid_is_matched_by_pod_and_volume() -> None:
    assert examine([claim()], [pod()], VOLUMES, [backup(uid=None)])[0]
    assert not examine([claim()], [pod()], VOLUMES, [backup(uid=None, volume="tmp")])[0]


def test_a_backup_of_an_earlier_claim_of_the_same_name_does_not_count() -> None:
    covered, uncovered = examine([claim(uid="new")], [pod()], VOLUMES, [backup(uid="old")])
    assert not covered
    assert "Velero made no backup" in uncovered[0].reason


def test_a_volume_of_a_pod_that_names_its_claim_itself_is_matched() -> None:
    ephemeral = pod()
    ephemeral["spec"]["volumes"] = [{"name": "scratch", "ephemeral": {}}]
    ephemeral["spec"]["containers"][0]["volumeMounts"] = [{"name": "scratch", "mountPath": "/s"}]
    found = examine([claim("redis-0-scratch")], [ephemeral], VOLUMES, [backup(uid=None, volume="scratch")])
    assert [one.claim for one in found[0]] == ["redis-0-scratch"]


def test_a_claim_that_never_had_a_volume_has_nothing_to_lose() -> None:
    assert examine([claim(phase="Pending")], [], {}, []) == ((), ())


def unmounted() -> Manifest:
    changed = pod()
    changed["spec"]["containers"] = [{"name": "redis"}]
    return changed


@pytest.mark.parametrize(
    ("claims", "pods", "volumes", "backups", "reason"),
    [
        (claim(), [pod()], VOLUMES, [backup("Failed", message="disk on fire")], "is Failed, disk on fire"),
        (claim(), [pod()], VOLUMES, [backup("InProgress")], "is InProgress"),
        (claim(), [pod()], HOST_PATH, [], "its volume pv-1 is a hostPath"),
        (claim(), [], VOLUMES, [], "no running pod mounts it"),
        (claim(), [pod(phase="Pending")], VOLUMES, [], r"no running pod mounts it \(redis-0 is Pending\)"),
        (claim(), [pod(of="other")], VOLUMES, [], "no running pod mounts it"),
        (claim(phase="Lost"), [pod()], {}, [], "its volume is gone"),
        (claim(volumeMode="Block"), [pod()], VOLUMES, [], "it is a block volume"),
        (claim(metadata={"labels": {"velero.io/exclude-from-backup": "true"}}), [pod()], VOLUMES, [],
         "its label velero.io/exclude-from-backup"),
        (claim(), [pod(labels={"velero.io/exclude-from-backup": "true"})], VOLUMES, [], "pod redis-0 is left out"),
        (claim(), [pod(annotations={"backup.velero.io/backup-volumes-excludes": "tmp,data"})], VOLUMES, [],
         "pod redis-0 leaves it out"),
        (claim(), [unmounted()], VOLUMES, [], "no container mounts it"),
        (claim(), [pod()], VOLUMES, [], "Velero made no backup of its files"),
    ],
)  # fmt: skip
def test_every_reason_is_named(
    claims: Manifest, pods: list[Manifest], volumes: dict[str, Manifest], backups: list[Manifest], reason: str
) -> None:
    covered, [uncovered] = examine([claims], pods, volumes, backups)
    assert not covered
    assert re.search(reason, uncovered.reason)
    assert uncovered.remedy


def test_a_backup_that_lacks_a_claim_is_refused_with_every_claim_named(cluster: Cluster) -> None:
    for name in ("a", "b", "c"):
        cluster.put("v1", "PersistentVolumeClaim", name, "ledger", spec={"volumeName": f"pv-{name}"},
                    status={"phase": "Bound"})  # fmt: skip
        cluster.put("v1", "PersistentVolume", f"pv-{name}", spec={"hostPath": {}} if name == "b" else {"local": {}})
    uid = cluster.find("PersistentVolumeClaim", "a")["metadata"]["uid"]
    cluster.put(
        "velero.io/v1", "PodVolumeBackup", "x", "velero",
        metadata={"labels": {"velero.io/backup-name": "b1", "velero.io/pvc-uid": uid}},
        spec={"pod": {"namespace": "ledger", "name": "p"}, "volume": "v"},
        status={"phase": "Completed", "progress": {"totalBytes": 9}},
    )  # fmt: skip
    with pytest.raises(VerificationFailed) as caught:
        coverage(cluster.kube, "b1", ["ledger"])
    assert caught.value.exit_code == 5
    assert "lacks the data of 2 of 3 claims" in caught.value.message
    assert "ledger/b: its volume pv-b is a hostPath" in caught.value.message
    assert "ledger/c: no running pod mounts it" in caught.value.message
    for name in ("b", "c"):
        cluster.kube.delete("v1", "PersistentVolumeClaim", name, "ledger")
    assert [(one.claim, one.bytes) for one in coverage(cluster.kube, "b1", ["ledger"])] == [("a", 9)]
