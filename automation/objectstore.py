"""The S3-compatible store that holds OpenTofu's state and the backups, and its local stand-in, versitygw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automation import daemon
from automation.errors import ConfigurationError, DogitopsError, Refused
from automation.secret import Secret

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

SERVER = "objectstore"
_CONDITION_FAILED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted"})
_GONE = frozenset({"NoSuchKey", "NoSuchBucket", "NotFound", "404"})
_REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})


class ConditionNotMet(DogitopsError):  # noqa: N818 - reads as what happened
    """An object was not as the condition of a write said, so nothing was written."""


class ConditionsUnknown(DogitopsError):  # noqa: N818 - reads as what happened
    """The store does not know conditional writes, and says so."""


@dataclass(frozen=True)
class Stored:
    """An object as it was read; ``etag`` names this very content, for a later conditional write."""

    body: bytes
    etag: str


@dataclass(frozen=True)
class Listed:
    """An object as a listing names it; ``size`` is in bytes."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class ObjectStore:
    """An S3 endpoint with the keys to it."""

    endpoint: str
    region: str
    access_key: Secret
    secret_key: Secret

    def client(self) -> S3Client:
        """Return a boto3 client that speaks to S3-compatibles (no extra checksums, path style)."""
        import boto3  # noqa: PLC0415 - 0.3 s to import
        from botocore.config import Config  # noqa: PLC0415

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key.reveal(),
            aws_secret_access_key=self.secret_key.reveal(),
            config=Config(
                connect_timeout=5,
                read_timeout=30,
                retries={"max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def ensure_bucket(self, bucket: str) -> bool:
        """Make the bucket where there is none; return whether it was made.

        Where it is there, keys that are limited to its objects will do: those of Spaces can't list buckets.
        """
        with _reached(self.endpoint):
            client = self.client()
            try:
                client.list_objects_v2(Bucket=bucket, MaxKeys=1)
            except _client_error() as error:
                if _code(error) not in _GONE:
                    raise
                client.create_bucket(Bucket=bucket)
                return True
        return False

    def opens(self, bucket: str) -> bool:
        """Whether the keys open a bucket that is there. Raises DogitopsError where that can't be told."""
        with _reached(self.endpoint):
            try:
                self.client().list_objects_v2(Bucket=bucket, MaxKeys=1)
            except _client_error() as error:
                if _code(error) in _GONE | _REFUSED:
                    return False
                raise
        return True

    def keep_versions(self, bucket: str) -> bool:
        """Have the bucket keep earlier versions of its objects; return whether that was switched on now.

        Raises DogitopsError where the store can't, and where the keys may not: those of one bucket alone may not.
        """
        with _reached(self.endpoint):
            client = self.client()
            if client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled":
                return False
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        return True

    def buckets(self) -> list[str]:
        """Return the names of all buckets."""
        with _reached(self.endpoint):
            return [found["Name"] for found in self.client().list_buckets().get("Buckets", []) if "Name" in found]

    def delete_bucket(self, bucket: str, *, with_objects: bool) -> bool:
        """Remove the bucket; return whether there was one. Raises Refused while it holds objects we may not delete.

        With the objects go all their versions, so that nothing keeps a versioned bucket.
        """
        with _reached(self.endpoint):
            client = self.client()
            if not any(found.get("Name") == bucket for found in client.list_buckets().get("Buckets", [])):
                return False
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                keys = [{"Key": item["Key"]} for item in page.get("Contents", []) if "Key" in item]
                if keys and not with_objects:
                    raise Refused(
                        f"The bucket {bucket} still holds objects, so it is kept.",
                        hint="Destroy with --delete-backups if the backups may go too.",
                    )
                for key in keys:
                    client.delete_object(Bucket=bucket, Key=key["Key"])
            if with_objects:
                _delete_versions(client, bucket)
            client.delete_bucket(Bucket=bucket)
        return True

    def read(self, bucket: str, key: str, *, first: int | None = None) -> Stored | None:
        """Return an object, or the ``first`` bytes of it; None where there is none."""
        if first is not None:
            ranged: Any = {"Range": f"bytes=0-{first - 1}"}
        else:
            ranged = {}
        with _reached(self.endpoint):
            try:
                found = _shared_client(self).get_object(Bucket=bucket, Key=key, **ranged)
            except _client_error() as error:
                if _code(error) == "InvalidRange":  # an empty object has no first byte
                    return self.read(bucket, key)
                if _code(error) in _GONE:
                    return None
                raise
            body = found["Body"].read()
        return Stored(body if first is None else body[:first], found["ETag"])

    def write(self, bucket: str, key: str, body: bytes, *, new: bool = False, replacing: str | None = None) -> None:
        """Write an object: whatever is there, or only where there is none (``new``), or only over one version of it.

        ``replacing`` is the ``etag`` of that version. Raises ConditionNotMet when the condition does not hold. An
        answer that was lost is asked for again, so a write that was done may raise it too: who must know reads back.
        """
        condition: Any = {"IfNoneMatch": "*"} if new else {"IfMatch": replacing} if replacing is not None else {}
        with _reached(self.endpoint):
            try:
                _shared_client(self).put_object(Bucket=bucket, Key=key, Body=body, **condition)
            except _client_error() as error:
                if condition and (_code(error) in _CONDITION_FAILED or (_code(error) == "NoSuchKey" and replacing)):
                    raise ConditionNotMet(f"The object {key} in {bucket} is not what it was.") from error
                if condition and _code(error) == "NotImplemented":
                    raise ConditionsUnknown(
                        f"The S3 server {self.endpoint} does not know conditional writes.",
                        hint="Environments can't be locked in its buckets.",
                    ) from error
                raise

    def objects(self, bucket: str, prefix: str) -> list[Listed]:
        """Return the objects whose keys begin with ``prefix``, by key; none where there is no such bucket."""
        found: list[Listed] = []
        with _reached(self.endpoint):
            try:
                for page in (
                    _shared_client(self).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
                ):
                    found += [Listed(one["Key"], one["Size"], one["LastModified"]) for one in page.get("Contents", [])]
            except _client_error() as error:
                if _code(error) not in _GONE:
                    raise
        return found

    def remove(self, bucket: str, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        with _reached(self.endpoint):
            _shared_client(self).delete_object(Bucket=bucket, Key=key)

    def variables(self) -> dict[str, str | Secret]:
        """Return the environment variables with which OpenTofu's S3 backend finds this store."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def aws_credentials(self) -> Secret:
        """Return the keys as an AWS credentials file, the form that Velero's plugin reads."""
        return Secret(
            "[default]\n"
            f"aws_access_key_id={self.access_key.reveal()}\n"
            f"aws_secret_access_key={self.secret_key.reveal()}\n"
        )


def _delete_versions(client: S3Client, bucket: str) -> None:
    """Remove all versions and delete markers; a store that knows none has nothing to remove."""
    try:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for found in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                client.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])
    except _client_error() as error:
        if _code(error) not in {"NotImplemented", "MethodNotAllowed"}:
            raise


def serve_local(folder: Path, binary: Path, address: str, port: int, region: str) -> ObjectStore:
    """Start the local S3 server over ``folder`` where it does not run yet, and return it.

    It listens on ``address`` alone (the docker bridge), so that this machine and its clusters reach it.
    The keys are made once and kept in ``folder``.
    """
    access_key = Secret.kept_in(folder / "access-key", 20)
    secret_key = Secret.kept_in(folder / "secret-key", 40)
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    daemon.start(
        folder,
        SERVER,
        [binary, "--port", f"{address}:{port}", "--region", region, "posix", data],
        address=address,
        port=port,
        env={"ROOT_ACCESS_KEY": access_key, "ROOT_SECRET_KEY": secret_key},
    )
    return ObjectStore(f"http://{address}:{port}", region, access_key, secret_key)


def stop_local(folder: Path) -> bool:
    """End the local S3 server; its data stays."""
    return daemon.stop(folder, SERVER)


@lru_cache(maxsize=4)
def _shared_client(store: ObjectStore) -> S3Client:
    """Return one client for all requests for objects: it takes long to make, and keeps connections open."""
    return store.client()


def _client_error() -> type[ClientError]:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    return ClientError


def _code(error: ClientError) -> str:
    """Return what kind of error the server told; where it sent no text, the status."""
    answer: Any = error.response
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status == 412:  # noqa: PLR2004 - precondition failed
        return "PreconditionFailed"
    return str(answer.get("Error", {}).get("Code", ""))


class _reached:  # noqa: N801 - reads as a clause
    """Turn boto3's errors into ours."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        if isinstance(error, ClientError):
            code = error.response.get("Error", {}).get("Code", "")
            if code in _REFUSED:
                raise ConfigurationError(
                    f"The S3 server {self.endpoint} refuses the keys ({code}).",
                    hint="Check the access key and the secret key of this environment.",
                ) from error
            raise DogitopsError(f"The S3 server {self.endpoint} answered: {error}") from error
        if isinstance(error, BotoCoreError):
            raise DogitopsError(
                f"The S3 server {self.endpoint} can't be reached: {error}",
                hint="Start it ('dogitops up ENVIRONMENT' for the local one), or check the endpoint.",
            ) from error
