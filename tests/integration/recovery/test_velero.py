from __future__ import annotations

from typing import Any

import pytest

from automation.errors import ConfigurationError, DeadlineExceeded, Refused, VerificationFailed
from automation.recovery import velero
from tests.integration.kube.cluster import Cluster, Manifest, now

API, VELERO = "velero.io/v1", "velero"
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def namespaces(cluster: Cluster) -> None:
    for name in ("ledger", "kube-system", VELERO):
        cluster.put("v1", "Namespace", name)


def ends_as(cluster: Cluster, phase: str, **status: Any) -> None:
    """Let Velero end each backup and restore in ``phase``."""

    def react(stored: Manifest) -> None:
        if stored["kind"] in {"Backup", "Restore"} and "status" not in stored:
            stored["status"] = {"phase": phase, "startTimestamp": now(), "completionTimestamp": now(), **status}

    cluster.react = react


def volume(
    cluster: Cluster, kind: str, of: str, pod: str = "redis-0", phase: str = "Completed", **status: Any
) -> Manifest:
    """Store a PodVolumeBackup or PodVolumeRestore of ``ledger/<pod> data``."""
    label = "velero.io/backup-name" if kind == "PodVolumeBackup" else "velero.io/restore-name"
    return cluster.put(
        API, kind, f"{of}-{pod}", VELERO, metadata={"labels": {label: of}},
        spec={"pod": {"namespace": "ledger", "name": pod}, "volume": "data"},
        status={"phase": phase, "progress": {"totalBytes": 5 * MIB, "bytesDone": 5 * MIB}, **status},
    )  # fmt: skip


def made_backup(cluster: Cluster, name: str, phase: str = "Completed", **metadata: Any) -> Manifest:
    return cluster.put(
        API, "Backup", name, VELERO, metadata=metadata, spec={"includedNamespaces": ["ledger"]},
        status={"phase": phase, "startTimestamp": now()},
    )  # fmt: skip


def test_a_backup_holds_the_files_of_its_volumes(cluster: Cluster) -> None:
    ends_as(cluster, "Completed", expiration="later", progress={"totalItems": 40, "itemsBackedUp": 40}, warnings=2)
    volume(cluster, "PodVolumeBackup", "b1")
    done = velero.back_up(cluster.kube, "b1", ["ledger"], timeout=5, labels={"dogitops.io/run": "r"})
    assert (done.items, done.bytes, done.warnings, done.expires) == (40, 5 * MIB, 2, "later")
    made = cluster.find("Backup", "b1")
    assert made["spec"]["defaultVolumesToFsBackup"] is True
    assert made["spec"]["snapshotVolumes"] is False
    assert "applications.argoproj.io" in made["spec"]["excludedResources"]
    assert made["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "dogitops", "dogitops.io/run": "r"}


def test_a_backup_that_runs_already_is_taken_up(cluster: Cluster) -> None:
    ends_as(cluster, "Completed")
    first = velero.back_up(cluster.kube, "b1", ["ledger"], timeout=5)
    cluster.find("Backup", "b1")["spec"]["ttl"] = "1h0m0s"  # Velero writes lengths of time in its own way
    assert velero.back_up(cluster.kube, "b1", ["ledger"], timeout=5) == first


def test_another_backup_of_the_same_name_is_refused(cluster: Cluster) -> None:
    ends_as(cluster, "Completed")
    velero.back_up(cluster.kube, "b1", ["ledger"], timeout=5)
    with pytest.raises(ConfigurationError, match=r"includedNamespaces is \['ledger'\], not \['kube-system'\]"):
        velero.back_up(cluster.kube, "b1", ["kube-system"], timeout=5)


@pytest.mark.parametrize(
    "phase", ["PartiallyFailed", "FinalizingPartiallyFailed", "Failed", "FailedValidation", "Deleting"]
)
def test_whatever_is_not_completed_is_a_failure_with_every_reason(cluster: Cluster, phase: str) -> None:
    ends_as(cluster, phase, errors=3, failureReason="no room", validationErrors=["location is unavailable"])
    volume(cluster, "PodVolumeBackup", "b1", phase="Failed", message="disk on fire")
    cluster.put("v1", "Pod", "velero-x", VELERO, metadata={"labels": {"deploy": "velero"}})
    cluster.logs["velero-x"] = (
        'level=info msg="fine" backup=velero/b1\n'
        'level=error msg="Error backing up item" backup=velero/other error="not mine"\n'
        'level=error msg="Error backing up item" backup=velero/b1 error="pod volume \\"data\\" failed"\n'
    )
    with pytest.raises(VerificationFailed) as caught:
        velero.back_up(cluster.kube, "b1", ["ledger"], timeout=5)
    told = caught.value.message
    assert f"The backup b1 ended as {phase}" in told
    for reason in ("no room", "location is unavailable", "3 errors", "ledger/redis-0 data: Failed, disk on fire"):
        assert reason in told
    assert 'Error backing up item: pod volume \\"data\\" failed' in told
    assert "not mine" not in told
    assert "fine" not in told


def test_a_backup_that_hangs_says_how_far_it_is(cluster: Cluster) -> None:
    ends_as(cluster, "InProgress", progress={"totalItems": 40, "itemsBackedUp": 7})
    volume(cluster, "PodVolumeBackup", "b1", phase="InProgress", progress={"totalBytes": 8 * MIB, "bytesDone": MIB})
    told: list[str] = []
    with pytest.raises(
        DeadlineExceeded, match="InProgress, 7 of 40 objects; ledger/redis-0 data InProgress 1 of 8 MiB"
    ):
        velero.back_up(cluster.kube, "b1", ["ledger"], timeout=0.6, progress=told.append)
    assert told[0].startswith("InProgress, 7 of 40 objects")


@pytest.mark.parametrize(
    ("name", "likely"),
    [("My Backup", "my-backup"), ("a_b", "a-b"), ("-a-", "a"), ("x" * 64, "x" * 63), ("Ünder", "nder"), ("", None)],
)
def test_a_bad_name_is_refused_with_a_better_one(cluster: Cluster, name: str, likely: str | None) -> None:
    with pytest.raises(ConfigurationError, match="cannot be the name of a backup") as caught:
        velero.back_up(cluster.kube, name, ["ledger"], timeout=5)
    assert likely is None or repr(likely) in str(caught.value.hint)
    assert not cluster.asked


def test_an_unknown_namespace_is_refused(cluster: Cluster) -> None:
    with pytest.raises(ConfigurationError, match=r"no namespace 'leger' to back up. Did you mean 'ledger'"):
        velero.back_up(cluster.kube, "b1", ["leger"], timeout=5)
    with pytest.raises(ConfigurationError, match="No namespace"):
        velero.back_up(cluster.kube, "b1", [], timeout=5)
    with pytest.raises(ConfigurationError, match="length of time"):
        velero.back_up(cluster.kube, "b1", ["ledger"], ttl="a month", timeout=5)


def test_a_restore_brings_every_volume_back(cluster: Cluster) -> None:
    made_backup(cluster, "b1")
    volume(cluster, "PodVolumeBackup", "b1")
    volume(cluster, "PodVolumeRestore", "r1")
    ends_as(cluster, "Completed", progress={"itemsRestored": 33}, warnings=1)
    done = velero.restore(cluster.kube, "r1", "b1", ["ledger"], timeout=5)
    assert (done.items, done.volumes, done.bytes, done.warnings) == (33, ("ledger/redis-0 data",), 5 * MIB, 1)
    spec = cluster.find("Restore", "r1")["spec"]
    assert (spec["existingResourcePolicy"], spec["restorePVs"]) == ("none", True)


def test_a_volume_that_velero_left_out_is_a_failure(cluster: Cluster) -> None:
    made_backup(cluster, "b1")
    volume(cluster, "PodVolumeBackup", "b1")
    volume(cluster, "PodVolumeBackup", "b1", pod="other-0")
    volume(cluster, "PodVolumeRestore", "r1")
    ends_as(cluster, "Completed")
    with pytest.raises(VerificationFailed, match=r"ledger/other-0 data was left out \(its pod existed"):
        velero.restore(cluster.kube, "r1", "b1", ["ledger"], timeout=5)


def test_a_volume_that_was_not_restored_well_is_a_failure(cluster: Cluster) -> None:
    made_backup(cluster, "b1")
    volume(cluster, "PodVolumeRestore", "r1", phase="Canceled")
    ends_as(cluster, "Completed")
    with pytest.raises(VerificationFailed, match="ledger/redis-0 data is Canceled"):
        velero.restore(cluster.kube, "r1", "b1", ["ledger"], timeout=5)


def test_a_restore_that_is_partial_is_a_failure(cluster: Cluster) -> None:
    made_backup(cluster, "b1")
    ends_as(cluster, "PartiallyFailed", errors=1)
    with pytest.raises(VerificationFailed, match="The restore r1 ended as PartiallyFailed: 1 errors"):
        velero.restore(cluster.kube, "r1", "b1", ["ledger"], timeout=5)


def test_an_unknown_backup_is_answered_with_the_known_ones(cluster: Cluster) -> None:
    made_backup(cluster, "drill-1")
    made_backup(cluster, "broken", phase="Failed")
    with pytest.raises(ConfigurationError, match=r"There is no backup 'dril-1'. Did you mean 'drill-1'") as caught:
        velero.restore(cluster.kube, "r1", "dril-1", ["ledger"], timeout=5)
    assert caught.value.hint == "Known, newest first: drill-1."


def test_a_backup_that_is_not_whole_is_restored_only_on_purpose(cluster: Cluster) -> None:
    made_backup(cluster, "half", phase="PartiallyFailed")
    made_backup(cluster, "whole")
    with pytest.raises(Refused, match="half is not whole: its phase is PartiallyFailed") as caught:
        velero.restore(cluster.kube, "r1", "half", ["ledger"], timeout=5)
    assert caught.value.hint == "Choose a complete one: whole."
    ends_as(cluster, "Completed")
    assert velero.restore(cluster.kube, "r1", "half", ["ledger"], timeout=5, allow_partial=True).backup == "half"


def test_a_namespace_that_the_backup_does_not_hold_is_refused(cluster: Cluster) -> None:
    made_backup(cluster, "b1")
    with pytest.raises(ConfigurationError, match=r"does not hold the namespace 'ledge'. Did you mean 'ledger'"):
        velero.restore(cluster.kube, "r1", "b1", ["ledge"], timeout=5)


def runs(cluster: Cluster, agents: int = 1, location: Manifest | None = None) -> Manifest:
    cluster.put("apps/v1", "Deployment", "velero", VELERO, status={"readyReplicas": 1})
    told = {"desiredNumberScheduled": 1, "numberReady": agents}
    cluster.put("apps/v1", "DaemonSet", "node-agent", VELERO, status=told)
    status = {"phase": "Available"} if location is None else location
    return cluster.put(API, "BackupStorageLocation", "default", VELERO, status=status)


def test_a_location_is_available_when_server_agents_and_bucket_are(cluster: Cluster) -> None:
    runs(cluster)
    velero.wait_until_available(cluster.kube, timeout=1)


def test_an_unavailable_location_says_what_velero_says_and_is_looked_at_again(cluster: Cluster) -> None:
    told = {"phase": "Unavailable", "message": "NoSuchBucket", "lastValidationTime": now()}
    location = runs(cluster, location=told)
    with pytest.raises(DeadlineExceeded, match="backup location default: Unavailable, NoSuchBucket"):
        velero.wait_until_available(cluster.kube, timeout=0.5)
    stored = cluster.find("BackupStorageLocation", "default")
    assert stored is not location
    assert "lastValidationTime" not in stored["status"]


def test_agents_and_locations_that_are_not_there_are_named(cluster: Cluster) -> None:
    runs(cluster, agents=0)
    cluster.put("v1", "Pod", "node-agent-x", VELERO, metadata={"labels": {"name": "node-agent"}},
                status={"phase": "Pending"})  # fmt: skip
    with pytest.raises(DeadlineExceeded, match="node-agent-x: Pending; backup location default: Available"):
        velero.wait_until_available(cluster.kube, timeout=0)
    with pytest.raises(DeadlineExceeded, match="there is no backup location 'elsewhere'"):
        velero.wait_until_available(cluster.kube, "elsewhere", timeout=0)


def test_the_access_mode_is_changed(cluster: Cluster) -> None:
    runs(cluster)
    velero.set_access_mode(cluster.kube, "ReadOnly")
    assert cluster.find("BackupStorageLocation", "default")["spec"] == {"accessMode": "ReadOnly"}


def test_known_backups_are_the_complete_ones_newest_first(cluster: Cluster) -> None:
    for name, phase, age in (("old", "Completed", -90), ("new", "Completed", -10), ("bad", "Failed", 0)):
        made_backup(cluster, name, phase)["status"]["startTimestamp"] = now(age)
    assert velero.known_backups(cluster.kube) == ("new", "old")


def test_a_rebuilt_cluster_is_made_to_look_into_the_bucket(cluster: Cluster) -> None:
    """Velero, started anew, finds the backup, and its volumes a little later."""
    location = runs(cluster)
    location["status"]["lastSyncedTime"] = now(-5)
    cluster.put("v1", "Pod", "velero-1", VELERO, metadata={"labels": {"deploy": "velero"}})
    seen: list[str] = []

    def start_again(stored: Manifest) -> None:
        if stored["kind"] == "deleted Pod":
            seen.append("restarted")
            assert "lastSyncedTime" not in cluster.find("BackupStorageLocation", "default")["status"]
            made_backup(cluster, "b1")["status"]["startTimestamp"] = now(-600)
            cluster.find("BackupStorageLocation", "default")["status"]["lastSyncedTime"] = now(5)

    cluster.react = start_again
    velero.wait_until_known(cluster.kube, "b1", timeout=5)
    assert seen == ["restarted"]


def test_a_backup_whose_volumes_are_still_on_their_way_is_not_known_yet(cluster: Cluster) -> None:
    location = runs(cluster)
    location["status"]["lastSyncedTime"] = now(-60)
    made_backup(cluster, "b1")["status"]["startTimestamp"] = now(-600)
    with pytest.raises(ConfigurationError, match="did not find the backup 'b1'"):
        velero.wait_until_known(cluster.kube, "b1", timeout=0.1)
    location["status"]["lastSyncedTime"] = now(1)
    velero.wait_until_known(cluster.kube, "b1", timeout=0.1)


def test_velero_is_not_started_anew_while_it_works(cluster: Cluster) -> None:
    runs(cluster)
    cluster.put("v1", "Pod", "velero-1", VELERO, metadata={"labels": {"deploy": "velero"}})
    made_backup(cluster, "busy", phase="InProgress")
    with pytest.raises(ConfigurationError, match="did not find the backup 'nowhere'"):
        velero.wait_until_known(cluster.kube, "nowhere", timeout=0.1)
    assert cluster.find("Pod", "velero-1")
