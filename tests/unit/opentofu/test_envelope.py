"""Envelopes: what is sealed comes out again, and nothing else ever does."""

from __future__ import annotations

import io
import json
import tarfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from automation.errors import ConfigurationError, DogitopsError, VerificationFailed
from automation.opentofu import envelope
from automation.opentofu.envelope import (
    EnvelopeExpired,
    EnvelopeInvalid,
    EnvelopeTampered,
    EnvelopeTruncated,
    KeyWrong,
    Manifest,
    ManifestTampered,
    UnknownVersion,
    read_manifest,
    seal,
    unseal,
)
from automation.opentofu.envelope.key import Key, Work
from automation.secret import Secret

MADE = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FILES = {
    "plan.tfplan": b"PK\x03\x04 the plan \x00\xff" * 9,
    "plan.json": b"{}",
    "files/a b/é.zip": b"",
}
RAW = Key.from_secret(Secret("0123456789abcdef" * 4))
OTHER = Key.from_secret(Secret("fedcba9876543210" * 4))
PHRASE = Key.from_secret(Secret("canary horse battery staple"))


def manifest(**other: Any) -> Manifest:
    facts: dict[str, Any] = {
        "repository": "ada/engine", "pull_request": 12, "head_sha": "a" * 40, "base_sha": "b" * 40, "tree": "c" * 40,
        "environment": "local", "tofu_version": "1.12.6", "lock_digest": "d" * 64, "configuration": "e" * 64,
        "lineage": "3319fd9d-2c98-230c-1c31-cce9e084ce6a", "serial": 7, "plan_digest": "f" * 64, "created": MADE,
        "expires": MADE + timedelta(hours=168), "run_id": 99, "run_attempt": 1,
        "workflow": ".github/workflows/plan.yml", "event": "pull_request",
    }  # fmt: skip
    return Manifest(**{**facts, **other})


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


SOON = at(MADE + timedelta(hours=1))
SEALED = seal(manifest(), FILES, RAW)


@pytest.mark.parametrize("key", [RAW, PHRASE], ids=["secret", "passphrase"])
def test_what_is_sealed_comes_out_again(key: Key) -> None:
    opened = unseal(seal(manifest(), FILES, key), key, clock=SOON)
    assert opened.manifest == manifest()
    assert opened.files == FILES


def test_the_manifest_is_read_without_a_key_and_from_the_beginning_alone() -> None:
    blob = seal(manifest(), {"plan.tfplan": bytes(200_000)}, RAW)
    assert read_manifest(blob[: envelope.LONGEST_HEAD]) == manifest()


def test_nothing_of_the_plan_can_be_read() -> None:
    blob = seal(manifest(), {"canary-name": b"canary-value" * 100}, RAW)
    assert b"canary" not in blob


def test_two_envelopes_of_the_same_plan_have_nothing_in_common_but_the_manifest() -> None:
    one, two = SEALED, seal(manifest(), FILES, RAW)
    told = manifest().canonical()
    (head, _, rest), (other_head, _, other_rest) = one.partition(told), two.partition(told)
    assert all(head[n : n + 4] != other_head[n : n + 4] for n in range(11, 52)), "salt, nonce and check are fresh"
    assert not {rest[n : n + 8] for n in range(len(rest) - 8)} & {other_rest[n : n + 8] for n in range(len(rest) - 8)}


@pytest.mark.parametrize(
    "text",
    ["ab" * 32, "AB" * 32, b64encode(bytes(range(32))).decode(), urlsafe_b64encode(b"\xff" * 32).decode().rstrip("=")],
)
def test_a_key_of_32_bytes_is_taken_as_it_is(text: str) -> None:
    assert Key.from_secret(Secret(text + "\n")).work == Work(0)


def test_hex_and_base64_of_the_same_bytes_are_the_same_key() -> None:
    text = b64encode(bytes.fromhex("0123456789abcdef" * 4)).decode()
    assert unseal(SEALED, Key.from_secret(Secret(text)), clock=SOON).files == FILES


def test_another_text_is_a_passphrase_that_takes_work() -> None:
    assert PHRASE.work.log2_n >= 15
    assert Key.from_secret(Secret("0123456789abcdef" * 4 + "0")).work.log2_n >= 15


@pytest.mark.parametrize("text", ["", "short", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"])
def test_a_key_that_can_be_guessed_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="too easy to guess") as caught:
        Key.from_secret(Secret(text))
    assert "openssl rand -hex 32" in (caught.value.hint or "")


def test_a_key_is_never_shown() -> None:
    assert "canary" not in f"{PHRASE} {PHRASE!r}"
    with pytest.raises(TypeError):
        PHRASE.__reduce__()


def test_digest_keys_are_stable_and_differ_by_scope() -> None:
    for key in (RAW, PHRASE):
        assert key.digest_key("a") == key.digest_key("a")
        assert len({key.digest_key("a"), key.digest_key("b"), OTHER.digest_key("a")}) == 3


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(min_value=0, max_value=len(SEALED) - 1))
def test_an_envelope_cut_short_is_refused_wherever(cut: int) -> None:
    with pytest.raises(EnvelopeTruncated if cut else EnvelopeInvalid):
        unseal(SEALED[:cut], RAW, clock=SOON)


def test_something_added_is_refused() -> None:
    with pytest.raises(EnvelopeTruncated, match="instead of"):
        unseal(SEALED + b"x", RAW, clock=SOON)


def test_every_changed_byte_is_found() -> None:
    kinds = set()
    for place in range(len(SEALED)):
        blob = bytearray(SEALED)
        blob[place] ^= 1 << place % 8
        with pytest.raises(EnvelopeInvalid) as caught:
            unseal(bytes(blob), RAW, clock=SOON)
        kinds.add(type(caught.value))
    assert kinds == {
        EnvelopeInvalid, EnvelopeTampered, EnvelopeTruncated, KeyWrong, ManifestTampered, UnknownVersion,
    }  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_changed_stretches_are_found_too(data: st.DataObject) -> None:
    blob = bytearray(SEALED)
    start = data.draw(st.integers(0, len(blob) - 1))
    put = data.draw(st.binary(min_size=1, max_size=40))
    blob[start : start + len(put)] = put
    if bytes(blob) != SEALED:
        with pytest.raises(EnvelopeInvalid):
            unseal(bytes(blob), RAW, clock=SOON)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda rest: envelope.MAGIC + b"\x01\x00\x00" + rest))
def test_any_nonsense_is_refused(blob: bytes) -> None:
    with pytest.raises(EnvelopeInvalid):
        unseal(blob, RAW, clock=SOON)
    with pytest.raises(EnvelopeInvalid):
        read_manifest(blob)


def test_another_key_is_told_apart_from_a_changed_envelope() -> None:
    with pytest.raises(KeyWrong, match="sealed with another one") as caught:
        unseal(SEALED, OTHER, clock=SOON)
    assert caught.value.exit_code == 2
    with pytest.raises(KeyWrong, match="sealed with a 32-byte secret, and the key given is a passphrase"):
        unseal(SEALED, PHRASE, clock=SOON)
    phrase = seal(manifest(), FILES, PHRASE)
    with pytest.raises(KeyWrong):
        unseal(phrase, Key.from_secret(Secret("canary horse battery stapler")), clock=SOON)


def test_a_changed_plan_is_a_failed_verification() -> None:
    with pytest.raises(EnvelopeTampered, match="not the one that was sealed") as caught:
        unseal(SEALED[:-20] + bytes(20), RAW, clock=SOON)
    assert isinstance(caught.value, VerificationFailed)
    assert "Make a new plan" in (caught.value.hint or "")


def swapped(blob: bytes, of: Manifest) -> bytes:
    """Return the envelope with another manifest of the same length written over its own."""
    old, new = read_manifest(blob).canonical(), of.canonical()
    assert len(old) == len(new)
    return blob.replace(old, new)


@pytest.mark.parametrize(
    "other",
    [
        {"environment": "prods"[:5]},
        {"pull_request": 13},
        {"serial": 8},
        {"head_sha": "0" * 40},
        {"event": "pull-request"},
    ],
)
def test_a_changed_manifest_is_found(other: dict[str, Any]) -> None:
    with pytest.raises(ManifestTampered, match="not the one that it was sealed with"):
        unseal(swapped(SEALED, manifest(**other)), RAW, clock=SOON)


def test_a_manifest_with_all_that_belongs_to_it_does_not_fit_another_plan() -> None:
    longer = seal(manifest(serial=8), FILES, RAW)
    payload = SEALED.index(b"}", 100) + 1 + 32
    with pytest.raises(EnvelopeTampered):
        unseal(longer[:payload] + SEALED[payload:], RAW, clock=SOON)


def test_a_manifest_that_says_the_same_in_other_words_is_refused() -> None:
    raw = manifest().canonical()
    other = raw.replace(b'"serial":7', b'"serial": 7').replace(b'"run_id":99', b'"run_id":9')
    assert len(raw) == len(other)
    with pytest.raises(ManifestTampered, match="canonical"):
        unseal(SEALED.replace(raw, other), RAW, clock=SOON)


def test_a_manifest_with_more_than_it_can_have_is_refused_without_being_repeated() -> None:
    raw = manifest().canonical()
    other = raw.replace(b'"run_id"', b'"canary'[:7] + b'"')
    with pytest.raises(ManifestTampered, match="can't be read") as caught:
        read_manifest(SEALED.replace(raw, other))
    assert "canary-value" not in caught.value.message


def test_an_unknown_version_is_named() -> None:
    with pytest.raises(UnknownVersion, match="format version 2, and this dogitops knows version 1"):
        unseal(SEALED[:8] + b"\x02" + SEALED[9:], RAW, clock=SOON)


def test_what_is_no_envelope_is_said_to_be_none() -> None:
    for text in (b"PK\x03\x04 a plan as tofu wrote it", b"", b"<html>"):
        with pytest.raises(EnvelopeInvalid, match="not a plan envelope"):
            read_manifest(text)


def test_weak_or_endless_work_is_refused_before_it_is_done() -> None:
    phrase = seal(manifest(), FILES, PHRASE)
    for strength in (1, 14, 19, 40):
        with pytest.raises(EnvelopeInvalid, match="unknown kind"):
            unseal(phrase[:10] + bytes([strength]) + phrase[11:], PHRASE, clock=SOON)


def test_an_expired_envelope_is_refused_to_the_second() -> None:
    end = manifest().expires
    assert unseal(SEALED, RAW, clock=at(end - timedelta(seconds=1))).files
    with pytest.raises(EnvelopeExpired, match="The plan of local expired on 2026-03-11 05:06 UTC") as caught:
        unseal(SEALED, RAW, clock=at(end))
    assert caught.value.exit_code == 1
    assert "Make a new plan" in (caught.value.hint or "")


def test_an_expired_envelope_with_a_later_date_written_into_it_is_refused() -> None:
    later = manifest(expires=manifest().expires.replace(year=2036))
    with pytest.raises(ManifestTampered):
        unseal(swapped(SEALED, later), RAW, clock=at(manifest().expires))


def test_clocks_may_differ_by_minutes_and_not_by_more() -> None:
    assert unseal(SEALED, RAW, clock=at(MADE - timedelta(minutes=4))).files
    with pytest.raises(EnvelopeInvalid, match="made in the future"):
        unseal(SEALED, RAW, clock=at(MADE - timedelta(minutes=6)))


def test_times_of_another_zone_are_the_same_times() -> None:
    here = timezone(timedelta(hours=9))
    blob = seal(manifest(created=MADE.astimezone(here)), FILES, RAW)
    assert unseal(blob, RAW, clock=SOON).manifest.created == MADE


@pytest.mark.parametrize(
    "other",
    [
        {"repository": "no slash"}, {"environment": "../x"}, {"pull_request": 0}, {"serial": -1}, {"serial": "7"},
        {"head_sha": "abc"}, {"configuration": ""}, {"created": MADE.replace(tzinfo=None)}, {"more": 1},
        {"expires": MADE}, {"plan_digest": "F" * 64},
    ],
)  # fmt: skip
def test_a_manifest_is_read_strictly(other: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        manifest(**other)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "a\\b", "c:/x", "a\nb", "a\0b"]
)
def test_names_that_could_leave_a_folder_are_not_sealed(name: str) -> None:
    with pytest.raises(DogitopsError, match="can't hold a file named"):
        seal(manifest(), {name: b""}, RAW)


def sealed_tar(*members: tuple[tarfile.TarInfo, bytes], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return an envelope sealed with the right key by somebody who means harm."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with monkeypatch.context() as patched:
        patched.setattr(envelope, "_packed", lambda _: buffer.getvalue())
        return seal(manifest(), {}, RAW)


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "info",
    [
        member("/etc/passwd"), member("../up"), member("a/../../up"), member("a\\b"),
        member("link", tarfile.SYMTYPE, "/"),
        member("link", tarfile.LNKTYPE, "x"), member("pipe", tarfile.FIFOTYPE), member("dev", tarfile.CHRTYPE),
        member("folder", tarfile.DIRTYPE),
    ],
    ids=lambda info: f"{info.name} {info.type.decode()}",
)  # fmt: skip
def test_a_payload_that_reaches_outside_is_refused_even_with_the_right_key(
    info: tarfile.TarInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = sealed_tar((info, b""), monkeypatch=monkeypatch)
    with pytest.raises(EnvelopeInvalid, match="no ordinary file"):
        unseal(blob, RAW, clock=SOON)


def test_the_same_name_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    blob = sealed_tar((member("a"), b"1"), (member("a"), b"2"), monkeypatch=monkeypatch)
    with pytest.raises(EnvelopeInvalid, match="no ordinary file with a relative name of its own"):
        unseal(blob, RAW, clock=SOON)


def test_a_payload_that_is_no_archive_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(envelope, "_packed", lambda _: b"words" * 300)
        blob = seal(manifest(), {}, RAW)
    with pytest.raises(EnvelopeInvalid, match="can't be read"):
        unseal(blob, RAW, clock=SOON)


def test_too_many_files_are_refused() -> None:
    with pytest.raises(DogitopsError, match="10001 files are too many"):
        seal(manifest(), {str(n): b"" for n in range(10_001)}, RAW)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.lists(st.text("abcXYZ.é_- ", min_size=1, max_size=60), min_size=1, max_size=4)
        .map("/".join)
        .filter(envelope.safe_name),
        st.binary(max_size=2000),
        max_size=5,
    )
)
def test_any_files_come_out_as_they_went_in(files: dict[str, bytes]) -> None:
    assert unseal(seal(manifest(), files, RAW), RAW, clock=SOON).files == files


def test_the_manifest_is_plain_json_that_people_can_read() -> None:
    told = json.loads(manifest().canonical())
    assert told["environment"] == "local"
    assert told["created"] == "2026-03-04T05:06:07Z"
