"""The record beside a backup: what was known of the data and the objects when it was made, to compare a restore with.

It lies in the backup's bucket, outside of the folder that is Velero's own, and holds checksums and normalised objects,
no values of Secrets. So a drill on another day, from another machine, knows what must come back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from automation.errors import ConfigurationError, Refused, did_you_mean
from automation.objectstore import ObjectStore
from automation.recovery.velero_objects import checked_name

_VERSION: Final = 1
_FOLDER: Final = "dogitops/records"
_SHOWN: Final = 10  # names


@dataclass(frozen=True)
class Record:
    """What was known when the backup was made; ``ledger`` and ``inventory`` are the JSON of these, or nothing.

    ``coverage`` are the claims with their bytes, as evidence holds them.
    """

    backup: str
    commit: str
    ledger: str | None
    inventory: str | None
    coverage: tuple[dict[str, Any], ...]

    def to_json(self) -> str:
        """Return the record as JSON."""
        return json.dumps({"version": _VERSION, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Return the record that ``to_json`` wrote; raise ConfigurationError for anything else."""
        try:
            read = json.loads(text)
            if read.pop("version") != _VERSION:
                raise ConfigurationError("The backup's record is of another version.", hint="Make another backup.")
            return cls(**{**read, "coverage": tuple(read["coverage"])})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                f"The backup's record can't be read: {error}.", hint="Remove it from the bucket, or drill another one."
            ) from error


@dataclass(frozen=True)
class Backups:
    """The backups in a bucket, below Velero's ``prefix``, looked at without a cluster."""

    store: ObjectStore
    bucket: str
    prefix: str

    def names(self) -> tuple[str, ...]:
        """Return the names of the backups, the one that was written to last first."""
        listed = self.store.objects(self.bucket, f"{self.prefix}/backups/")
        newest = sorted(listed, key=lambda one: one.modified, reverse=True)
        return tuple(dict.fromkeys(one.key.split("/")[2] for one in newest if one.key.endswith("/velero-backup.json")))

    def check(self, name: str, namespaces: Sequence[str]) -> dict[str, Any]:
        """Return what Velero wrote of a backup.

        Raises ConfigurationError where there is none of this name, with the names that there are, and for namespaces
        that it does not hold; Refused where it is not whole.
        """
        checked_name(name)
        found = self.store.read(self.bucket, f"{self.prefix}/backups/{name}/velero-backup.json")
        if found is None:
            names = self.names()
            told = f"There are, newest first: {', '.join(names[:_SHOWN])}." if names else "There are none in it."
            raise ConfigurationError(
                f"There is no backup {name!r} in the bucket {self.bucket}.{did_you_mean(name, names)}", hint=told
            )
        try:
            told_of: dict[str, Any] = json.loads(found.body)
            phase = str((told_of.get("status") or {}).get("phase") or "unknown")
            held = (told_of.get("spec") or {}).get("includedNamespaces") or ["*"]
        except (ValueError, AttributeError) as error:
            raise Refused(
                f"What Velero wrote of the backup {name} can't be read: {error}.", hint="Choose another backup."
            ) from error
        if phase != "Completed":
            raise Refused(f"The backup {name} is not whole: its phase is {phase}.", hint="Choose another backup.")
        missing = [namespace for namespace in namespaces if "*" not in held and namespace not in held]
        if missing:
            raise ConfigurationError(
                f"The backup {name} does not hold {', '.join(missing)}.", hint=f"It holds: {', '.join(held)}."
            )
        return told_of

    def keep(self, record: Record) -> None:
        """Write a record beside its backup; those whose backups have expired are removed."""
        self.store.write(self.bucket, self._key(record.backup), record.to_json().encode())
        wanted = {self._key(name) for name in (*self.names(), record.backup)}
        for one in self.store.objects(self.bucket, f"{_FOLDER}/"):
            if one.key not in wanted:
                self.store.remove(self.bucket, one.key)

    def record(self, name: str) -> Record | None:
        """Return the record of a backup; None where there is none, as of those that Velero's schedule makes."""
        found = self.store.read(self.bucket, self._key(name))
        return Record.from_json(found.body.decode(errors="replace")) if found is not None else None

    @staticmethod
    def _key(name: str) -> str:
        return f"{_FOLDER}/{checked_name(name)}.json"
