"""Drill: back up, prove coverage, delete the cluster, rebuild it from Git, restore, verify, report.

Or with a backup that is there: then the first half is left out, and what comes back is compared with the record that
was kept beside the backup when it was made.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from automation import report
from automation.errors import ConfigurationError, DogitopsError, VerificationFailed, did_you_mean
from automation.github import actions
from automation.gitops import argocd, endpoints, repository
from automation.jobs.delivery import bootstrap as bootstrap_job
from automation.jobs.delivery.bootstrap import SYNC_PATIENCE, advice
from automation.jobs.infrastructure import plan as plan_job
from automation.jobs.recovery import backup as backup_job
from automation.jobs.recovery import evidence as evidence_job
from automation.jobs.recovery import restore as restore_job
from automation.journal import Journal
from automation.recovery import evidence, evidence_report, findings, inventory, last_drill, ledger, writes
from automation.secret import Secret
from automation.site import Site, providers
from automation.toolchain import install

LOSSES = ("entry", "file", "object")
_ONE_MACHINE = "The cluster ran on one machine: a lost region or a lost object store was not drilled."
_ONE_REGION = "The cluster was lost, not its region: the object store and the account survived."
_OBJECTS = (
    "Objects were compared in the namespaces of the backup; the platform comes from Git and was checked by Argo CD."
)
_DATA = "Data was proven for the sample application: what other applications hold is covered, but not read back."
_TOOLS = ("kubernetes", "argocd", "velero", "velero-plugin-for-aws", "tofu")

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What a drill found, and where its evidence lies."""

    evidence: evidence.Evidence
    json: Path
    markdown: Path


def drill(site: Site, *, fresh: bool = False, plant_loss: str | None = None, backup: str | None = None) -> Outcome:
    """Run a drill on a bootstrapped environment; killed and started again, it goes on where it stopped.

    With the name of a ``backup`` that one is restored, and what was written since is lost with the cluster; there need
    be no cluster then. ``plant_loss`` loses an entry, a file or an object after the restore, on purpose: such a drill
    must fail. Raises VerificationFailed (exit code 5) when anything was lost; the evidence is written all the same.
    """
    if plant_loss is not None and plant_loss not in LOSSES:
        raise ConfigurationError(
            f"A drill can't lose {plant_loss!r}.{did_you_mean(plant_loss, LOSSES)}",
            hint=f"It can lose: {', '.join(LOSSES)}.",
        )
    path = site.kept / "journals" / "drill.jsonl"
    if fresh:
        path.unlink(missing_ok=True)
    options = {"plant_loss": plant_loss, **({"backup": backup} if backup else {})}
    run = _Run(site, Journal(path, kind="drill", key={"environment": site.name, **options}), plant_loss, backup)
    told = "".join(f" --{name.replace('_', '-')} {value}" for name, value in options.items() if value)
    with advice(
        f"dogitops drill {site.name} --yes{told}",
        f"dogitops destroy {site.name}",
    ):
        return run.all()


class _Run:
    """One drill. Each phase is journalled with what it found out; all that later phases need is JSON in there."""

    def __init__(self, site: Site, journal: Journal, plant_loss: str | None, backup: str | None) -> None:
        self.site = site
        self.journal = journal
        self.plant_loss = plant_loss
        self.backup = backup
        self.namespaces = site.environment.backup.namespaces
        self.key = site.lasting("inventory.key")  # Secrets are compared by keyed digests
        self.signer = evidence_job.signing_key(site)  # not after an hour that nothing could sign

    def all(self) -> Outcome:
        if self.journal.resumed:
            report.say(f"Going on after: {', '.join(self.journal.finished_phases)}")
        run = self._phase("start", "Looking at the environment", self._start)
        known, covered = self._recorded() if self.backup else self._backed_up(run)
        self._losable(known)
        wiped = self._phase("wipe", f"Deleting the cluster {self.site.cluster}", self._wipe)
        self._phase("rebuild", "Rebuilding the cluster from the OpenTofu plan", self._rebuild)
        self._phase("bootstrap", "Bootstrapping from Git, applications held back", self._bootstrap)
        restored = self._phase("restore", "Restoring", lambda: self._restore(run["backup"]))
        if self.plant_loss is not None:
            self._phase("plant loss", f"Losing {self.plant_loss} on purpose", lambda: self._plant(known))
        found = self._phase("verify", "Verifying data and objects", lambda: self._verify(known, wiped["disaster"]))
        if not found["reasons"]:
            self._phase("resume", "Waiting until all is as Git says", lambda: restore_job.resume(self.site))
        return self._conclude(run, covered or restored.get("volumes", []), found)

    def _backed_up(self, run: dict[str, Any]) -> tuple[Expected, list[dict[str, Any]]]:
        """Write known data, list the objects, back up; return what is known, and the claims that are covered."""
        written = self._phase("write", "Writing known data", lambda: self._write(run["id"]))
        listed = self._phase("inventory", "Taking the inventory of all objects", self._inventory)
        known = backup_job.Known(written, listed)
        covered = self._phase("backup", "Backing up", lambda: self._back_up(run["backup"], known))
        return Expected.of(known.ledger, known.inventory), covered

    def _recorded(self) -> tuple[Expected, list[dict[str, Any]]]:
        """Read what was known when the backup was made, and the claims that it was proven to hold."""
        read = self._phase("record", "Reading what must come back", self._record)
        return Expected.of(read["ledger"], read["inventory"], self.key), read["coverage"]

    def _phase(self, name: str, title: str, work: Callable[[], T]) -> T:
        if self.journal.done(name):
            return self.journal.once(name, work)
        with report.phase(title):
            return self.journal.once(name, work)

    def _start(self) -> dict[str, Any]:
        self.site.up()
        identity = time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + uuid.uuid4().hex[:4]
        if not self.backup:
            argocd.wait_until_synced(self.site.kube, timeout=SYNC_PATIENCE, progress=report.doing)
        began = {"id": identity, "commit": repository.head(self.site.workspace.root), "began": time.time()}
        if self.backup:
            told = backup_job.backups(self.site).check(self.backup, self.namespaces)
            made = str((told.get("status") or {}).get("startTimestamp") or "at an unknown time")
            report.note(f"the backup {self.backup} was begun {made}; what was written since is not in it")
            return {**began, "backup": self.backup, "made": made}
        return {**began, "backup": f"drill-{identity}"}

    def _record(self) -> dict[str, Any]:
        found = backup_job.backups(self.site).record(self.backup or "")
        if found is None:
            report.warn(f"The backup {self.backup} has no record beside it: data and objects can't be compared.")
            return {"ledger": None, "inventory": None, "coverage": []}
        return {"ledger": found.ledger, "inventory": found.inventory, "coverage": list(found.coverage)}

    def _write(self, run: str) -> str:
        told = self.site.environment.drill
        written = ledger.write(self.site.kube, run, entries=told.entries, file_bytes=told.file_mib * 1024 * 1024)
        report.note(f"{told.entries} entries and a file of {told.file_mib} MiB")
        return written.to_json()

    def _inventory(self) -> str:
        taken = inventory.take(self.site.kube, self.namespaces, key=self.key, progress=report.doing)
        report.note(f"{len(taken.objects)} objects")
        return taken.to_json()

    def _back_up(self, name: str, known: backup_job.Known) -> list[dict[str, Any]]:
        done = backup_job.backup(self.site, name=name, known=known)
        return [claim.model_dump(mode="json") for claim in findings.coverage(done.covered)]

    def _wipe(self) -> dict[str, Any]:
        disaster = time.time()
        self.site.delete_cluster()
        return {"disaster": disaster}

    def _rebuild(self) -> None:
        if self.site.provider_kind == "droplet":  # OpenTofu makes its machines anew, and they boot
            self.site.create_cluster()
            return
        saved, document = plan_job.plan(self.site)
        unexpected = [c.address for c in self.site.read(document).destroys if c.address != plan_job.CLUSTER]
        if unexpected:
            raise DogitopsError(
                f"Rebuilding would also destroy {', '.join(unexpected)}.",
                hint=f"Read 'dogitops plan {self.site.name}' and apply it before a drill.",
            )
        self.site.tofu.apply(saved)

    def _bootstrap(self) -> None:
        bootstrap_job.bootstrap(self.site, apps="paused")

    def _restore(self, backup: str) -> dict[str, Any]:
        done = restore_job.restore_data(self.site, backup, self.namespaces)
        volumes = [{"pvc": name, "bytes": size} for name, size in zip(done.volumes, done.sizes, strict=True)]
        return {"items": done.items, "bytes": done.bytes, "warnings": done.warnings, "volumes": volumes}

    def _losable(self, known: Expected) -> None:
        """Raise ConfigurationError, before anything is wiped, where nobody would notice the loss that is asked for."""
        there = known.objects if self.plant_loss == "object" else known.data
        if self.plant_loss is not None and there is None:
            raise ConfigurationError(
                f"A drill with the backup {self.backup} can't lose {self.plant_loss!r} on purpose: "
                "without a record of what it holds, nobody would notice.",
                hint="Leave --plant-loss out, or choose a backup that 'dogitops backup' or a drill has made (--fresh).",
            )

    def _plant(self, known: Expected) -> str:
        if self.plant_loss == "object":
            self.site.kube.delete("v1", "Service", "redis", "ledger", timeout=60)
            return "Service ledger/redis"
        assert known.data is not None  # noqa: S101 - _losable has seen to it
        return ledger.plant_loss(self.site.kube, known.data, "file" if self.plant_loss == "file" else "entry")

    def _verify(self, known: Expected, disaster: float) -> dict[str, Any]:
        kube = self.site.kube
        data = ledger.verify(kube, known.data) if known.data else None
        log = writes.read_log(kube)
        now = inventory.take(kube, self.namespaces, key=self.key) if known.objects else None
        differences = inventory.compare(known.objects, now) if known.objects and now else ()
        objects = findings.objects(known.objects, differences) if known.objects else None
        newest = writes.last_write(kube, before=self.journal.started_at("restore"))
        ready = time.time()
        rto, rpo = ready - disaster, disaster - newest.time if newest else None
        reasons = [*(data.reasons if data else ()), *(str(difference) for difference in differences)]
        reasons += [f"the writer's log has a hole between {one} and {two}" for one, two in log.holes]
        reasons += self._too_slow("RTO", rto, self.site.environment.drill.max_rto_seconds)
        if not self.backup:  # how old a chosen backup is, says nothing of how often there are any
            reasons += self._too_slow("RPO", rpo, self.site.environment.drill.max_rpo_seconds)
        if rpo is None:
            reasons.append("no write of the sample application came back, so the RPO is unknown")
        for reason in reasons[:10]:
            report.warn(reason)
        return {
            "data": findings.data(data).model_dump(mode="json") if data else None,
            "objects": objects.model_dump(mode="json") if objects else None,
            "reasons": reasons,
            "rto": rto,
            "rpo": max(0.0, rpo) if rpo is not None else None,
            "not_compared": list(known.unknown),
        }

    @staticmethod
    def _too_slow(what: str, seconds: float | None, limit: float | None) -> list[str]:
        if seconds is None or limit is None or seconds <= limit:
            return []
        return [f"{what} was {seconds:.0f} s, and environment.yaml allows {limit:.0f} s"]

    def _conclude(self, run: dict[str, Any], covered: list[dict[str, Any]], found: dict[str, Any]) -> Outcome:
        told = evidence.Evidence.model_validate(
            {
                "environment": self.site.name,
                "provider": self.site.provider.kind,
                "run": run["id"],
                "commit": run["commit"],
                "backup": run["backup"],
                "started": run["began"],
                "finished": time.time(),
                "phases": [
                    {"name": name, "started": self.journal.started_at(name), "seconds": self.journal.seconds(name)}
                    for name in self.journal.finished_phases
                ],
                "rto_seconds": found["rto"],
                "rpo_seconds": found["rpo"],
                "data": found["data"],
                "objects": found["objects"],
                "coverage": covered,
                "versions": {tool: install.version(tool) for tool in _TOOLS},
                "verdict": "failed" if found["reasons"] else "passed",
                "reasons": found["reasons"],
                "limits": self._limits(run, found),
                "not_compared": found.get("not_compared", []),
            }
        )
        folder = self.site.kept / "evidence"
        files = evidence_report.write(folder, told, self.signer)
        evidence_report.keep_public_key(folder, self.signer.public)
        self.journal.clear()
        actions.summary(files[1].read_text())
        if told.verdict == "failed":
            raise VerificationFailed(
                f"The drill failed: {'; '.join(told.reasons[:5])}",
                hint=f"Read {files[1]}. The applications stay held back, so that you can look: "
                f"'dogitops gitops resume {self.site.name}' gives them back to Argo CD.",
            )
        self._tell_cluster(told)
        return Outcome(told, *files)

    def _tell_cluster(self, told: evidence.Evidence) -> None:
        """Leave word in the cluster, for its alerts. What proves a drill is its evidence, so it passed without, too."""
        try:
            self.site.kube.apply_all([endpoints.namespace(), last_drill.lease(told)])
        except DogitopsError as error:
            report.warn(f"The cluster could not be told that it passed a drill: {error.message}")

    def _limits(self, run: dict[str, Any], found: dict[str, Any]) -> list[str]:
        told = [_ONE_REGION if self.site.provider.kind in providers.ELSEWHERE else _ONE_MACHINE]
        told += [limit for what, limit in (("objects", _OBJECTS), ("data", _DATA)) if found[what]]
        if self.backup:
            told.append(
                f"The backup was an existing one, begun {run['made']}: its RPO tells its age, and was held against no "
                "limit. What was written to the cluster after it was not drilled."
            )
        return told


@dataclass(frozen=True)
class Expected:
    """What must come back, and why some of it is not known."""

    data: ledger.Ledger | None
    objects: inventory.Inventory | None
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: str | None, objects: str | None, key: Secret | None = None) -> Expected:
        """Read the JSON of both; objects whose digests were made with another key than ``key`` are not known."""
        listed = inventory.Inventory.from_json(objects) if objects else None
        unknown = []
        if data is None:
            unknown.append("Data: the backup has no record of what the sample application held.")
        if listed is None:
            unknown.append("Objects: the backup has no record of the objects that there were.")
        elif key is not None and not inventory.made_with(listed, key):
            listed = None
            unknown.append("Objects: the backup's record was made with another key, so Secrets can't be compared.")
        return cls(ledger.Ledger.from_json(data) if data else None, listed, tuple(unknown))
