"""Keys to Spaces: one that lasts and opens what it is for, and one that opens everything and is gone in a moment.

DigitalOcean shows a key's secret when the key is made, and never again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from automation import report, retry
from automation.digitalocean import answers, ownership
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.problems import AnswerUnreadable, CloudError, Unavailable
from automation.environment import OWNED_PREFIX
from automation.secret import Secret

_MINUTES = 60  # a key that opens everything lives this long at most: then 'dogitops reap --expired' removes it


@dataclass(frozen=True)
class Key:
    """A key with its secret."""

    access_key: str
    secret_key: Secret


def make(cloud: DigitalOcean, name: str, grants: Sequence[Mapping[str, str]]) -> Key:
    """Make a key. One whose answer was lost is removed and made again: nobody can learn its secret any more."""
    ownership.refuse_foreign("spaces key", name)
    before = {key.access_key for key in cloud.spaces_keys()}
    patience = cloud.patience
    lost = (Unavailable, AnswerUnreadable)
    for attempt in retry.attempts(lost, tries=patience.tries, first=patience.first, longest=patience.longest):
        with attempt:
            try:
                return answers.one(cloud.create_spaces_key({"name": name, "grants": list(grants)}), "key", _read)
            except lost:
                for key in cloud.spaces_keys():
                    if key.name == name and key.access_key not in before:
                        cloud.delete("spaces key", key.access_key)
                raise
    raise AssertionError("the last attempt returns or raises")


def limited(cloud: DigitalOcean, name: str, bucket: str) -> Key:
    """Make a key that reads and writes the objects of one bucket, and opens nothing else."""
    return make(cloud, name, [{"bucket": bucket, "permission": "readwrite"}])


@contextmanager
def passing(cloud: DigitalOcean, purpose: str) -> Iterator[Key]:
    """Yield a key that opens all buckets of the account, and remove it at the end, whatever happens.

    Its name says until when it may live at most, so that one that was left behind is found.
    """
    until = datetime.now(UTC) + timedelta(minutes=_MINUTES)
    name = ownership.name_until(f"{OWNED_PREFIX}{re.sub(r'[^a-z0-9-]', '-', purpose)}", until)
    key = make(cloud, name, [{"bucket": "", "permission": "fullaccess"}])
    try:
        yield key
    finally:
        try:
            cloud.delete("spaces key", key.access_key)
        except CloudError as error:
            report.warn(
                f"The key {name}, which opens all buckets, could not be removed: {error.message} "
                "'dogitops reap --expired --yes' removes it when its time has come."
            )


def _read(raw: Mapping[str, Any]) -> Key:
    return Key(str(raw["access_key"]), Secret(str(raw["secret_key"])))
