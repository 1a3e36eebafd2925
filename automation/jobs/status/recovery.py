"""What is known of an environment's backups and drills: seen in its cluster or bucket, here, and among artifacts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from automation import daemon, objectstore
from automation.errors import ConfigurationError, DogitopsError, VerificationFailed
from automation.github.client import GitHub
from automation.jobs.recovery import evidence as evidence_job
from automation.jobs.status import cluster as status_cluster
from automation.jobs.status.cluster import unknown, without
from automation.kube import KindUnknown, Kube
from automation.objectstore import ObjectStore
from automation.overview import words
from automation.overview.document import SHOWN, Backup, Backups, Cluster, Drill, Drills, Phase, Unverified
from automation.overview.plots import BACKUP_LIMIT
from automation.recovery import evidence, record
from automation.secret import Secret
from automation.site import Site

DRILL_LIMIT: Final = timedelta(days=35)  # as the alert DrillTooOld
_AHEAD: Final = timedelta(minutes=10)  # clocks differ
_BACKUPS: Final = 30  # the newest
_FILES: Final = 20  # of evidence that are looked at, on this machine


def backups(site: Site, kube: Kube | None, cluster: Cluster, now: datetime) -> Backups:
    """Return the newest backups: those that the cluster knows, else those that lie in the bucket."""
    why = "" if kube is not None else str(without(cluster)["told"])
    found: list[Backup] = []
    source = ""
    if kube is not None:
        try:
            found, source = status_cluster.backups(kube), "cluster"
        except KindUnknown:
            return Backups(standing="bad", told="Velero is not installed")
        except DogitopsError as error:
            why = error.message
    if not source:
        try:
            found, source = _in_bucket(site), "bucket"
        except DogitopsError as error:
            if cluster.standing == "neutral":
                return Backups(**unknown(error.message))
            return Backups(**unknown("; ".join(filter(None, (why.removeprefix("unknown: "), _small(error.message))))))
    found.sort(key=lambda one: one.started.timestamp() if one.started else 0.0, reverse=True)
    shown = Backups(
        standing="unknown",
        told="",
        source="cluster" if source == "cluster" else "bucket",
        listed=tuple(found[:_BACKUPS]),
    )
    return _judged(shown, len(found), now, cluster)


def _judged(found: Backups, known: int, now: datetime, cluster: Cluster) -> Backups:
    """Return backups with how they stand; where there is no cluster, there is nothing that needs one."""
    needed = cluster.standing != "neutral"
    newest, latest = found.newest(), found.listed[0] if found.listed else None
    if newest is None or newest.started is None:
        told = "none" if not found.listed else f"none is whole ({known} known)"
        if not found.listed and cluster.standing == "unknown":
            return found.stands("unknown", "unknown: the bucket holds none, and the cluster could not be asked")
        return found.stands("bad", told) if needed else found.stands("neutral", f"{told}; no cluster to back up")
    told = f"{words.ago(newest.started, now)} ({known} known)"
    wrong = []
    if now - newest.started > BACKUP_LIMIT:
        wrong.append("too old")
    if newest.started - now > _AHEAD:
        wrong.append("its time is in the future")
    if latest is not None and latest.failed:
        wrong.append(f"the attempt after it ended as {latest.phase}")
    if not needed:
        return found.stands("neutral", f"{told}; no cluster to back up")
    return found.stands("bad" if wrong else "good", ", ".join([told, *wrong]))


def _in_bucket(site: Site) -> list[Backup]:
    """Return the newest backups in the bucket. Raises DogitopsError where it can't be looked into from here."""
    told = site.environment.backup
    kept = record.Backups(store(site, of_backups=True), told.bucket, told.prefix)
    found = []
    for name in kept.names()[:_BACKUPS]:
        written = kept.store.read(told.bucket, f"{told.prefix}/backups/{name}/velero-backup.json")
        try:
            status = json.loads(written.body)["status"] if written is not None else {}
            found.append(status_cluster.backup(name, status))
        except (ValueError, KeyError, TypeError, AttributeError):
            found.append(status_cluster.backup(name, {"phase": "Unreadable"}))
    return found


def store(site: Site, *, of_backups: bool = False) -> ObjectStore:
    """Return the environment's S3 store as far as it can be asked without starting or opening anything.

    Raises ConfigurationError where the local one does not run, and where there are no keys.
    """
    told = site.environment.objectstore
    if not told.endpoint:
        running = daemon.find(site.kept / "objectstore", objectstore.SERVER)
        if running is None:
            raise ConfigurationError(
                f"its S3 server does not run on this machine ('dogitops up {site.name}' starts it)"
            )
        keys = [Secret((site.kept / "objectstore" / name).read_text().strip()) for name in ("access-key", "secret-key")]
        return ObjectStore(f"http://{running.address}:{running.port}", told.region, *keys)
    if of_backups and site.store_key.exists() and not os.environ.get(told.access_key_variable):
        raise ConfigurationError(
            "the key of the bucket of backups lies in OpenTofu's state, which is not opened for this"
        )
    return site.store


def _small(sentence: str) -> str:
    """Return a sentence as it stands after another one."""
    return str(unknown(sentence)["told"]).removeprefix("unknown: ")


@dataclass(frozen=True)
class _Found:
    """Evidence that was found somewhere: verified, or not and why."""

    where: str
    drill: evidence.Evidence | None
    why: str = ""


def drills(site: Site, github: GitHub | str, now: datetime) -> Drills:
    """Return the newest drills whose evidence is verified, from this machine and from GitHub's artifacts.

    ``github`` is the reason where it can't be asked.
    """
    here = list(_here(site))
    there: list[_Found] = []
    problem = github if isinstance(github, str) else ""
    if isinstance(github, GitHub):
        try:
            there = list(_artifacts(site, github))
        except DogitopsError as error:
            problem = error.message
    verified: dict[str, tuple[str, evidence.Evidence]] = {}
    for one in (*there, *here):
        if one.drill is not None:
            verified.setdefault(one.drill.run, (one.where, one.drill))
    newest = sorted(verified.values(), key=lambda pair: pair[1].finished, reverse=True)
    shown = Drills(
        standing="unknown",
        told="",
        max_rto_seconds=site.environment.drill.max_rto_seconds,
        max_rpo_seconds=site.environment.drill.max_rpo_seconds,
        listed=tuple(_drill(where, told) for where, told in newest[:SHOWN]),
        unverified=tuple(Unverified(where=one.where, why=one.why) for one in (*there, *here) if one.drill is None)[
            :SHOWN
        ],
    )
    doubtful = next((found[0] for found in (there, here) if found and found[0].drill is None), None)
    return _said(shown, doubtful, problem, now)


def _said(found: Drills, doubtful: _Found | None, problem: str, now: datetime) -> Drills:
    if doubtful is not None:
        return found.stands("bad", f"the newest evidence ({doubtful.where}) is not verified: {doubtful.why}")
    if not found.listed:
        more = (
            f" that can be seen from here: {_small(problem)}"
            if problem
            else ", so nothing proves that it can be rebuilt"
        )
        return found.stands("unknown", f"unknown: no drill has left evidence{more}")
    newest = found.listed[0]
    numbers = f"RTO {words.length(newest.rto_seconds)}, RPO {words.length(newest.rpo_seconds)}"
    told = f"{newest.verdict} {words.ago(newest.finished, now)}; {numbers}"
    if newest.verdict == "failed":
        return found.stands("bad", f"{told}: {newest.reasons[0]}")
    if newest.finished - now > _AHEAD:
        return found.stands("bad", f"{told}, which is in the future")
    if now - newest.finished > DRILL_LIMIT:
        return found.stands("bad", f"{told}; too old: {DRILL_LIMIT.days} days are allowed")
    return found.stands("good", told)


def _here(site: Site) -> Iterator[_Found]:
    """Yield the evidence on this machine, newest first; the key is asked for only where there is any."""
    files = sorted((site.kept / "evidence").glob("drill-*.json"), key=lambda path: path.name, reverse=True)
    for path in files[:_FILES]:
        try:
            found = evidence.read(path, evidence_job.public_key(site))
            evidence_job.check_environment(site, found, path.name)
        except (VerificationFailed, ConfigurationError) as error:
            yield _Found(path.name, None, error.message.replace(str(path), "it"))
        else:
            yield _Found(path.name, found)


def _artifacts(site: Site, github: GitHub) -> Iterator[_Found]:
    """Yield the evidence that the drill's workflow left, newest first."""
    for count, (artifact, run) in enumerate(evidence_job.artifacts(site, github)):
        if count >= SHOWN:
            return
        try:
            yield _Found(f"run {run.id}", evidence_job.read_artifact(site, github, artifact))
        except VerificationFailed as error:
            yield _Found(f"run {run.id}", None, error.message)


def _drill(where: str, told: evidence.Evidence) -> Drill:
    return Drill(
        run=told.run,
        where=where,
        commit=told.commit,
        provider=told.provider,
        backup=told.backup,
        started=told.started,
        finished=told.finished,
        verdict=told.verdict,
        rto_seconds=told.rto_seconds,
        rpo_seconds=told.rpo_seconds,
        phases=tuple(Phase(name=one.name, seconds=one.seconds) for one in told.phases),
        reasons=told.reasons,
    )
