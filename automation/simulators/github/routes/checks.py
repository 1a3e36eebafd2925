"""Commit statuses and check runs."""

from __future__ import annotations

from typing import Any

from automation.simulators.github.answers import Answer, ApiError, invalid, not_found, unprocessable
from automation.simulators.github.model import CheckRun, Status
from automation.simulators.github.routing import Context, Routes
from automation.simulators.github.shapes import runs

routes = Routes()
COMMIT = "/repos/{owner}/{repo}/commits/{ref:path}"
MOST_ANNOTATIONS = 50  # in one request, docs.github.com/rest/checks/runs
MOST_OUTPUT = 65_535  # bytes of a summary or a text, docs.github.com/rest/checks/runs
MOST_STATUSES = 1_000  # for one sha and context
MOST_DESCRIPTION = 140
_STATES = {"error", "failure", "pending", "success"}
_CONCLUSIONS = {"action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"}
_PROGRESS = {"queued", "in_progress", "completed", "waiting", "requested", "pending"}


def resolved(it: Context) -> str:
    """Return the commit that the path names. Raises the 422 that GitHub gives here."""
    sha = it.world.git(it.repo).resolve(it.call.words["ref"])
    if sha is None:
        raise unprocessable(f"No commit found for SHA: {it.call.words['ref']}")
    return sha


@routes("POST", "/repos/{owner}/{repo}/statuses/{sha}", needs="statuses:write")
def create(it: Context) -> Answer:
    """Set a status; the newest of each context counts."""
    sha = it.call.words["sha"]
    if len(sha) != 40 or it.world.git(it.repo).kind(sha) != "commit":  # noqa: PLR2004 - a whole sha
        raise unprocessable(f"No commit found for SHA: {sha}")
    state = it.call.needed("state", "Status")
    if state not in _STATES:
        raise invalid("Status", "state", "custom", "state is not included in the list")
    context = it.call.text("context", "Status") or "default"
    same = [status for status in it.repo.statuses if status.sha == sha and status.context.lower() == context.lower()]
    if len(same) >= MOST_STATUSES:
        raise invalid("Status", "context", "custom", "This SHA and context has reached the maximum number of statuses.")
    description = it.call.text("description", "Status")
    if description is not None and len(description) > MOST_DESCRIPTION:
        text = f"description is too long (maximum is {MOST_DESCRIPTION} characters)"
        raise invalid("Status", "description", "custom", text)
    target = it.call.text("target_url", "Status")
    if target and not target.startswith(("http://", "https://")):
        raise invalid("Status", "target_url", "custom", "target_url must use http(s) scheme")
    store = it.world.store
    made = Status(store.new_id(), sha, context, state, description, target, it.login, store.now())
    it.repo.statuses.append(made)
    shape = runs.status(it.show, it.repo, made)
    return Answer(shape, 201, {"Location": shape["url"]})


def _statuses(it: Context) -> Answer:
    sha = resolved(it)
    found = [status for status in reversed(it.repo.statuses) if status.sha == sha]
    return it.call.page([runs.status(it.show, it.repo, status) for status in found])


@routes("GET", f"{COMMIT}/statuses", needs="statuses:read")
def statuses(it: Context) -> Answer:
    """Every status of a commit, newest first."""
    return _statuses(it)


@routes("GET", "/repos/{owner}/{repo}/statuses/{ref}", needs="statuses:read")
def statuses_old(it: Context) -> Answer:
    """List the same statuses under its old path, which PyGithub's Commit.get_statuses uses."""
    return _statuses(it)


@routes("GET", f"{COMMIT}/status", needs="statuses:read")
def combined(it: Context) -> Answer:
    """Sum up the newest status of each context, and what they come to."""
    sha = resolved(it)
    latest = {status.context: status for status in it.repo.statuses if status.sha == sha}
    return Answer(runs.combined(it.show, it.repo, sha, list(latest.values())))


@routes("POST", "/repos/{owner}/{repo}/check-runs", needs="checks:write", role="admin")
def create_check(it: Context) -> Answer:
    """Start a check run. GitHub lets apps do this, and no person."""
    if it.token is not None and it.token.permissions is None:
        raise ApiError(403, "You must authenticate via a GitHub App.")
    sha = it.call.needed("head_sha", "CheckRun")
    if it.world.git(it.repo).kind(sha) != "commit":
        raise unprocessable(f"No commit found for SHA: {sha}")
    made = CheckRun(it.world.store.new_id(), sha, it.call.needed("name", "CheckRun"), it.login)
    made.started_at = it.world.store.now()
    _fill(it, made)
    it.repo.check_runs.append(made)
    shape = runs.check_run(it.show, it.repo, made)
    return Answer(shape, 201, {"Location": shape["url"]})


@routes("GET", "/repos/{owner}/{repo}/check-runs/{id}", needs="checks:read")
def check(it: Context) -> Answer:
    """One check run."""
    return Answer(runs.check_run(it.show, it.repo, _check(it)))


@routes("PATCH", "/repos/{owner}/{repo}/check-runs/{id}", needs="checks:write", role="admin")
def edit_check(it: Context) -> Answer:
    """Change a check run; annotations are added to those it has."""
    found = _check(it)
    _fill(it, found)
    return Answer(runs.check_run(it.show, it.repo, found))


@routes("GET", "/repos/{owner}/{repo}/check-runs/{id}/annotations", needs="checks:read")
def annotations_of(it: Context) -> Answer:
    """List the annotations of a check run."""
    found = _check(it)
    more = {"blob_href": f"{it.show.page(it.repo)}/blob/{found.sha}/"}
    empty = {"start_column": None, "end_column": None, "title": None, "raw_details": None}
    return it.call.page(
        [{**empty, **given, "blob_href": more["blob_href"] + given["path"]} for given in found.annotations]
    )


@routes("GET", f"{COMMIT}/check-runs", needs="checks:read")
def checks(it: Context) -> Answer:
    """List the check runs of a commit: the newest of each name, if nothing else is asked for."""
    sha, query = resolved(it), it.call.query
    found = [run for run in it.repo.check_runs if run.sha == sha]
    if query.get("filter", "latest") == "latest":
        found = list({run.name: run for run in found}.values())
    for name, wanted in (("name", query.get("check_name")), ("status", query.get("status"))):
        found = [run for run in found if not wanted or getattr(run, name) == wanted]
    return it.call.page([runs.check_run(it.show, it.repo, run) for run in found], key="check_runs")


def _check(it: Context) -> CheckRun:
    found = next((run for run in it.repo.check_runs if run.id == it.call.number("id")), None)
    if found is None:
        raise not_found()
    return found


def _fill(it: Context, run: CheckRun) -> None:
    fields = it.call.fields()
    output: dict[str, Any] = fields.get("output") or {}
    _check_output(output)
    status, conclusion = fields.get("status"), fields.get("conclusion")
    if status not in {None, *_PROGRESS}:
        raise invalid("CheckRun", "status", "invalid")
    if conclusion not in {None, *_CONCLUSIONS}:
        raise invalid("CheckRun", "conclusion", "invalid")
    if status == "completed" and conclusion is None and run.conclusion is None:
        raise ApiError(422, 'Invalid request.\n\n"conclusion" wasn\'t supplied.')
    for name in ("name", "details_url", "external_id", "started_at", "completed_at", "conclusion", "status"):
        setattr(run, name, fields.get(name, getattr(run, name)))
    if conclusion is not None:
        run.status, run.completed_at = "completed", run.completed_at or it.world.store.now()
    for name in ("title", "summary", "text"):
        setattr(run, name, output.get(name, getattr(run, name)))
    run.annotations += output.get("annotations") or []


def _check_output(output: dict[str, Any]) -> None:
    if output and ("title" not in output or "summary" not in output):
        raise ApiError(422, 'Invalid request.\n\n"title", "summary" weren\'t supplied.')
    for name in ("summary", "text"):
        if len((output.get(name) or "").encode()) > MOST_OUTPUT:
            raise invalid("CheckRun", name, "custom", f"{name} exceeds a maximum bytesize of {MOST_OUTPUT}")
    given = output.get("annotations") or []
    if len(given) > MOST_ANNOTATIONS:
        raise ApiError(422, "Invalid request.", errors=[f"annotations exceeds the maximum of {MOST_ANNOTATIONS}"])
    for annotation in given:
        for name in ("path", "start_line", "end_line", "annotation_level", "message"):
            if name not in annotation:
                raise ApiError(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
        if annotation["annotation_level"] not in {"notice", "warning", "failure"}:
            raise invalid("CheckAnnotation", "annotation_level", "invalid")
