"""Buckets that are ours go with all their versions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from automation.digitalocean.buckets import REGIONS, Buckets
from automation.digitalocean.inventory import Item
from automation.errors import ConfigurationError, DogitopsError, Refused
from automation.objectstore import ObjectStore
from automation.secret import Secret
from tests.integration.s3 import S3, Handler

KEYS = {"SPACES_ACCESS_KEY_ID": "access-key-5", "SPACES_SECRET_ACCESS_KEY": "canary-value-5"}


class Versioned(Handler):
    """Keeps what is deleted as a version, until the version is deleted, too."""

    kept: list[tuple[str, str, str]] = []  # noqa: RUF012 - set anew by each test

    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        if "versions" in parse_qs(urlsplit(self.path).query, keep_blank_values=True):
            found = "".join(
                f"<{what}><Key>{key}</Key><VersionId>{version}</VersionId></{what}>" for what, key, version in self.kept
            )
            self._answer(200, f"<ListVersionsResult><IsTruncated>false</IsTruncated>{found}</ListVersionsResult>")
        else:
            super().do_GET()

    def do_DELETE(self) -> None:  # noqa: N802
        asked = parse_qs(urlsplit(self.path).query)
        if "versionId" in asked:
            self.kept[:] = [one for one in self.kept if one[2] != asked["versionId"][0]]
            self._answer(204)
        elif self.kept and not urlsplit(self.path).path.lstrip("/").partition("/")[2]:
            self._answer(409, "<Error><Code>BucketNotEmpty</Code></Error>")
        else:
            super().do_DELETE()


@pytest.fixture
def s3() -> Iterator[S3]:
    server = S3()
    server.RequestHandlerClass = Versioned
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def item(name: str) -> Item:
    return Item("bucket", name, name)


def test_all_versions_and_markers_go(s3: S3) -> None:
    s3.buckets = {"dogitops-state": ["a"]}
    Versioned.kept = [("Version", "a", "v1"), ("Version", "b", "v2"), ("DeleteMarker", "b", "v3")]
    endpoint = f"http://127.0.0.1:{s3.server_port}"
    buckets = Buckets({"": ObjectStore(endpoint, "us-east-1", Secret("access-key-5"), Secret("canary-value-5"))})
    assert [(one.kind, one.name) for one in buckets.look()] == [("bucket", "dogitops-state")]
    assert buckets.delete(item("dogitops-state")) is True
    assert s3.buckets == {}
    assert Versioned.kept == []
    assert buckets.delete(item("dogitops-state")) is False


def test_a_foreign_bucket_is_refused() -> None:
    with pytest.raises(Refused, match="prefix"):
        Buckets({}).delete(item("backups"))


def test_all_regions_are_looked_at_or_the_one_that_is_named() -> None:
    everywhere = Buckets.from_environment(KEYS)
    assert set(everywhere.stores) == set(REGIONS)
    assert everywhere.stores["fra1"].endpoint == "https://fra1.digitaloceanspaces.com"
    one = Buckets.from_environment({**KEYS, "SPACES_ENDPOINT_URL": "http://127.0.0.1:9/"})
    assert [store.endpoint for store in one.stores.values()] == ["http://127.0.0.1:9"]
    assert "canary" not in repr(one)


def test_no_keys_says_so() -> None:
    with pytest.raises(ConfigurationError, match="keys of their own"):
        Buckets.from_environment({"SPACES_ACCESS_KEY_ID": "a"})


def test_a_store_that_refuses_the_keys_says_so(s3: S3) -> None:
    s3.refuse_with = "AccessDenied"
    made = Buckets.from_environment({**KEYS, "SPACES_ENDPOINT_URL": f"http://127.0.0.1:{s3.server_port}"})
    with pytest.raises(DogitopsError, match="refuses the keys"):
        made.look()
