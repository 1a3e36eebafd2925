"""State: the bucket of an environment's state and the key to it, made from a token alone; and whether it locks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from automation import report, wait
from automation.clusters.base import write_private
from automation.errors import ConfigurationError, DogitopsError
from automation.objectstore import ConditionNotMet, ConditionsUnknown, ObjectStore
from automation.opentofu import changed, hcl
from automation.opentofu.locks import PREFIX, BucketLocks
from automation.secret import Secret
from automation.site import Site

if TYPE_CHECKING:
    from automation.digitalocean.client import DigitalOcean
    from automation.digitalocean.spaces import Key

_SPACES = ".digitaloceanspaces.com"
_USABLE = 90.0  # seconds until a key that was just made is known everywhere
_LENT = "SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY"  # what DigitalOcean's provider reads
KeyIs = Literal["made", "kept", "given", "local"]


@dataclass(frozen=True)
class Initialized:
    """What there is now: the bucket, whether it was made now, and where its key lies (none: in variables)."""

    bucket: str
    made: bool
    key_is: KeyIs
    key: Path | None


def init(site: Site) -> Initialized:
    """Make the bucket of the state with earlier versions, and the key that opens it alone; probe its locks.

    Where variables hold a key, that one is used and none is made. What is there already is left as it is. Raises
    ConfigurationError where the store does not lock, for a bucket of somebody else, and without a token.
    """
    told = site.environment
    bucket = told.state.bucket
    with report.phase(f"Looking for the state of {site.name}"):
        done = _init(site, bucket)
        report.note(f"the bucket {bucket} {'was made' if done.made else 'is there'}, at {site.store.endpoint}")
        report.note(_of_key(done))
    with report.phase("Trying whether it locks"):
        probe(site.store, bucket)
        report.note("it does: of two who write at once, one is refused")
    return done


def probe(store: ObjectStore, bucket: str) -> None:
    """Raise ConfigurationError unless the store refuses a second lock on the same state."""
    try:
        locks, again = BucketLocks(store, bucket).probe(), _locks_again(store, bucket)
    except ConditionsUnknown:
        locks = again = False
    if locks and not again:
        raise ConfigurationError(
            f"The store {store.endpoint} locks once: what was locked and given back can't be locked again.",
            hint=f"It takes the mark that a deletion leaves in {bucket}, which keeps versions, for a lock. Choose "
            "another store.",
        )
    if not locks:
        raise ConfigurationError(
            f"The store {store.endpoint} does not lock: two who write at once both succeed.",
            hint="Two applies at the same time would overwrite each other's state. Choose a store that knows "
            "conditional writes (If-None-Match).",
        )


def _locks_again(store: ObjectStore, bucket: str) -> bool:
    """Whether a lock that was given back can be taken again: OpenTofu makes and deletes an object for each."""
    key = f"{PREFIX}probe-{secrets.token_hex(8)}"
    try:
        for _ in range(2):
            store.write(bucket, key, b"{}", new=True)
            store.remove(bucket, key)
    except ConditionNotMet:
        return False
    finally:
        store.remove(bucket, key)
    return True


@contextmanager
def lent_key(site: Site) -> Iterator[None]:
    """Lend tofu a key that opens all buckets, while its provider needs one and nobody gave any.

    It is made from the token, and removed at the end: the key of the state opens that bucket alone, and makes none.
    """
    if site.tofu.has(_LENT[0]) or not site.store_key.exists() or not _makes_buckets(site):
        yield
        return
    from automation.digitalocean import spaces  # noqa: PLC0415 - slow to import

    with spaces.passing(_cloud(), f"{site.name}-tofu") as key:
        store = _store(site, key)
        _wait_usable(store, site.environment.state.bucket)
        with site.tofu.lent({_LENT[0]: key.access_key, _LENT[1]: key.secret_key}):
            yield


def _init(site: Site, bucket: str) -> Initialized:
    told = site.environment.objectstore
    if told.endpoint is None:
        return Initialized(bucket, site.store.ensure_bucket(bucket), "local", None)
    if os.environ.get(told.access_key_variable):
        made = _ensure(site.store, bucket)
        return Initialized(bucket, made, "given", None)
    file = site.store_key
    if file.exists() and site.store.opens(bucket):
        return Initialized(bucket, made=False, key_is="kept", key=file)
    made = _make(site, bucket, file)
    site.forget_store()
    return Initialized(bucket, made, "made", file)


def _make(site: Site, bucket: str, file: Path) -> bool:
    from automation.digitalocean import spaces  # noqa: PLC0415

    cloud = _cloud()
    _must_be_spaces(site, cloud)
    with spaces.passing(cloud, f"{site.name}-state") as full:
        store = _store(site, full)
        _wait_usable(store, None)
        made = _ensure(store, bucket)
        key = spaces.limited(cloud, bucket, bucket)
        # The secret first: what is found with both is whole.
        write_private(file.with_name("secret-key"), key.secret_key.reveal())
        write_private(file, key.access_key)
    _wait_usable(_store(site, key), bucket)
    others = [one for one in cloud.spaces_keys() if one.name == bucket and one.access_key != key.access_key]
    if others:
        report.note(f"there are {len(others)} older keys named {bucket}: remove those that nobody uses any more")
    return made


def _ensure(store: ObjectStore, bucket: str) -> bool:
    """Make the bucket and have it keep versions; return whether it was made."""
    try:
        made = store.ensure_bucket(bucket)
    except DogitopsError as error:
        if "BucketAlreadyExists" in error.message or "AccessDenied" in error.message:
            raise ConfigurationError(
                f"The bucket {bucket} belongs to somebody else: names of buckets are taken by whoever comes first.",
                hint="Choose another name, in environment.yaml (state.bucket) and in versions.tf.",
            ) from error
        raise
    try:
        if store.keep_versions(bucket):
            report.note(f"{bucket} keeps earlier versions from now on")
    except ConfigurationError:  # a key of this bucket alone may not ask
        report.note(f"whether {bucket} keeps earlier versions can't be told with this key")
    return made


def _must_be_spaces(site: Site, cloud: DigitalOcean) -> None:
    from automation.digitalocean.transport import PUBLIC_API  # noqa: PLC0415

    host = urlsplit(site.endpoint).hostname or ""
    if cloud.endpoint == PUBLIC_API and not host.endswith(_SPACES):
        told = site.environment.objectstore
        raise ConfigurationError(
            f"The store of {site.name} is at {host}, and a token of DigitalOcean makes keys of Spaces alone.",
            hint=f"Set {told.access_key_variable} and {told.secret_key_variable} to a key of that store.",
        )


def _wait_usable(store: ObjectStore, bucket: str | None) -> None:
    """Wait until a key that was just made opens what it is for."""
    last = [""]

    def usable() -> bool:
        if bucket is not None:
            return store.opens(bucket)
        try:
            store.buckets()
        except ConfigurationError as error:
            last[0] = error.message
            return False
        return True

    wait.until(
        usable,
        "the new key to be known",
        timeout=_USABLE,
        interval=1.0,
        state=lambda: last[0] or "it opens nothing yet",
        hint="Run it again: another key is made.",
    )


def _store(site: Site, key: Key) -> ObjectStore:
    return ObjectStore(site.endpoint, site.environment.objectstore.region, Secret(key.access_key), key.secret_key)


def _makes_buckets(site: Site) -> bool:
    """Whether the root or a module of it makes buckets through DigitalOcean's provider."""
    folders = changed.folders(site.workspace, site.name)
    return any("digitalocean_spaces_bucket" in hcl.used(folder).strings for folder in folders)


def _of_key(done: Initialized) -> str:
    return {
        "made": f"its key was made: it opens this bucket alone, and lies in {done.key and done.key.parent}",
        "kept": f"its key is there, in {done.key and done.key.parent}",
        "given": "its key is the one that the variables hold, so none was made",
        "local": "it is on this machine, with the key of its server",
    }[done.key_is]


def _cloud() -> DigitalOcean:
    from automation.digitalocean.client import DigitalOcean  # noqa: PLC0415

    return DigitalOcean.from_environment()
