"""Status of all environments: each is looked at from where this runs, and what can't be seen is said with its reason.

Nothing is started, made or changed for it. What other machines have seen can be taken in as documents: so a workflow
looks at each environment with that one's keys, and makes the page in a job that has none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from automation import environment, report
from automation.errors import ConfigurationError, DogitopsError
from automation.github import event, pulls
from automation.github.client import GitHub
from automation.gitops import repository
from automation.gitops.view import git
from automation.jobs.pull_requests.plans import side_by_side
from automation.jobs.sites import open_site
from automation.jobs.status import cluster as status_cluster
from automation.jobs.status import recovery as status_recovery
from automation.jobs.status.changes import Changes
from automation.jobs.status.cluster import unknown
from automation.overview import document, page
from automation.overview.document import (
    Applications,
    Apply,
    Backups,
    Cluster,
    Drift,
    Drills,
    Environment,
    Facts,
    Overview,
)
from automation.workspace import Workspace

_NAME = re.compile(r"(?:://[^/]+/|^[^/:]+@[^/:]+:)([^/]+/[^/]+?)(?:\.git)?/?$")  # owner/name, of a host's address


def overview(
    workspace: Workspace,
    names: Sequence[str] = (),
    *,
    seen: Path | None = None,
    github: GitHub | None = None,
    now: datetime | None = None,
) -> Overview:
    """Return what is known of the environments ``names`` (default: all).

    ``seen`` is a folder of documents that were made elsewhere (``*.json``); an environment that they tell of is not
    looked at again. Raises ConfigurationError for a name that there is not, and for a document that can't be read.
    """
    now = now or datetime.now(UTC)
    known = environment.names(workspace)
    for name in names:
        if name not in known:
            environment.load(workspace, name)  # raises, with the names that there are
    asked = list(dict.fromkeys(names)) or known
    base = Overview(
        made=now,
        repository=_repository(workspace),
        commit=_commit(workspace),
        run_url=_run_url(),
        environments=(),
    )
    elsewhere = document.merged(base, _read(seen) if seen else [])
    told = tuple(one for one in elsewhere.environments if one.name in asked)
    left = [name for name in asked if name not in {one.name for one in told}]
    changes = Changes(_asked(github))
    with report.phase(f"Looking at {len(left)} environments" if len(left) != 1 else f"Looking at {left[0]}"):
        looked = side_by_side(left, lambda name: _looked(workspace, name, changes, now))
    here = base.model_copy(update={"environments": tuple(looked[name] for name in left)})
    return document.merged(here, [base.model_copy(update={"environments": told})])


def _read(folder: Path) -> list[Overview]:
    if not folder.is_dir():
        raise ConfigurationError(
            f"There is no folder {folder}.", hint="--from names one with documents of --json in it."
        )
    return [document.read(path) for path in sorted(folder.glob("*.json"))]


def rows(found: Overview) -> list[list[str]]:
    """Return the document as rows of a table: mark, environment, what, state."""
    marks = {"good": "ok", "bad": "!!", "unknown": "??", "neutral": "--"}
    return [
        [marks[fact.standing], one.name if number == 0 else "", name, fact.told]
        for one in found.environments
        for number, (name, fact) in enumerate(one.facts)
    ]


def write_page(found: Overview, file: Path) -> None:
    """Write the page. Raises ConfigurationError where it can't be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page.render(found), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} can't be written: {error.strerror}.", hint="Choose another file.") from error


def _looked(workspace: Workspace, name: str, changes: Changes, now: datetime) -> Environment:
    try:
        site = open_site(name, workspace=workspace)
    except DogitopsError as error:  # one that can't be read hides no other
        reason = unknown(" ".join(error.message.split()))
        cluster = Cluster(**reason, provider="", name="")
        nothing = Applications(**reason), Apply(**reason), Drift(**reason), Backups(**reason), Drills(**reason)
        return Environment.of(name, "", now, Facts(cluster, *nothing))
    cluster, kube = status_cluster.look(site)
    facts = Facts(
        cluster,
        status_cluster.applications(kube, cluster),
        changes.apply(site, now),
        changes.drift(site, now),
        status_recovery.backups(site, kube, cluster, now),
        status_recovery.drills(site, changes.github, now),
    )
    return Environment.of(name, site.environment.description, now, facts)


def _asked(github: GitHub | None) -> GitHub | str:
    """Return GitHub where it answers, else why not: asked once, before every environment asks and waits for it."""
    try:
        found = github or GitHub.from_environment()
        pulls.default_branch(found)
    except DogitopsError as error:
        return error.message.partition("\n")[0].rstrip(".")
    return found


def _repository(workspace: Workspace) -> str:
    told = os.environ.get("GITHUB_REPOSITORY")
    if told:
        return told
    try:
        found = _NAME.search(git(workspace.root, "remote", "get-url", "origin"))
    except DogitopsError:
        found = None
    return found[1] if found else workspace.root.name


def _commit(workspace: Workspace) -> str:
    try:
        return repository.head(workspace.root)
    except DogitopsError:
        return ""


def _run_url() -> str:
    try:
        met = event.current()
    except DogitopsError:
        return ""
    return met.run.url if met is not None else ""
