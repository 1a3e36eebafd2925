"""The record beside a backup, and the backups of a bucket as they are seen without a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from automation.errors import ConfigurationError, Refused
from automation.objectstore import ObjectStore
from automation.recovery.record import Backups, Record
from automation.secret import Secret
from tests.integration.s3 import serving

BUCKET = "dogitops-x-backups"
RECORD = Record("monday", "c" * 40, '{"a": 1}', None, ({"pvc": "app/data", "bytes": 7},))


@pytest.fixture
def backups() -> Iterator[Backups]:
    with serving() as server:
        store = ObjectStore(
            f"http://127.0.0.1:{server.server_address[1]}",
            "us-east-1",
            Secret("access-key-3"),
            Secret("canary-value-3"),
        )
        store.ensure_bucket(BUCKET)
        yield Backups(store, BUCKET, "velero")


def add(backups: Backups, name: str, phase: str = "Completed", namespaces: tuple[str, ...] = ("app",)) -> None:
    told = {"status": {"phase": phase}, "spec": {"includedNamespaces": list(namespaces)}}
    key = f"velero/backups/{name}/velero-backup.json"
    backups.store.write(BUCKET, key, json.dumps(told).encode())
    backups.store.write(BUCKET, f"velero/backups/{name}/{name}-logs.gz", b"x")


def test_what_was_kept_is_read_back(backups: Backups) -> None:
    assert backups.record("monday") is None
    add(backups, "monday")
    backups.keep(RECORD)
    assert backups.record("monday") == RECORD


def test_records_of_backups_that_have_expired_are_removed(backups: Backups) -> None:
    add(backups, "monday")
    backups.keep(RECORD)
    add(backups, "tuesday")
    for key in ("velero-backup.json", "monday-logs.gz"):
        backups.store.remove(BUCKET, f"velero/backups/monday/{key}")
    backups.keep(Record("tuesday", "c", None, None, ()))
    assert backups.record("monday") is None
    assert backups.record("tuesday")


def test_a_whole_backup_is_told_as_velero_wrote_it(backups: Backups) -> None:
    add(backups, "monday")
    assert backups.names() == ("monday",)
    assert backups.check("monday", ["app"])["status"]["phase"] == "Completed"


def test_one_that_is_not_whole_is_refused(backups: Backups) -> None:
    add(backups, "monday", phase="PartiallyFailed")
    with pytest.raises(Refused, match="its phase is PartiallyFailed"):
        backups.check("monday", ["app"])
    backups.store.write(BUCKET, "velero/backups/torn/velero-backup.json", b'{"status": ')
    with pytest.raises(Refused, match="can't be read"):
        backups.check("torn", ["app"])


def test_one_of_other_namespaces_says_which_it_holds(backups: Backups) -> None:
    add(backups, "monday", namespaces=("shop",))
    with pytest.raises(ConfigurationError, match="does not hold app") as caught:
        backups.check("monday", ["app"])
    assert "shop" in (caught.value.hint or "")


def test_an_unknown_one_is_told_with_the_nearest(backups: Backups) -> None:
    with pytest.raises(ConfigurationError, match="no backup 'mondy'") as caught:
        backups.check("mondy", ["app"])
    assert "none in it" in (caught.value.hint or "")
    add(backups, "monday")
    with pytest.raises(ConfigurationError, match=r"Did you mean 'monday'\?"):
        backups.check("mondy", ["app"])
    with pytest.raises(ConfigurationError, match="cannot be the name"):
        backups.check("../monday", ["app"])


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2}', '{"version": 1, "backup": "x"}'])
def test_what_is_no_record_is_told(text: str) -> None:
    with pytest.raises(ConfigurationError, match="record"):
        Record.from_json(text)
