"""Workflows, their runs, jobs and artifacts, and the two ways to start a workflow by hand."""

from __future__ import annotations

import hashlib

from automation.simulators.github import events
from automation.simulators.github.answers import Answer, ApiError, not_found
from automation.simulators.github.model import Artifact, Workflow, WorkflowRun
from automation.simulators.github.routing import Context, Routes
from automation.simulators.github.shapes import runs
from automation.simulators.github.shapes.show import Json
from automation.simulators.github.store import seconds_of

routes = Routes()
READ, WRITE = "actions:read", "actions:write"
ACTIONS = "/repos/{owner}/{repo}/actions"
_MOST_INPUTS, _MOST_CLIENT_PAYLOAD = 25, 10


def _run(it: Context) -> WorkflowRun:
    found = next((run for run in it.repo.runs if run.id == it.call.number("run")), None)
    if found is None:
        raise not_found()
    return found


def _run_shape(it: Context, run: WorkflowRun) -> Json:
    git = it.world.git(it.repo)
    known = git.kind(run.head_sha) == "commit"
    return runs.run(it.show, it.repo, run, git.commit(run.head_sha) if known else None)


def _workflow(it: Context) -> Workflow:
    wanted = it.call.words["workflow"]
    for found in it.repo.workflows:
        if wanted in {str(found.id), found.path, found.path.rpartition("/")[2]}:
            return found
    raise not_found()


def _listed_runs(it: Context, found: list[WorkflowRun]) -> Answer:
    query = it.call.query
    for name, field in (("event", "event"), ("branch", "head_branch"), ("head_sha", "head_sha"), ("actor", "actor")):
        if query.get(name):
            found = [run for run in found if getattr(run, field) == query[name]]
    if query.get("status"):
        found = [run for run in found if query["status"] in {run.status, run.conclusion}]
    newest = sorted(found, key=lambda run: (run.created_at, run.id), reverse=True)
    return it.call.page([_run_shape(it, run) for run in newest], key="workflow_runs")


@routes("GET", f"{ACTIONS}/workflows", needs=READ)
def workflows(it: Context) -> Answer:
    """List the workflows."""
    return it.call.page([runs.workflow(it.show, it.repo, found) for found in it.repo.workflows], key="workflows")


@routes("GET", f"{ACTIONS}/workflows/{{workflow}}", needs=READ)
def workflow(it: Context) -> Answer:
    """Show a workflow, by its id or its file's name."""
    return Answer(runs.workflow(it.show, it.repo, _workflow(it)))


@routes("GET", f"{ACTIONS}/workflows/{{workflow}}/runs", needs=READ)
def workflow_runs(it: Context) -> Answer:
    """List the runs of one workflow, newest first."""
    used = _workflow(it)
    return _listed_runs(it, [run for run in it.repo.runs if run.workflow_id == used.id])


@routes("POST", f"{ACTIONS}/workflows/{{workflow}}/dispatches", needs=WRITE)
def dispatch(it: Context) -> Answer:
    """Start a workflow by hand."""
    used, name, fields = _workflow(it), it.call.needed("ref", "WorkflowDispatch"), it.call.fields()
    if it.world.git(it.repo).resolve(name) is None:
        raise ApiError(422, f"No ref found for: {name}")
    inputs = fields.get("inputs") or {}
    if len(inputs) > _MOST_INPUTS:
        raise ApiError(422, f"you may only define up to {_MOST_INPUTS} inputs for a workflow_dispatch event")
    ref = name if name.startswith("refs/") else f"refs/heads/{name}"
    events.of_dispatch(it.world, it.repo, login=it.login, token=it.token, ref=ref, workflow=used.path, inputs=inputs)
    return Answer(status=204)


@routes("POST", "/repos/{owner}/{repo}/dispatches", needs="contents:write")
def repository_dispatch(it: Context) -> Answer:
    """Start the workflows that wait for an event of this type."""
    kind, sent = it.call.needed("event_type", "RepositoryDispatch"), it.call.fields().get("client_payload") or {}
    if len(sent) > _MOST_CLIENT_PAYLOAD:
        raise ApiError(422, f"No more than {_MOST_CLIENT_PAYLOAD} properties are allowed; {len(sent)} were supplied.")
    payload = {"branch": it.repo.default_branch, "client_payload": sent}
    it.world.happened("repository_dispatch", kind, it.repo, it.login, payload, token=it.token)
    return Answer(status=204)


@routes("GET", f"{ACTIONS}/runs", needs=READ)
def all_runs(it: Context) -> Answer:
    """List the runs, newest first."""
    return _listed_runs(it, it.repo.runs)


@routes("GET", f"{ACTIONS}/runs/{{run}}", needs=READ)
def run(it: Context) -> Answer:
    """One run."""
    return Answer(_run_shape(it, _run(it)))


@routes("GET", f"{ACTIONS}/runs/{{run}}/attempts/{{attempt}}", needs=READ)
def attempt(it: Context) -> Answer:
    """One attempt of a run; the newest is the one that is known."""
    found = _run(it)
    if found.run_attempt != it.call.number("attempt"):
        raise not_found()
    return Answer(_run_shape(it, found))


@routes("POST", f"{ACTIONS}/runs/{{run}}/cancel", needs=WRITE)
def cancel(it: Context) -> Answer:
    """Cancel a run that has not ended."""
    found = _run(it)
    if found.status == "completed":
        raise ApiError(409, "Cannot cancel a workflow run that is completed.")
    found.status, found.conclusion, found.updated_at = "completed", "cancelled", it.world.store.now()
    return Answer({}, 202)


@routes("GET", f"{ACTIONS}/runs/{{run}}/jobs", needs=READ)
def jobs(it: Context) -> Answer:
    """List the jobs of a run."""
    found = _run(it)
    shapes = [runs.job(it.show, it.repo, job, found.head_sha) for job in it.repo.jobs if job.run_id == found.id]
    return it.call.page(shapes, key="jobs")


@routes("GET", f"{ACTIONS}/jobs/{{job}}", needs=READ)
def job(it: Context) -> Answer:
    """One job."""
    wanted = it.call.number("job")
    shas = {run.id: run.head_sha for run in it.repo.runs}
    for found in it.repo.jobs:
        if found.id == wanted:
            return Answer(runs.job(it.show, it.repo, found, shas.get(found.run_id, "")))
    raise not_found()


def _fresh(it: Context) -> list[Artifact]:
    """Return the artifacts, newest first; those whose time is over are expired, and their content is gone."""
    for found in it.repo.artifacts:
        if not found.expired and seconds_of(found.expires_at) <= it.world.store.seconds():
            found.expired, found.content = True, b""
    return sorted(it.repo.artifacts, key=lambda found: found.id, reverse=True)


def _listed(it: Context, found: list[Artifact]) -> Answer:
    name = it.call.query.get("name")
    shapes = [runs.artifact(it.show, it.repo, artifact) for artifact in found if name in {None, artifact.name}]
    return it.call.page(shapes, key="artifacts")


def _artifact(it: Context) -> Artifact:
    found = next((artifact for artifact in _fresh(it) if artifact.id == it.call.number("artifact")), None)
    if found is None:
        raise not_found()
    return found


@routes("GET", f"{ACTIONS}/artifacts", needs=READ)
def artifacts(it: Context) -> Answer:
    """List the artifacts of the repository, of one ``name`` if that is asked for."""
    return _listed(it, _fresh(it))


@routes("GET", f"{ACTIONS}/runs/{{run}}/artifacts", needs=READ)
def run_artifacts(it: Context) -> Answer:
    """List the artifacts of a run."""
    used = _run(it)
    return _listed(it, [artifact for artifact in _fresh(it) if artifact.run_id == used.id])


@routes("GET", f"{ACTIONS}/artifacts/{{artifact}}", needs=READ)
def artifact(it: Context) -> Answer:
    """Tell what is known of an artifact."""
    return Answer(runs.artifact(it.show, it.repo, _artifact(it)))


@routes("DELETE", f"{ACTIONS}/artifacts/{{artifact}}", needs=WRITE)
def delete_artifact(it: Context) -> Answer:
    """Remove an artifact."""
    it.repo.artifacts.remove(_artifact(it))
    return Answer(status=204)


@routes("GET", f"{ACTIONS}/artifacts/{{artifact}}/{{format}}", needs=READ)
def download(it: Context) -> Answer:
    """Tell where an artifact can be had without a token for a minute; 410 when it has expired."""
    found = _artifact(it)
    if it.call.words["format"] != "zip":
        raise not_found()
    if found.expired:
        raise ApiError(410, "Artifact has expired")
    until = it.world.store.seconds() + 60
    place = f"{it.call.host}/_storage/{it.repo.full_name}/{found.id}?until={until}&sig={_signature(found, until)}"
    return Answer(status=302, headers={"Location": place})


@routes("GET", "/_storage/{owner}/{name}/{artifact}")
def stored(it: Context) -> Answer:
    """Send the archive itself, for who has the signed link."""
    repository = it.world.repository(f"{it.call.words['owner']}/{it.call.words['name']}")
    found = next((artifact for artifact in repository.artifacts if artifact.id == it.call.number("artifact")), None)
    until = it.call.query.get("until", "")
    if found is None or it.call.query.get("sig") != _signature(found, until):
        return Answer(b"<Error><Code>AuthenticationFailed</Code></Error>", 403, {"Content-Type": "application/xml"})
    if not until.isdigit() or int(until) < it.world.store.seconds():
        return Answer(b"<Error><Code>AuthenticationFailed</Code></Error>", 403, {"Content-Type": "application/xml"})
    return Answer(
        found.content,
        headers={
            "Content-Type": "application/zip",
            "Content-Disposition": f'attachment; filename="{found.name}.zip"',
        },
    )


def _signature(found: Artifact, until: int | str) -> str:
    return hashlib.sha256(f"{found.id} {found.created_at} {until}".encode()).hexdigest()[:32]
