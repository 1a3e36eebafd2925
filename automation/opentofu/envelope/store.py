"""Where envelopes wait from the plan to the merge: the state bucket, or a folder that becomes an Actions artifact.

An envelope is found by its manifest. Names only narrow down what to look at: whoever can write to the bucket can
give an object any name, and whoever opens an envelope learns from its seal whether its manifest is true.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from automation import report
from automation.errors import DogitopsError
from automation.objectstore import ObjectStore
from automation.opentofu.envelope import LONGEST_HEAD, EnvelopeInvalid, Manifest, now, read_manifest

PREFIX: Final = "dogitops/envelopes/"
SUFFIX: Final = ".envelope"


@dataclass(frozen=True)
class Found:
    """An envelope: where it lies (``key``, as the store names it), and its manifest, which is not authenticated."""

    key: str
    manifest: Manifest


class EnvelopeMissing(DogitopsError):  # noqa: N818 - reads as what happened
    """There is no envelope where one was looked for."""


class EnvelopeStore(Protocol):
    """A place where envelopes wait."""

    def put(self, blob: bytes) -> Found:
        """Keep an envelope, in place of the earlier ones of its pull request and environment."""
        ...

    def find(self, environment: str, pull_request: int | None = None, *, repository: str | None = None) -> list[Found]:
        """Return the envelopes whose manifests say so, newest first; None stands for any."""
        ...

    def get(self, found: Found) -> bytes:
        """Return an envelope as it lies. Raises EnvelopeMissing when it is gone or another took its place."""
        ...

    def remove(self, found: Found) -> None:
        """Remove an envelope; nothing happens where it is gone."""
        ...

    def remove_expired(self, *, clock: Callable[[], datetime] = now) -> list[Found]:
        """Remove the envelopes that may not be applied any more, and return them."""
        ...


def newest(store: EnvelopeStore, environment: str, pull_request: int, *, repository: str | None = None) -> Found:
    """Return the newest envelope of a pull request. Raises EnvelopeMissing where there is none."""
    found = store.find(environment, pull_request, repository=repository)
    if not found:
        raise EnvelopeMissing(
            f"There is no saved plan of {environment} for pull request {pull_request}.",
            hint="It was applied already, has expired and was cleared away, or was never made. "
            "Make a new plan: push to the pull request, or run its plan again.",
        )
    return found[0]


class Envelopes:
    """Envelopes in ``bucket``, at ``dogitops/envelopes/ENVIRONMENT/pull-NUMBER/TIME-RANDOM.envelope``."""

    def __init__(self, store: ObjectStore, bucket: str) -> None:
        self._store = store
        self._bucket = bucket

    def put(self, blob: bytes) -> Found:
        """Keep an envelope, in place of the earlier ones of its pull request and environment."""
        found = Found(PREFIX + _name(read_manifest(blob)), read_manifest(blob))
        self._store.write(self._bucket, found.key, blob)  # the name is random: no condition is needed
        for earlier in _replaced(found, self.find(found.manifest.environment, found.manifest.pull_request)):
            self.remove(earlier)
        return found

    def find(self, environment: str, pull_request: int | None = None, *, repository: str | None = None) -> list[Found]:
        """Return the envelopes whose manifests say so, newest first; None stands for any."""
        prefix = f"{PREFIX}{environment}/"
        prefix = prefix if pull_request is None else f"{prefix}{_pull(pull_request)}/"
        return _matching(self._all(prefix), environment, pull_request, repository)

    def get(self, found: Found) -> bytes:
        """Return an envelope as it lies. Raises EnvelopeMissing when it is gone or another took its place."""
        stored = self._store.read(self._bucket, found.key)
        return _the_same(found, None if stored is None else stored.body)

    def remove(self, found: Found) -> None:
        """Remove an envelope; nothing happens where it is gone."""
        self._store.remove(self._bucket, found.key)

    def remove_expired(self, *, clock: Callable[[], datetime] = now) -> list[Found]:
        """Remove the envelopes that may not be applied any more, and return them."""
        return _remove_expired(self, self._all(PREFIX), clock())

    def _all(self, prefix: str) -> list[Found]:
        found = []
        for listed in self._store.objects(self._bucket, prefix):
            head = self._store.read(self._bucket, listed.key, first=LONGEST_HEAD)
            if head is not None:  # it may just have been used
                found.append(_read(listed.key, head.body))
        return [one for one in found if one]


class FolderEnvelopes:
    """Envelopes in a folder, which a workflow uploads as an artifact and downloads again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, blob: bytes) -> Found:
        """Keep an envelope, in place of the earlier ones of its pull request and environment."""
        manifest = read_manifest(blob)
        found = Found(_name(manifest).replace("/", "_"), manifest)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._folder / found.key).write_bytes(blob)
        for earlier in _replaced(found, self.find(manifest.environment, manifest.pull_request)):
            self.remove(earlier)
        return found

    def find(self, environment: str, pull_request: int | None = None, *, repository: str | None = None) -> list[Found]:
        """Return the envelopes whose manifests say so, newest first; None stands for any."""
        return _matching(self._all(), environment, pull_request, repository)

    def get(self, found: Found) -> bytes:
        """Return an envelope as it lies. Raises EnvelopeMissing when it is gone or another took its place."""
        file = self._folder / found.key
        return _the_same(found, file.read_bytes() if file.is_file() else None)

    def remove(self, found: Found) -> None:
        """Remove an envelope; nothing happens where it is gone."""
        (self._folder / found.key).unlink(missing_ok=True)

    def remove_expired(self, *, clock: Callable[[], datetime] = now) -> list[Found]:
        """Remove the envelopes that may not be applied any more, and return them."""
        return _remove_expired(self, self._all(), clock())

    def _all(self) -> list[Found]:
        """Return all envelopes in the folder, and in the folders that unpacked artifacts bring along."""
        found = []
        for file in sorted(self._folder.rglob(f"*{SUFFIX}")):
            with file.open("rb") as opened:
                found.append(_read(str(file.relative_to(self._folder)), opened.read(LONGEST_HEAD)))
        return [one for one in found if one]


def _pull(number: int | None) -> str:
    return f"pull-{number}" if number is not None else "no-pull"


def _name(manifest: Manifest) -> str:
    made = manifest.created.astimezone(UTC)
    name = f"{made:%Y%m%dT%H%M%SZ}-{secrets.token_hex(6)}{SUFFIX}"
    return f"{manifest.environment}/{_pull(manifest.pull_request)}/{name}"


def _read(key: str, head: bytes) -> Found | None:
    try:
        return Found(key, read_manifest(head))
    except EnvelopeInvalid as error:
        report.warn(f"{key} is passed over: {error.message}")
        return None


def _matching(
    all_of_them: Iterable[Found], environment: str, pull_request: int | None, repository: str | None
) -> list[Found]:
    def fits(manifest: Manifest) -> bool:
        return (
            manifest.environment == environment
            and pull_request in {None, manifest.pull_request}
            and repository in {None, manifest.repository}
        )

    return sorted((one for one in all_of_them if fits(one.manifest)), key=_age, reverse=True)


def _age(found: Found) -> tuple[datetime, int, int, str]:
    """Return what makes one envelope newer than another: of two that ran at once, each run finds the same one newer."""
    manifest = found.manifest
    return manifest.created, manifest.run_id, manifest.run_attempt, Path(found.key).name


def _replaced(by: Found, others: Iterable[Found]) -> list[Found]:
    of = (by.manifest.repository, by.manifest.pull_request)
    return [
        one for one in others if (one.manifest.repository, one.manifest.pull_request) == of and _age(one) < _age(by)
    ]


def _remove_expired(store: EnvelopeStore, all_of_them: Iterable[Found], at: datetime) -> list[Found]:
    expired = [one for one in all_of_them if one.manifest.expires <= at]
    for one in expired:
        store.remove(one)
    return expired


def _the_same(found: Found, blob: bytes | None) -> bytes:
    if blob is None or read_manifest(blob) != found.manifest:
        what = "gone" if blob is None else "not the one that was found"
        raise EnvelopeMissing(
            f"The saved plan {found.key} is {what}.",
            hint="Another run used or replaced it. See the pull request's comment, and plan again if need be.",
        )
    return blob
