from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

import boto3
import pydo
import pytest
from azure.core.exceptions import HttpResponseError
from botocore.config import Config
from botocore.exceptions import ClientError

from automation.simulators.digitalocean import DigitalOceanSimulator, spaces
from automation.simulators.digitalocean.spaces import Front
from automation.toolchain import install
from tests.integration.simulators.digitalocean.ocean import client_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FULL = [{"bucket": "", "permission": "fullaccess"}]


def test_a_key_shows_its_secret_once(client: pydo.Client) -> None:
    made = client.spaces_key.create({"name": "app", "grants": [{"bucket": "data", "permission": "read"}]})["key"]
    assert len(made["secret_key"]) == 43
    assert "secret_key" not in client.spaces_key.get(made["access_key"])["key"]
    assert "secret_key" not in client.spaces_key.list()["keys"][0]
    client.spaces_key.patch(made["access_key"], {"name": "shop"})
    found = client.spaces_key.list(name="shop", bucket="data")["keys"][0]
    assert found["grants"] == [{"bucket": "data", "permission": "read"}]
    assert client.spaces_key.update(made["access_key"], {"name": "shop", "grants": []})["key"]["grants"] == []
    client.spaces_key.delete(made["access_key"])
    assert client.spaces_key.get(made["access_key"])["id"] == "not_found"


@pytest.mark.parametrize(
    ("grants", "words"),
    [
        (
            [*FULL, {"bucket": "data", "permission": "read"}],
            "cannot mix fullaccess permission with scoped permissions.",
        ),
        ([{"bucket": "data", "permission": "everything"}], "invalid permission"),
        ([{"bucket": "", "permission": "read"}], "bucket is required"),
        ([{"bucket": "data", "permission": "fullaccess"}], "can not be scoped"),
    ],
)
def test_grants_that_can_not_be_are_refused(client: pydo.Client, grants: list[dict[str, str]], words: str) -> None:
    answer: Any
    try:
        answer = client.spaces_key.create({"name": "app", "grants": grants})
    except HttpResponseError as error:  # pydo makes an exception of some 400s
        answer = error.response.json()  # type: ignore[union-attr]
    assert answer["id"] == "bad_request"
    assert words in answer["message"]


class Buckets:
    """A cloud with its S3 front, and clients with keys of it."""

    def __init__(self, cloud: DigitalOceanSimulator, front: Front) -> None:
        self.cloud, self.front, self.api = cloud, front, client_of(cloud)

    def key(self, grants: list[dict[str, str]]) -> dict[str, str]:
        return self.api.spaces_key.create({"name": "key", "grants": grants})["key"]

    def client(self, key: dict[str, str], *, style: str = "virtual", host: str = "") -> S3Client:
        return boto3.client(  # type: ignore[call-overload]
            "s3",
            endpoint_url=host or self.front.url,
            region_name="us-east-1",
            aws_access_key_id=key["access_key"],
            aws_secret_access_key=key["secret_key"],
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": style},  # type: ignore[typeddict-item]
                proxies={"http": self.front.proxy},
                retries={"max_attempts": 1},
            ),
        )


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buckets]:
    """Serve Spaces with the real S3 server."""
    folder: Path = tmp_path_factory.mktemp("spaces")
    with DigitalOceanSimulator() as cloud, spaces.serving(cloud, install.path("versitygw"), folder) as front:
        yield Buckets(cloud, front)


@pytest.fixture(scope="module")
def owner(buckets: Buckets) -> S3Client:
    return buckets.client(buckets.key(FULL))


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


@pytest.mark.parametrize("style", ["virtual", "path"])
def test_objects_are_kept_whatever_their_key(buckets: Buckets, style: str) -> None:
    client = buckets.client(buckets.key(FULL), style=style)
    bucket = f"objects-{style}"
    client.create_bucket(Bucket=bucket)
    names = ["plain", "a/b c.txt", "ü+&=?#%.json"]
    for name in names:
        client.put_object(Bucket=bucket, Key=name, Body=name.encode() * 50_000)
    assert sorted(it["Key"] for it in client.list_objects_v2(Bucket=bucket)["Contents"]) == sorted(names)
    for name in names:
        assert client.get_object(Bucket=bucket, Key=name)["Body"].read() == name.encode() * 50_000
        client.delete_object(Bucket=bucket, Key=name)
    client.delete_bucket(Bucket=bucket)


def test_a_bucket_lies_where_its_host_says_and_the_account_knows_it(buckets: Buckets) -> None:
    client = buckets.client(buckets.key(FULL), host="http://fra1.digitaloceanspaces.com")
    client.create_bucket(Bucket="in-frankfurt", ACL="private")
    assert client.get_bucket_location(Bucket="in-frankfurt")["LocationConstraint"] == "fra1"
    assert "in-frankfurt" in buckets.cloud.state.resources["spaces"]
    client.delete_bucket(Bucket="in-frankfurt")
    assert "in-frankfurt" not in buckets.cloud.state.resources["spaces"]


def test_settings_of_a_bucket(owner: S3Client) -> None:
    owner.create_bucket(Bucket="settings")
    with pytest.raises(ClientError) as error:
        owner.get_bucket_lifecycle_configuration(Bucket="settings")
    assert code(error) == "NoSuchLifecycleConfiguration"
    rule: Any = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 3}}
    owner.put_bucket_lifecycle_configuration(Bucket="settings", LifecycleConfiguration={"Rules": [rule]})
    assert owner.get_bucket_lifecycle_configuration(Bucket="settings")["Rules"][0]["Expiration"]["Days"] == 3
    owner.delete_bucket_lifecycle(Bucket="settings")
    owner.put_bucket_versioning(Bucket="settings", VersioningConfiguration={"Status": "Enabled"})
    assert owner.get_bucket_versioning(Bucket="settings")["Status"] == "Enabled"
    owner.put_bucket_acl(Bucket="settings", ACL="public-read")


def test_grants_hold(buckets: Buckets, owner: S3Client) -> None:
    for name in ("shared", "private"):
        owner.create_bucket(Bucket=name)
        owner.put_object(Bucket=name, Key="it", Body=b"1")
    reader = buckets.client(buckets.key([{"bucket": "shared", "permission": "read"}]))
    writer = buckets.client(buckets.key([{"bucket": "shared", "permission": "readwrite"}]))
    nobody = buckets.client(buckets.key([]))
    assert reader.get_object(Bucket="shared", Key="it")["Body"].read() == b"1"
    assert reader.list_objects_v2(Bucket="shared")["KeyCount"] == 1
    writer.put_object(Bucket="shared", Key="more", Body=b"2")
    writer.delete_objects(Bucket="shared", Delete={"Objects": [{"Key": "more"}]})
    refused: list[Any] = [
        lambda: reader.put_object(Bucket="shared", Key="it", Body=b"3"),
        lambda: reader.delete_object(Bucket="shared", Key="it"),
        lambda: reader.get_object(Bucket="private", Key="it"),
        lambda: writer.list_objects_v2(Bucket="private"),
        writer.list_buckets,
        lambda: writer.create_bucket(Bucket="mine"),
        lambda: writer.delete_bucket(Bucket="shared"),
        lambda: writer.put_bucket_acl(Bucket="shared", ACL="public-read"),
        lambda: nobody.get_object(Bucket="shared", Key="it"),
    ]
    for attempt in refused:
        with pytest.raises(ClientError) as error:
            attempt()
        assert code(error) == "AccessDenied"
    assert owner.get_object(Bucket="shared", Key="it")["Body"].read() == b"1"


def test_wrong_and_deleted_keys_open_nothing(buckets: Buckets) -> None:
    key = buckets.key(FULL)
    with pytest.raises(ClientError) as error:
        buckets.client({**key, "secret_key": "wrong"}).list_buckets()
    assert code(error) == "SignatureDoesNotMatch"
    assert "Buckets" in buckets.client(key).list_buckets()
    buckets.api.spaces_key.delete(key["access_key"])
    with pytest.raises(ClientError) as error:
        buckets.client(key).list_buckets()
    assert code(error) == "InvalidAccessKeyId"


def test_who_signs_nothing_gets_nothing(buckets: Buckets, owner: S3Client) -> None:
    owner.create_bucket(Bucket="closed")
    host, _, port = buckets.front.proxy.removeprefix("http://").partition(":")
    for path, headers in (("/closed/it", {}), ("/closed/it", {"Authorization": "Bearer x"})):
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", path, headers={"Host": "localhost", **headers})
        assert connection.getresponse().status in {400, 403}
        connection.close()


def test_a_signed_url_opens_one_object(buckets: Buckets, owner: S3Client) -> None:
    owner.create_bucket(Bucket="links")
    owner.put_object(Bucket="links", Key="a b", Body=b"it")
    url = owner.generate_presigned_url("get_object", Params={"Bucket": "links", "Key": "a b"}, ExpiresIn=60)
    opener = build_opener(ProxyHandler({"http": buckets.front.proxy}))
    assert opener.open(url, timeout=10).read() == b"it"
    with pytest.raises(OSError, match="403"):
        opener.open(url.replace("a%20b", "other"), timeout=10)


def test_a_bucket_name_that_can_not_be_is_refused(buckets: Buckets) -> None:
    with pytest.raises(ClientError) as error:
        buckets.client(buckets.key(FULL), style="path").create_bucket(Bucket="With.Dots")
    assert code(error) == "InvalidBucketName"
