"""Spaces: keys, and which buckets there are. What buckets hold is with the S3 server (see the folder spaces)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import bad_request, not_found
from automation.simulators.digitalocean.calls import Fields
from automation.simulators.digitalocean.model import Resource, kind
from automation.simulators.digitalocean.models import checks
from automation.simulators.digitalocean.spaces.grants import FULL, PERMISSIONS

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

_NAME = re.compile(r"[A-Za-z0-9 ._-]{1,255}")
REGION = "nyc3"  # of buckets that were made under a plain localhost
MOST_KEYS = 200


@dataclass(frozen=True)
class Grant:
    """What a key may do in a bucket: ``read``, ``readwrite`` or ``fullaccess``; the bucket ``""`` is all of them."""

    bucket: str
    permission: str


@kind("spaces_keys")
@dataclass(slots=True)
class SpacesKey(Resource):
    """A key. Its id is the access key; the secret is shown when it is made, and never again."""

    id: str
    name: str
    secret: str
    created_at: str
    grants: tuple[Grant, ...] = ()


@kind("spaces", urn="space")
@dataclass(slots=True)
class Bucket(Resource):
    """A bucket. Its id is its name."""

    id: str
    region: str
    created_at: str
    lifecycle: str = ""  # its lifecycle configuration, XML

    @property
    def name(self) -> str:
        """Its name."""
        return self.id


def one(cloud: Cloud, access_key: str) -> SpacesKey:
    """Return a key. Raises the 404."""
    found = cloud.state.all(SpacesKey).get(access_key)
    if found is None:
        raise not_found("key not found")
    return found


def create(cloud: Cloud, fields: Fields) -> SpacesKey:
    """Make a key. Raises the 400s."""
    name, grants = _name(fields), _grants(fields)
    if len(cloud.state.all(SpacesKey)) >= MOST_KEYS:
        raise bad_request(f"maximum number of keys reached ({MOST_KEYS})")
    access_key = f"DO00{cloud.secret()[:16].upper()}"
    return cloud.state.add(SpacesKey(access_key, name, cloud.secret()[:43], cloud.now(), grants))


def change(key: SpacesKey, fields: Fields, *, whole: bool) -> None:
    """Change a key's name and grants; with ``whole`` grants that are not sent are taken away. Raises the 400s."""
    name = _name(fields) if whole or fields.has("name") else key.name
    grants = _grants(fields) if whole or fields.has("grants") else key.grants
    key.name, key.grants = name, grants


def _name(fields: Fields) -> str:
    name = fields.text("name") or ""
    if not _NAME.fullmatch(name):
        raise bad_request("name is required: letters, numbers, spaces, dots, underscores, and dashes")
    return name


def _grants(fields: Fields) -> tuple[Grant, ...]:
    found = []
    for sent in fields.objects("grants"):
        permission, bucket = sent.text("permission") or "", sent.text("bucket") or ""
        if permission not in PERMISSIONS:
            raise bad_request(f"invalid permission: {permission or 'none'}; it is one of {', '.join(PERMISSIONS)}")
        if permission == FULL and bucket:
            raise bad_request("fullaccess permission can not be scoped to a bucket.")
        if permission != FULL and not bucket:
            raise bad_request("bucket is required for read and readwrite permissions.")
        found.append(Grant(bucket, permission))
    if len({it.permission == FULL for it in found}) > 1:
        raise bad_request("cannot mix fullaccess permission with scoped permissions.")
    return tuple(found)


class Account:
    """What the S3 front asks the account about, from threads of its own."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def key(self, access_key: str) -> tuple[str, tuple[tuple[str, str], ...]] | None:
        """Return the secret and the grants of a key, None where there is none."""
        with self._cloud.lock:
            found = self._cloud.state.all(SpacesKey).get(access_key)
            return (found.secret, tuple((it.bucket, it.permission) for it in found.grants)) if found else None

    def created(self, bucket: str, region: str) -> None:
        """Take note of a bucket that was made."""
        with self._cloud.lock:
            if bucket not in self._cloud.state.all(Bucket):
                self._cloud.state.add(Bucket(bucket, region, self._cloud.now()))

    def deleted(self, bucket: str) -> None:
        """Take note of a bucket that was removed."""
        with self._cloud.lock:
            found = self._cloud.state.all(Bucket).get(bucket)
            if found is not None:
                checks.forget(self._cloud, found)

    def region(self, bucket: str) -> str:
        """Return where a bucket lies."""
        with self._cloud.lock:
            found = self._cloud.state.all(Bucket).get(bucket)
            return found.region if found else REGION

    def lifecycle(self, bucket: str) -> str:
        """Return a bucket's lifecycle configuration, empty where it has none."""
        with self._cloud.lock:
            found = self._cloud.state.all(Bucket).get(bucket)
            return found.lifecycle if found else ""

    def set_lifecycle(self, bucket: str, text: str) -> None:
        """Keep a bucket's lifecycle configuration; nothing expires by it."""
        with self._cloud.lock:
            found = self._cloud.state.all(Bucket).get(bucket)
            if found is not None:
                found.lifecycle = text


@events.shape(SpacesKey)
def shape(cloud: Cloud, key: SpacesKey) -> dict[str, Any]:  # noqa: ARG001 - all shapes take the cloud
    """Return it as the API shows it: without its secret."""
    return {
        "name": key.name,
        "access_key": key.id,
        "grants": [{"bucket": it.bucket, "permission": it.permission} for it in key.grants],
        "created_at": key.created_at,
    }


@events.shape(Bucket)
def _bucket(cloud: Cloud, bucket: Bucket) -> dict[str, Any]:  # noqa: ARG001
    return {"name": bucket.id, "region": bucket.region, "created_at": bucket.created_at}
