"""Where envelopes wait: a bucket behind a small S3 server, and a folder. Both keep the same promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.objectstore import ObjectStore
from automation.opentofu import envelope
from automation.opentofu.envelope import Key, Manifest, seal, unseal
from automation.opentofu.envelope.store import EnvelopeMissing, Envelopes, EnvelopeStore, FolderEnvelopes, Found, newest
from automation.secret import Secret
from tests.integration.s3 import S3, serving

BUCKET = "dogitops-state"
MADE = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
KEY = Key.from_secret(Secret("0123456789abcdef" * 4))


def sealed(minutes: int = 0, content: bytes = b"the plan", **other: Any) -> bytes:
    created = MADE + timedelta(minutes=minutes)
    facts: dict[str, Any] = {
        "repository": "ada/engine", "pull_request": 12, "head_sha": "a" * 40, "base_sha": "b" * 40, "tree": "c" * 40,
        "environment": "local", "tofu_version": "1.12.6", "lock_digest": "", "configuration": "e" * 64, "lineage": "",
        "serial": 0, "plan_digest": "f" * 64, "created": created, "expires": created + timedelta(hours=1),
    }  # fmt: skip
    return seal(Manifest(**{**facts, **other}), {"plan": content}, KEY)


@dataclass
class Place:
    """A store, and its files as somebody sees them who goes behind its back."""

    store: EnvelopeStore
    names: Callable[[], list[str]]
    put: Callable[[str, bytes], None]


@pytest.fixture
def s3() -> Iterator[S3]:
    with serving() as server:
        server.buckets[BUCKET] = []
        yield server


@pytest.fixture(params=["bucket", "folder"])
def place(request: pytest.FixtureRequest, s3: S3, tmp_path: Path) -> Place:
    if request.param == "bucket":
        endpoint = f"http://127.0.0.1:{s3.server_address[1]}"
        store = ObjectStore(endpoint, "us-east-1", Secret("access-key-9"), Secret("canary-value-9"))

        def put_object(name: str, body: bytes) -> None:
            store.write(BUCKET, f"dogitops/envelopes/{name}", body)

        return Place(Envelopes(store, BUCKET), lambda: [str(key) for key in s3.buckets[BUCKET]], put_object)
    folder = tmp_path / "artifacts"

    def put_file(name: str, body: bytes) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)

    return Place(
        FolderEnvelopes(folder),
        lambda: sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()),
        put_file,
    )


def test_what_is_put_is_found_and_comes_back(place: Place) -> None:
    blob = sealed(content=bytes(300_000))
    found = place.store.put(blob)
    assert place.store.find("local", 12) == [found]
    assert newest(place.store, "local", 12, repository="ada/engine") == found
    assert place.store.get(found) == blob
    assert unseal(blob, KEY, clock=lambda: MADE).manifest == found.manifest


def test_names_say_where_to_look(place: Place) -> None:
    name = place.store.put(sealed()).key.replace("_", "/")
    assert name.removeprefix("dogitops/envelopes/").startswith("local/pull-12/20260304T050607Z-")
    assert name.endswith(".envelope")


def test_of_an_empty_place_nothing_is_found(place: Place) -> None:
    assert place.store.find("local") == []
    assert place.store.remove_expired() == []
    with pytest.raises(EnvelopeMissing, match="no saved plan of local for pull request 12") as caught:
        newest(place.store, "local", 12)
    assert "Make a new plan" in (caught.value.hint or "")
    assert caught.value.exit_code == 1


def test_only_what_the_manifest_says_is_found(place: Place) -> None:
    local = place.store.put(sealed())
    other = place.store.put(sealed(pull_request=13))
    place.store.put(sealed(environment="blue"))
    assert place.store.find("local", 12) == [local]
    assert place.store.find("local", 13) == [other]
    assert {found.key for found in place.store.find("local")} == {local.key, other.key}
    assert place.store.find("local", 12, repository="eve/engine") == []
    assert place.store.find("green") == []


def test_a_name_alone_finds_nothing(place: Place) -> None:
    place.put("local/pull-12/20990101T000000Z-00.envelope", sealed(environment="blue"))
    place.put("local/pull-12/20990101T000000Z-01.envelope", sealed(pull_request=13))
    place.put("local/pull-12/20990101T000000Z-02.envelope", b"no envelope")
    place.put("local/pull-12/20990101T000000Z-03.envelope", b"")
    place.put("local/pull-12/20990101T000000Z-04.envelope", sealed()[:50])
    assert place.store.find("local", 12) == []
    found = place.store.put(sealed())
    assert place.store.find("local", 12) == [found]
    assert len(place.names()) == 6, "what is not ours to judge stays"


def test_what_is_no_envelope_is_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.put("local/pull-12/x.envelope", b"no envelope")
    place.store.find("local", 12)
    told = " ".join(capsys.readouterr().err.split())
    assert "x.envelope is passed over: This is not a plan envelope" in told


def test_a_new_plan_takes_the_place_of_the_old_one(place: Place) -> None:
    place.store.put(sealed(0))
    kept = place.store.put(sealed(0, pull_request=13))
    foreign = place.store.put(sealed(0, repository="eve/engine"))
    new = place.store.put(sealed(5))
    assert place.store.find("local", 12, repository="ada/engine") == [new]
    assert place.store.find("local", 13) == [kept]
    assert foreign in place.store.find("local", 12)


def test_a_plan_that_comes_late_does_not_take_the_place_of_a_newer_one(place: Place) -> None:
    new = place.store.put(sealed(5))
    place.store.put(sealed(0))
    assert place.store.find("local", 12)[0] == new


def test_the_newest_comes_first(place: Place) -> None:
    for minutes, name in ((3, "a"), (9, "b"), (6, "c")):
        place.put(f"local/pull-12/{name}.envelope", sealed(minutes))
    assert [found.manifest.created.minute - 6 for found in place.store.find("local", 12)] == [9, 6, 3]


def test_a_used_envelope_is_gone(place: Place) -> None:
    found = place.store.put(sealed())
    place.store.remove(found)
    assert place.names() == []
    place.store.remove(found)
    with pytest.raises(EnvelopeMissing, match="is gone"):
        place.store.get(found)


def test_an_envelope_that_was_exchanged_after_it_was_found_is_refused(place: Place) -> None:
    found = place.store.put(sealed())
    place.put(found.key.removeprefix("dogitops/envelopes/"), sealed(1))
    with pytest.raises(EnvelopeMissing, match="not the one that was found"):
        place.store.get(found)


def test_expired_envelopes_are_cleared_away_and_others_stay(place: Place) -> None:
    old = place.store.put(sealed(0))
    kept = place.store.put(sealed(30, environment="blue"))
    at = MADE + timedelta(hours=1)
    assert place.store.remove_expired(clock=lambda: at) == [old]
    assert place.names() == [kept.key]


def test_an_artifact_that_was_unpacked_into_a_folder_is_found(tmp_path: Path) -> None:
    put = FolderEnvelopes(tmp_path / "plan" / "plans-local").put(sealed())
    found = FolderEnvelopes(tmp_path).find("local", 12)
    assert found == [Found(f"plan/plans-local/{put.key}", put.manifest)]
    assert FolderEnvelopes(tmp_path).get(found[0])


def test_a_large_envelope_is_not_loaded_to_be_found(s3: S3) -> None:
    endpoint = f"http://127.0.0.1:{s3.server_address[1]}"
    store = Envelopes(ObjectStore(endpoint, "us-east-1", Secret("access-key-9"), Secret("canary-value-9")), BUCKET)
    store.put(sealed(content=bytes(1_000_000)))
    s3.seen.clear()
    store.find("local", 12)
    read = [headers for method, path, headers in s3.seen if method == "GET" and ".envelope" in path]
    assert [headers.get("Range") for headers in read] == [f"bytes=0-{envelope.LONGEST_HEAD - 1}"]


@pytest.mark.parametrize("trouble", ["ignored", "unknown", "lost"])
def test_envelopes_need_no_conditional_writes(s3: S3, trouble: str) -> None:
    endpoint = f"http://127.0.0.1:{s3.server_address[1]}"
    store = Envelopes(ObjectStore(endpoint, "us-east-1", Secret("access-key-9"), Secret("canary-value-9")), BUCKET)
    s3.conditions, s3.lose_answers = (trouble, 0) if trouble != "lost" else ("honoured", 1)
    found = store.put(sealed())
    assert store.find("local", 12) == [found]
