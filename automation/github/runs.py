"""Artifacts of workflow runs, such as plan envelopes: found by the run's id, checked for where they come from, fetched.

An artifact's name proves nothing: any workflow, of a fork's pull request too, can upload one of that name. So the run
is named first, and is checked before its artifact is touched.
"""

from __future__ import annotations

import io
import itertools
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime

import urllib3

from automation.errors import DogitopsError, Refused
from automation.github import problems
from automation.github.client import GitHub, WorkflowRun
from automation.github.transport import checked_url

LIMIT = 64 * 1024 * 1024  # bytes of an artifact, packed and unpacked
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Artifact:
    """An artifact of a run; ``size`` is that of its zip in bytes."""

    id: int
    name: str
    size: int
    expired: bool
    expires: datetime | None
    run_id: int


class ArtifactExpired(DogitopsError):  # noqa: N818 - reads as what happened
    """GitHub has deleted the artifact: its retention time is over."""


def check_origin(
    run: WorkflowRun,
    *,
    repository: str,
    workflow: str,
    head_sha: str,
    events: frozenset[str] = frozenset({"pull_request"}),
) -> None:
    """Raise Refused unless the run is one of ``workflow`` (a path), of and from ``repository``, for this commit."""
    wrong = [
        f"{what} is {found!r} and not {wanted!r}"
        for what, found, wanted in (
            ("its repository", run.repository, repository),
            ("the repository that its commits come from", run.head_repository, repository),
            ("its workflow", run.path, workflow),
            ("its commit", run.head_sha, head_sha),
        )
        if found.lower() != wanted.lower()
    ]
    if run.event not in events:
        wrong.append(f"it was started by {run.event!r} and not by {' or '.join(sorted(events))}")
    if wrong:
        raise Refused(
            f"What run {run.id} made is not used: {'; '.join(wrong)}.",
            hint="Have the pull request planned again by its own workflow, and apply what that run made.",
        )


def find(github: GitHub, run_id: int, name: str) -> Artifact:
    """Return the artifact ``name`` of a run; of several attempts the latest. Raises NotFound and ArtifactExpired."""
    listed = github.repo.get_workflow_run(run_id).get_artifacts()
    found = [
        Artifact(one.id, one.name, one.size_in_bytes, bool(one.expired), one.expires_at, run_id)
        for one in listed
        if one.name == name
    ]
    if not found:
        raise problems.NotFound(
            f"The run {run_id} has no artifact {name!r}.",
            hint="The plan was not kept, or its run failed first: see the run; have the pull request planned again.",
        )
    latest = max(found, key=lambda artifact: artifact.id)
    if latest.expired:
        raise _expired(latest)
    return latest


def named(github: GitHub, name: str, *, most: int) -> list[Artifact]:
    """Return the newest artifacts of this name in the repository, whoever uploaded them, newest first; ``most``."""
    listed = itertools.islice(github.repo.get_artifacts(name=name), most)
    return [
        Artifact(one.id, one.name, one.size_in_bytes, bool(one.expired), one.expires_at, one.workflow_run.id)
        for one in sorted(listed, key=lambda one: one.id, reverse=True)
        if one.raw_data.get("workflow_run")  # none of a run that was deleted
    ]


def download(github: GitHub, artifact: Artifact, limit: int = LIMIT) -> dict[str, bytes]:
    """Return the files of an artifact by name.

    GitHub answers with an address at its storage, where the token is not sent. Raises ArtifactExpired, GitHubError,
    and DogitopsError for an artifact above ``limit`` bytes or one that is no zip.
    """
    if artifact.size > limit:
        raise _too_large(artifact, limit)
    url = f"/repos/{github.repository}/actions/artifacts/{artifact.id}/zip"
    status, headers, _ = github.requester.requestJson("GET", url, follow_302_redirect=False)
    location = str(headers.get("location") or "")
    if status == 410:  # noqa: PLR2004 - HTTP
        raise _expired(artifact)
    if status != 302 or not location:  # noqa: PLR2004 - HTTP
        raise problems.from_answer("GET", url, status if status >= 400 else 502, None, headers)  # noqa: PLR2004 - HTTP
    return _unpacked(artifact, _fetched(github, artifact, location, limit), limit)


def _fetched(github: GitHub, artifact: Artifact, location: str, limit: int) -> bytes:
    checked_url(location.partition("?")[0])
    patience = github.patience
    retries = urllib3.Retry(
        total=patience.tries - 1, backoff_factor=patience.backoff, redirect=0, status_forcelist=[502, 503]
    )
    where = location.partition("?")[0]  # the rest is a signature that lets anybody read it for a minute
    try:
        with urllib3.PoolManager(timeout=patience.timeout, retries=retries) as pool:
            answer = pool.request("GET", location, preload_content=False)
            if answer.status in {404, 410}:
                raise _expired(artifact)
            if answer.status != 200:  # noqa: PLR2004 - HTTP
                raise problems.from_answer("GET", where, answer.status, None, None)
            packed = bytearray()
            for chunk in answer.stream(_CHUNK):
                packed += chunk
                if len(packed) > limit:
                    raise _too_large(artifact, limit)
    except urllib3.exceptions.HTTPError as error:
        why = type(error).__name__
    else:
        return bytes(packed)
    raise problems.no_answer("GET", where, f"{why} while the artifact {artifact.name!r} was fetched.")


def _unpacked(artifact: Artifact, packed: bytes, limit: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = limit
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            for entry in archive.infolist():
                if entry.is_dir():
                    continue
                with archive.open(entry) as file:
                    # What an entry says of its size is not believed.
                    files[entry.filename] = file.read(left + 1)
                left -= len(files[entry.filename])
                if left < 0:
                    raise _too_large(artifact, limit)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DogitopsError(
            f"The artifact {artifact.name!r} of run {artifact.run_id} is not a whole zip file: {error}",
            hint="Have the pull request planned again.",
        ) from error
    return files


def _expired(artifact: Artifact) -> ArtifactExpired:
    when = f" since {artifact.expires:%Y-%m-%d %H:%M} UTC" if artifact.expires is not None else ""
    return ArtifactExpired(
        f"The artifact {artifact.name!r} of run {artifact.run_id} has expired{when}: GitHub has deleted it.",
        hint="Have the pull request planned again, read the new plan, and apply that. "
        "The workflow's retention-days says how long a plan is kept.",
    )


def _too_large(artifact: Artifact, limit: int) -> DogitopsError:
    return DogitopsError(
        f"The artifact {artifact.name!r} of run {artifact.run_id} is larger than {limit:,} bytes, and is not read.",
        hint="A plan envelope is far smaller: see what the run uploaded under this name.",
    )
