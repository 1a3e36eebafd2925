"""How tests drive workflows: their runs, jobs and artifacts, for which GitHub has no public way to make them."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from automation.simulators.github.model import Artifact, Job, Repository, Workflow, WorkflowRun
from automation.simulators.github.operation import operation
from automation.simulators.github.store import iso
from automation.simulators.github.world import World

KEPT = 90 * 24 * 3600  # seconds that GitHub keeps an artifact, if a workflow says nothing else


class RunsDriver:
    """Operations on workflow runs."""

    world: World

    @operation
    def add_run(
        self,
        repository: str,
        workflow: str,
        head_sha: str,
        *,
        event: str = "pull_request",
        head_branch: str | None = None,
        head_repository: str | None = None,
        actor: str | None = None,
        status: str = "completed",
        conclusion: str | None = "success",
        attempt: int = 1,
        pull_requests: list[int] | None = None,
        jobs: list[str] | None = None,
        run_id: int | None = None,
    ) -> int:
        """Register a run of a workflow (a path such as ``.github/workflows/plan.yml``) and return its id.

        ``head_repository`` is the fork's name where it came from one; ``jobs`` are names, each with the run's end.
        """
        found, store = self.world.repository(repository), self.world.store
        used = self._workflow(found, workflow)
        now = store.now()
        run = WorkflowRun(
            run_id or store.new_id(),
            1 + sum(run.workflow_id == used.id for run in found.runs),
            used.id,
            event,
            head_branch,
            head_sha,
            head_repository or found.full_name,
            store.ensure_user(actor or found.owner).login,
            now,
            now,
            attempt,
            status,
            conclusion if status == "completed" else None,
            used.name,
            pull_requests or [],
        )
        found.runs = [old for old in found.runs if old.id != run.id] + [run]
        for name in jobs or []:
            ended = now if status == "completed" else None
            found.jobs.append(Job(store.new_id(), run.id, attempt, name, status, run.conclusion, now, ended))
        return run.id

    @operation
    def finish_run(self, repository: str, run_id: int, conclusion: str = "success") -> None:
        """Complete a run and its jobs."""
        found = self.world.repository(repository)
        for run in found.runs:
            if run.id == run_id:
                run.status, run.conclusion, run.updated_at = "completed", conclusion, self.world.store.now()
        for job in found.jobs:
            if job.run_id == run_id and job.status != "completed":
                job.status, job.conclusion, job.completed_at = "completed", conclusion, self.world.store.now()

    @operation
    def upload_artifact(
        self,
        repository: str,
        run_id: int,
        name: str,
        content: bytes,
        *,
        filename: str | None = None,
        kept_seconds: int = KEPT,
    ) -> int:
        """Store an artifact of a run and return its id.

        ``content`` is a zip archive, or with ``filename`` that file's bytes, which are then put into one.
        """
        found, store = self.world.repository(repository), self.world.store
        if filename is not None:
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(filename, content)
            content = packed.getvalue()
        made = Artifact(store.new_id(), name, run_id, content, store.now(), iso(store.seconds() + kept_seconds))
        found.artifacts.append(made)
        return made.id

    @operation
    def expire_artifact(self, repository: str, artifact: int) -> None:
        """Let an artifact be expired: listed still, but no longer to be had."""
        for it in self.world.repository(repository).artifacts:
            if it.id == artifact:
                it.expired, it.content = True, b""

    @operation
    def runs(self, repository: str) -> list[dict[str, Any]]:
        """Return the runs: id, workflow's path, event, status, conclusion."""
        found = self.world.repository(repository)
        paths = {workflow.id: workflow.path for workflow in found.workflows}
        return [
            {
                "id": run.id,
                "workflow": paths.get(run.workflow_id),
                "event": run.event,
                "status": run.status,
                "conclusion": run.conclusion,
            }
            for run in found.runs
        ]

    def _workflow(self, repository: Repository, path: str) -> Workflow:
        known = next((workflow for workflow in repository.workflows if workflow.path == path), None)
        if known is None:
            name = path.rpartition("/")[2].partition(".")[0]
            known = Workflow(self.world.store.new_id(), name, path, self.world.store.now())
            repository.workflows.append(known)
        return known
