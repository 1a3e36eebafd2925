"""Drill: back up, prove coverage, delete the cluster, rebuild it from Git, restore, verify, report."""

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
from automation.gitops import argocd, repository
from automation.jobs import backup as backup_job
from automation.jobs import bootstrap as bootstrap_job
from automation.jobs import plan as plan_job
from automation.jobs import restore as restore_job
from automation.jobs.bootstrap import SYNC_PATIENCE, advice
from automation.jobs.site import Site
from automation.journal import Journal
from automation.recovery import evidence, evidence_report, findings, inventory, ledger, writes
from automation.secret import Secret
from automation.toolchain import install

LOSSES = ("entry", "file", "object")
_LIMITS = (
    "The cluster ran on one machine: a lost region or a lost object store was not drilled.",
    "Objects were compared in the namespaces of the backup; the platform comes from Git and was checked by Argo CD.",
    "Data was proven for the sample application: what other applications hold is covered, but not read back.",
)
_TOOLS = ("kubernetes", "argocd", "velero", "velero-plugin-for-aws", "tofu")

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What a drill found, and where its evidence lies."""

    evidence: evidence.Evidence
    json: Path
    markdown: Path


def drill(site: Site, *, fresh: bool = False, plant_loss: str | None = None) -> Outcome:
    """Run a drill on a bootstrapped environment; killed and started again, it goes on where it stopped.

    ``plant_loss`` loses an entry, a file or an object after the restore, on purpose: such a drill must fail.
    Raises VerificationFailed (exit code 5) when anything was lost; the evidence is written all the same.
    """
    if plant_loss is not None and plant_loss not in LOSSES:
        raise ConfigurationError(
            f"A drill can't lose {plant_loss!r}.{did_you_mean(plant_loss, LOSSES)}",
            hint=f"It can lose: {', '.join(LOSSES)}.",
        )
    path = site.kept / "journals" / "drill.jsonl"
    if fresh:
        path.unlink(missing_ok=True)
    run = _Run(site, Journal(path, kind="drill", key={"environment": site.name, "plant_loss": plant_loss}), plant_loss)
    with advice(
        f"dogitops drill {site.name} --yes{f' --plant-loss {plant_loss}' if plant_loss else ''}",
        f"dogitops destroy {site.name}",
    ):
        return run.all()


class _Run:
    """One drill. Each phase is journalled with what it found out; all that later phases need is JSON in there."""

    def __init__(self, site: Site, journal: Journal, plant_loss: str | None) -> None:
        self.site = site
        self.journal = journal
        self.plant_loss = plant_loss
        self.namespaces = site.environment.backup.namespaces
        # Secrets are compared by keyed digests; the key never leaves this machine.
        self.key = Secret.kept_in(site.kept / "secrets" / "inventory.key")

    def all(self) -> Outcome:
        if self.journal.resumed:
            report.say(f"Going on after: {', '.join(self.journal.finished_phases)}")
        run = self._phase("start", "Looking at the environment", self._start)
        known = ledger.Ledger.from_json(self._phase("write", "Writing known data", lambda: self._write(run["id"])))
        before = inventory.Inventory.from_json(
            self._phase("inventory", "Taking the inventory of all objects", self._inventory)
        )
        covered = self._phase("backup", "Backing up", lambda: self._back_up(run["backup"]))
        wiped = self._phase("wipe", f"Deleting the cluster {self.site.cluster}", self._wipe)
        self._phase("rebuild", "Rebuilding the cluster from the OpenTofu plan", self._rebuild)
        self._phase("bootstrap", "Bootstrapping from Git, applications held back", self._bootstrap)
        self._phase("restore", "Restoring", lambda: self._restore(run["backup"]))
        if self.plant_loss is not None:
            self._phase("plant loss", f"Losing {self.plant_loss} on purpose", lambda: self._plant(known))
        found = self._phase(
            "verify", "Verifying data and objects", lambda: self._verify(known, before, wiped["disaster"])
        )
        if not found["reasons"]:
            self._phase("resume", "Waiting until all is as Git says", lambda: restore_job.resume(self.site))
        return self._conclude(run, covered, found)

    def _phase(self, name: str, title: str, work: Callable[[], T]) -> T:
        if self.journal.done(name):
            return self.journal.once(name, work)
        with report.phase(title):
            return self.journal.once(name, work)

    def _start(self) -> dict[str, Any]:
        self.site.up()
        argocd.wait_until_synced(self.site.kube, timeout=SYNC_PATIENCE, progress=report.doing)
        identity = time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + uuid.uuid4().hex[:4]
        return {
            "id": identity,
            "backup": f"drill-{identity}",
            "commit": repository.head(self.site.workspace.root),
            "began": time.time(),
        }

    def _write(self, run: str) -> str:
        told = self.site.environment.drill
        written = ledger.write(self.site.kube, run, entries=told.entries, file_bytes=told.file_mib * 1024 * 1024)
        report.note(f"{told.entries} entries and a file of {told.file_mib} MiB")
        return written.to_json()

    def _inventory(self) -> str:
        taken = inventory.take(self.site.kube, self.namespaces, key=self.key, progress=report.doing)
        report.note(f"{len(taken.objects)} objects")
        return taken.to_json()

    def _back_up(self, name: str) -> list[dict[str, Any]]:
        done = backup_job.backup(self.site, name=name)
        return [claim.model_dump(mode="json") for claim in findings.coverage(done.covered)]

    def _wipe(self) -> dict[str, Any]:
        disaster = time.time()
        self.site.delete_cluster()
        return {"disaster": disaster}

    def _rebuild(self) -> None:
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
        return {"items": done.items, "bytes": done.bytes, "warnings": done.warnings}

    def _plant(self, known: ledger.Ledger) -> str:
        if self.plant_loss == "object":
            self.site.kube.delete("v1", "Service", "redis", "ledger", timeout=60)
            return "Service ledger/redis"
        return ledger.plant_loss(self.site.kube, known, "file" if self.plant_loss == "file" else "entry")

    def _verify(self, known: ledger.Ledger, before: inventory.Inventory, disaster: float) -> dict[str, Any]:
        data = ledger.verify(self.site.kube, known)
        log = writes.read_log(self.site.kube)
        differences = inventory.compare(before, inventory.take(self.site.kube, self.namespaces, key=self.key))
        newest = writes.last_write(self.site.kube, before=self.journal.started_at("restore"))
        ready = time.time()
        rto, rpo = ready - disaster, disaster - newest.time if newest else None
        reasons = [*data.reasons, *(str(difference) for difference in differences)]
        reasons += [f"the writer's log has a hole between {one} and {two}" for one, two in log.holes]
        reasons += self._too_slow("RTO", rto, self.site.environment.drill.max_rto_seconds)
        reasons += self._too_slow("RPO", rpo, self.site.environment.drill.max_rpo_seconds)
        if rpo is None:
            reasons.append("no write of the sample application came back, so the RPO is unknown")
        for reason in reasons[:10]:
            report.warn(reason)
        return {
            "data": findings.data(data).model_dump(mode="json"),
            "objects": findings.objects(before, differences).model_dump(mode="json"),
            "reasons": reasons,
            "rto": rto,
            "rpo": max(0.0, rpo) if rpo is not None else None,
        }  # fmt: skip

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
                "limits": _LIMITS,
            }
        )
        files = evidence_report.write(self.site.kept / "evidence", told, signing_key(self.site))
        self.journal.clear()
        actions.summary(files[1].read_text())
        if told.verdict == "failed":
            raise VerificationFailed(
                f"The drill failed: {'; '.join(told.reasons[:5])}",
                hint=f"Read {files[1]}. The applications stay held back, so that you can look: "
                f"'dogitops gitops resume {self.site.name}' gives them back to Argo CD.",
            )
        return Outcome(told, *files)


def signing_key(site: Site) -> evidence.SigningKey:
    """Return the key that signs this environment's evidence; it never leaves this machine."""
    return evidence.SigningKey.kept_in(site.kept / "secrets" / "evidence.pem")


def newest_evidence(site: Site, file: Path | None = None) -> tuple[Path, evidence.Evidence]:
    """Return the evidence in ``file`` (default: the newest of the environment) once its signature is verified.

    Raises ConfigurationError where there is none, VerificationFailed when it is not what was signed.
    """
    path = file or evidence.newest(site.kept / "evidence")
    if path is None:
        raise ConfigurationError(
            f"There is no evidence for {site.name} yet.", hint=f"Run 'dogitops drill {site.name}'."
        )
    return path, evidence.read(path, signing_key(site).public)
