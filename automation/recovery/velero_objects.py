"""Velero's objects, read: names, phases, progress, and why something failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from automation import wait
from automation.errors import ConfigurationError, DogitopsError, VerificationFailed
from automation.kube import Kube, Manifest

NAMESPACE: Final = "velero"
API: Final = "velero.io/v1"
SERVER: Final = "deploy=velero"  # the label of the server's pod
LOG: Final = f"kubectl --namespace {NAMESPACE} logs deployment/velero"

Progress = Callable[[str], None]

_COMPLETED: Final = "Completed"
_BROKEN: Final = frozenset({"FailedValidation", "PartiallyFailed", "FinalizingPartiallyFailed", "Failed", "Deleting"})
_BROKEN_VOLUME: Final = frozenset({"Failed", "Canceled", "Canceling"})
_LONGEST: Final = 63  # a name must fit a label's value, where Velero would shorten it
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_MIB: Final = 1024 * 1024


def checked_name(name: str, what: str = "backup") -> str:
    """Return ``name``; raise ConfigurationError where Kubernetes would refuse it."""
    if len(name) <= _LONGEST and _NAME.fullmatch(name):
        return name
    likely = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST].strip("-")
    hint = "Use lower-case letters, digits and '-', at most 63, with a letter or digit at both ends"
    raise ConfigurationError(
        f"{name!r} cannot be the name of a {what}.", hint=f"{hint}: {likely!r}, say." if likely else f"{hint}."
    )


def phase(thing: Manifest) -> str:
    """Return ``.status.phase``; a fresh object that Velero has not seen yet is ``New``."""
    return str((thing.get("status") or {}).get("phase") or "New")


def volumes_of(kube: Kube, kind: str, run: str) -> list[Manifest]:
    """Return the PodVolumeBackups of a backup, or the PodVolumeRestores of a restore, by its name."""
    label = "velero.io/backup-name" if kind == "PodVolumeBackup" else "velero.io/restore-name"
    return kube.list(API, kind, NAMESPACE, f"{label}={run}")


def volume_name(volume: Manifest) -> str:
    """Return ``namespace/pod volume`` of a PodVolumeBackup or PodVolumeRestore."""
    pod = volume["spec"]["pod"]
    return f"{pod['namespace']}/{pod['name']} {volume['spec']['volume']}"


def volume_bytes(volume: Manifest) -> int:
    """Return how many bytes a PodVolumeBackup or PodVolumeRestore moved or will move."""
    return int(((volume.get("status") or {}).get("progress") or {}).get("totalBytes") or 0)


def follow(
    kube: Kube, kind: str, name: str, *, volumes: str, items: str, timeout: float, progress: Progress | None
) -> Manifest:
    """Wait until the Backup or Restore ``name`` is Completed and return it.

    ``volumes`` is the kind of its volumes' objects, ``items`` the field of its progress that counts.
    Raises VerificationFailed with every reason that can be found when it ends in any other phase.
    """
    seen: list[Manifest] = []

    def ended() -> Manifest | None:
        now = kube.get(API, kind, name, NAMESPACE)
        if now is None:
            raise DogitopsError(f"The {kind.lower()} {name} vanished while it ran.", hint=f"Read '{LOG}'.")
        seen[:] = [now]
        if phase(now) in _BROKEN:
            raise VerificationFailed(
                f"The {kind.lower()} {name} ended as {phase(now)}: {'; '.join(_reasons(kube, kind, now, volumes))}",
                hint=f"Mend the cause and use another name. All of it: {LOG} | grep {name}",
            )
        return now if phase(now) == _COMPLETED else None

    def state() -> str:
        done = ((seen[0].get("status") or {}).get("progress")) or {}
        counted = f", {done.get(items, 0)} of {done['totalItems']} objects" if done.get("totalItems") else ""
        moving = ", ".join(_moving(volume) for volume in volumes_of(kube, volumes, name) if phase(volume) != _COMPLETED)
        return f"{phase(seen[0])}{counted}{'; ' + moving if moving else ''}"

    what = f"the {kind.lower()} {name} to complete"
    return wait.until(ended, what, timeout=timeout, interval=0.5, progress=progress, state=state, hint=f"Read '{LOG}'.")


def agreed(existing: Manifest, wanted: Manifest, kind: str) -> None:
    """Raise ConfigurationError where an object of this name exists with another spec than ``wanted``."""
    have = existing.get("spec") or {}
    # Velero rewrites lengths of time, and may add to what is excluded.
    other = sorted(
        key
        for key, value in wanted["spec"].items()
        if key not in {"ttl", "excludedResources"} and have.get(key) != value
    )
    if other:
        told = ", ".join(f"{key} is {have.get(key)!r}, not {wanted['spec'][key]!r}" for key in other)
        raise ConfigurationError(
            f"A {kind.lower()} named {existing['metadata']['name']} exists with other options: {told}.",
            hint="Choose another name.",
        )


def errors_in_log(kube: Kube, kind: str, name: str) -> list[str]:
    """Return the last errors that Velero's server logged about a backup or restore; nothing where it cannot be read."""
    marks = (f"{kind.lower()}={NAMESPACE}/{name}", f"name={name}", f"{kind.lower()}={name}")
    found: list[str] = []
    try:
        for pod in kube.list("v1", "Pod", NAMESPACE, SERVER):
            text = kube.logs(NAMESPACE, pod["metadata"]["name"], lines=2000)
            found += [
                _brief(line)
                for line in text.splitlines()
                if "level=error" in line and any(mark in line for mark in marks)
            ]
    except DogitopsError:
        return []
    return list(dict.fromkeys(found))[-3:]


def _reasons(kube: Kube, kind: str, thing: Manifest, volumes: str) -> Iterable[str]:
    status = thing.get("status") or {}
    told = [str(error) for error in status.get("validationErrors") or ()]
    told += [str(status["failureReason"])] if status.get("failureReason") else []
    name = thing["metadata"]["name"]
    for volume in volumes_of(kube, volumes, name):
        if phase(volume) in _BROKEN_VOLUME:
            message = volume["status"].get("message") or "no message"
            told.append(f"volume {volume_name(volume)}: {phase(volume)}, {message}")
    if status.get("errors"):
        told.append(f"{status['errors']} errors")
    told += errors_in_log(kube, kind, name)
    return told or ["Velero gives no reason"]


def _moving(volume: Manifest) -> str:
    done = ((volume.get("status") or {}).get("progress")) or {}
    amount = (
        f" {done.get('bytesDone', 0) / _MIB:.0f} of {done['totalBytes'] / _MIB:.0f} MiB"
        if done.get("totalBytes")
        else ""
    )
    return f"{volume_name(volume)} {phase(volume)}{amount}"


def _brief(line: str) -> str:
    """Return the message and the error of a line in logrus's text form."""
    parts = dict(re.findall(r'(msg|error)=("(?:[^"\\]|\\.)*"|\S+)', line))
    text = ": ".join(part.strip('"') for part in (parts.get("msg", ""), parts.get("error", "")) if part)
    return (text or line)[:300]
