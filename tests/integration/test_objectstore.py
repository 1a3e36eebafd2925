"""The object store against a small S3 server over HTTP; tests/e2e/test_state.py has the real one."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from automation import daemon, objectstore
from automation.errors import ConfigurationError, DogitopsError, Refused
from automation.objectstore import ConditionNotMet, ConditionsUnknown, ObjectStore
from automation.secret import Secret
from tests.integration.s3 import PAGE, S3, serving


@pytest.fixture
def s3() -> Iterator[S3]:
    with serving() as server:
        yield server


@pytest.fixture
def store(s3: S3) -> ObjectStore:
    endpoint = f"http://127.0.0.1:{s3.server_address[1]}"
    return ObjectStore(endpoint, "us-east-1", Secret("access-key-9"), Secret("canary-value-9"))


def test_a_bucket_is_made_once(s3: S3, store: ObjectStore) -> None:
    assert store.ensure_bucket("dogitops-a")
    assert not store.ensure_bucket("dogitops-a")
    assert list(s3.buckets) == ["dogitops-a"]


def test_a_bucket_that_is_there_is_used_by_keys_that_may_list_none(s3: S3, store: ObjectStore) -> None:
    store.ensure_bucket("dogitops-a")
    store.ensure_bucket("dogitops-a")
    assert all(path.startswith("/dogitops-a") for _, path, _ in s3.seen)


def test_requests_are_such_that_compatibles_understand_them(s3: S3, store: ObjectStore) -> None:
    store.ensure_bucket("dogitops-a")
    method, path, headers = s3.seen[-1]
    assert (method, path) == ("PUT", "/dogitops-a"), "the bucket stands in the path, not in the host's name"
    assert not [name for name in headers if re.match("x-amz-checksum|x-amz-sdk-checksum", name, re.IGNORECASE)]
    assert all("canary" not in str(seen) for seen in s3.seen), "keys sign, they do not travel"


def test_a_bucket_goes_with_all_that_it_holds(s3: S3, store: ObjectStore) -> None:
    s3.buckets = {"dogitops-a": [f"backups/{n:02d} +é" for n in range(2 * PAGE + 1)], "other": ["kept"]}
    assert store.delete_bucket("dogitops-a", with_objects=True)
    assert s3.buckets == {"other": ["kept"]}
    assert not store.delete_bucket("dogitops-a", with_objects=True)


def test_a_bucket_that_holds_objects_is_kept_unless_told(s3: S3, store: ObjectStore) -> None:
    s3.buckets = {"dogitops-a": ["one"]}
    with pytest.raises(Refused, match="still holds objects") as caught:
        store.delete_bucket("dogitops-a", with_objects=False)
    assert "--delete-backups" in (caught.value.hint or "")
    assert s3.buckets == {"dogitops-a": ["one"]}
    s3.buckets["dogitops-a"] = []
    assert store.delete_bucket("dogitops-a", with_objects=False)


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_refused_keys_are_a_matter_of_configuration(s3: S3, store: ObjectStore, code: str) -> None:
    s3.refuse_with = code
    with pytest.raises(ConfigurationError, match=rf"refuses the keys \({code}\)") as caught:
        store.ensure_bucket("dogitops-a")
    assert store.endpoint in caught.value.message


def test_any_other_answer_is_told(s3: S3, store: ObjectStore) -> None:
    s3.refuse_with = "QuotaExceeded"
    with pytest.raises(DogitopsError, match="QuotaExceeded") as caught:
        store.ensure_bucket("dogitops-a")
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("verb", ["make", "remove"])
def test_a_server_that_is_down_says_how_to_start_it(store: ObjectStore, verb: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        gone = replace(store, endpoint=f"http://127.0.0.1:{probe.getsockname()[1]}")
    with pytest.raises(DogitopsError, match="can't be reached") as caught:
        gone.ensure_bucket("dogitops-a") if verb == "make" else gone.delete_bucket("dogitops-a", with_objects=True)
    assert gone.endpoint in caught.value.message
    assert "dogitops up" in (caught.value.hint or "")


def test_tofu_is_told_the_server_and_the_keys_in_variables(store: ObjectStore) -> None:
    variables = store.variables()
    assert variables["AWS_ENDPOINT_URL_S3"] == store.endpoint
    assert isinstance(variables["AWS_SECRET_ACCESS_KEY"], Secret)
    assert "canary" not in str(variables)


def test_velero_gets_a_credentials_file(store: ObjectStore) -> None:
    credentials = store.aws_credentials()
    assert "canary" not in f"{credentials}{credentials!r}"
    assert credentials.reveal().splitlines() == [
        "[default]", "aws_access_key_id=access-key-9", "aws_secret_access_key=canary-value-9",
    ]  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """Return a program in versitygw's place: it writes down how it was called, and listens."""
    program = tmp_path / "versitygw"
    program.write_text(
        f"#!{sys.executable} -S\n"
        "import os, socket, sys, signal\n"
        f"open({str(tmp_path / 'argv')!r}, 'w').write(' '.join(sys.argv[1:]))\n"
        f"open({str(tmp_path / 'keys')!r}, 'w').write(os.environ['ROOT_ACCESS_KEY'] + os.environ['ROOT_SECRET_KEY'])\n"
        "host, port = sys.argv[sys.argv.index('--port') + 1].split(':')\n"
        "listening = socket.create_server((host, int(port)))\n"
        "signal.pause()\n"
    )
    program.chmod(0o755)
    return program


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_local_server_is_started_once_with_keys_that_stay(server: Path, tmp_path: Path) -> None:
    folder, port = tmp_path / "objectstore", free_port()
    try:
        first = objectstore.serve_local(folder, server, "127.0.0.1", port, "us-east-1")
        running = daemon.find(folder, objectstore.SERVER)
        assert objectstore.serve_local(folder, server, "127.0.0.1", port, "us-east-1") == first
        assert daemon.find(folder, objectstore.SERVER) == running
        assert first.secret_key.reveal() in (tmp_path / "keys").read_text()
        assert first.secret_key.reveal() not in (tmp_path / "argv").read_text()
        assert (folder / "secret-key").stat().st_mode & 0o077 == 0
        (folder / "data" / "kept").touch()
    finally:
        assert objectstore.stop_local(folder)
    again = objectstore.serve_local(folder, server, "127.0.0.1", port, "us-east-1")
    assert objectstore.stop_local(folder)
    assert not objectstore.stop_local(folder)
    assert again == first
    assert (folder / "data" / "kept").exists(), "ending the server must not touch its data"


def test_a_busy_port_is_named(server: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} on 127.0.0.1 is taken") as caught:
            objectstore.serve_local(tmp_path / "objectstore", server, "127.0.0.1", port, "us-east-1")
    assert "environment.yaml" in (caught.value.hint or "")
    assert not (tmp_path / "argv").exists()


@pytest.fixture
def bucket(s3: S3) -> str:
    s3.buckets["dogitops-a"] = []
    return "dogitops-a"


def test_objects_are_written_read_listed_and_removed(store: ObjectStore, bucket: str) -> None:
    for number in range(2 * PAGE):
        store.write(bucket, f"a/{number} é", b"x" * number)
    store.write(bucket, "b/other", b"")
    found = store.read(bucket, "a/5 é")
    assert found is not None
    assert found.body == b"xxxxx"
    assert [(one.key, one.size) for one in store.objects(bucket, "a/")] == [(f"a/{n} é", n) for n in range(2 * PAGE)]
    store.remove(bucket, "a/5 é")
    store.remove(bucket, "a/5 é")
    assert store.read(bucket, "a/5 é") is None


def test_the_beginning_of_an_object_can_be_read_alone(store: ObjectStore, bucket: str) -> None:
    for body in (b"0123456789", b"01", b""):
        store.write(bucket, "key", body)
        found = store.read(bucket, "key", first=4)
        assert found is not None
        assert found.body == body[:4]
    assert store.read(bucket, "nothing", first=4) is None


def test_nothing_is_found_where_there_is_no_bucket(store: ObjectStore) -> None:
    assert store.objects("dogitops-none", "") == []
    assert store.read("dogitops-none", "key") is None


def test_a_write_on_condition_writes_only_then(store: ObjectStore, bucket: str) -> None:
    store.write(bucket, "key", b"1", new=True)
    first = store.read(bucket, "key")
    assert first is not None
    with pytest.raises(ConditionNotMet):
        store.write(bucket, "key", b"2", new=True)
    store.write(bucket, "key", b"3", replacing=first.etag)
    with pytest.raises(ConditionNotMet):
        store.write(bucket, "key", b"4", replacing=first.etag)
    with pytest.raises(ConditionNotMet):
        store.write(bucket, "gone", b"5", replacing=first.etag)
    last = store.read(bucket, "key")
    assert last is not None
    assert last.body == b"3"


def test_a_store_without_conditions_says_so(s3: S3, store: ObjectStore, bucket: str) -> None:
    s3.conditions = "unknown"
    with pytest.raises(ConditionsUnknown, match="does not know conditional writes"):
        store.write(bucket, "key", b"1", new=True)
    store.write(bucket, "key", b"1")
