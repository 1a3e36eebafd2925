"""Evidence of drills: the key that signs it, the newest of an environment, and whether that is young enough."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from automation import report
from automation.errors import ConfigurationError, VerificationFailed
from automation.github import runs
from automation.github.client import GitHub, WorkflowRun
from automation.recovery import evidence, evidence_report
from automation.site import Site, lasting

WORKFLOW = ".github/workflows/drill.yml"
_EVENTS = frozenset({"schedule", "workflow_dispatch"})
_LOOKED_AT = 20  # artifacts
_AHEAD = timedelta(minutes=10)  # clocks differ


@dataclass(frozen=True)
class Aged:
    """Evidence that was verified and is young enough: where it was found, and its age."""

    where: str
    evidence: evidence.Evidence
    age: timedelta


def signing_key(site: Site) -> evidence.SigningKey:
    """Return the key that signs this environment's evidence: see :meth:`automation.site.Site.lasting`.

    Raises ConfigurationError where environment.yaml names another key's public half.
    """
    own = _own_key(site)
    expected = site.environment.drill.public_key
    if expected is not None and own.public != expected:
        raise ConfigurationError(
            f"What is signed here would not be believed: drill.public_key of {site.name} is that of another key.",
            hint=f"Give {lasting.VARIABLE} the value that belongs to it, or write {own.public} into environment.yaml.",
        )
    return own


def public_key(site: Site) -> str:
    """Return the public key (base64) that this environment's evidence must be signed with."""
    return site.environment.drill.public_key or _own_key(site).public


def newest(site: Site, file: Path | None = None) -> tuple[Path, evidence.Evidence]:
    """Return the evidence in ``file`` (default: the newest on this machine) once its signature is verified.

    Raises ConfigurationError where there is none, VerificationFailed when it is not what was signed, or is of another
    environment.
    """
    path = file or evidence.newest(site.kept / "evidence")
    if path is None:
        raise ConfigurationError(
            f"There is no evidence for {site.name} yet.", hint=f"Run 'dogitops drill {site.name}'."
        )
    found = evidence.read(path, public_key(site))
    check_environment(site, found, str(path))
    return path, found


def copy(site: Site, folder: Path) -> list[Path]:
    """Copy the newest evidence, its readable form and the public key into ``folder``; return the copies."""
    path, _ = newest(site)
    folder.mkdir(parents=True, exist_ok=True)
    evidence_report.keep_public_key(folder, public_key(site))
    copied = [Path(shutil.copy(one, folder)) for one in (path, path.with_suffix(".md")) if one.exists()]
    return [*copied, folder / evidence_report.PUBLIC_KEY]


def check_age(site: Site, longest: timedelta, *, github: GitHub | None = None, now: datetime | None = None) -> Aged:
    """Return the newest evidence, which must be of a drill that passed, no longer ago than ``longest``.

    It is looked for among the artifacts of the drill's workflow, else (without ``github``) on this machine. Raises
    VerificationFailed where there is none, or it failed, is too old, was changed, is signed by another key, or is of
    another environment.
    """
    where, found = _newest_here(site) if github is None else _newest_artifact(site, github)
    finished = f"{found.finished.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    hint = f"Run a drill: 'dogitops drill {site.name}', or the workflow {WORKFLOW}."
    age = (now or datetime.now(UTC)) - found.finished
    if found.verdict != "passed":
        why = "; ".join(found.reasons[:3])
        raise VerificationFailed(f"The newest drill of {site.name} ({where}, {finished}) failed: {why}", hint=hint)
    if age < -_AHEAD:
        raise VerificationFailed(f"The newest drill of {site.name} ({where}) ended in the future: {finished}.")
    if age > longest:
        raise VerificationFailed(
            f"The newest drill of {site.name} ({where}) is too old: it ended {finished}, {told(age)} ago, "
            f"and {told(longest)} are allowed.",
            hint=hint,
        )
    return Aged(where, found, age)


def _newest_here(site: Site) -> tuple[str, evidence.Evidence]:
    try:
        path, found = newest(site)
    except ConfigurationError as error:
        raise VerificationFailed(error.message, hint=error.hint) from error
    return path.name, found


def _newest_artifact(site: Site, github: GitHub) -> tuple[str, evidence.Evidence]:
    for artifact, run in artifacts(site, github):
        if site.environment.drill.public_key is None:
            report.note(
                "environment.yaml names no drill.public_key: the key beside the evidence is believed, "
                "because the run that left both is one of the drill's own workflow"
            )
        return f"run {run.id}", read_artifact(site, github, artifact)
    raise VerificationFailed(
        f"No run of {WORKFLOW} has left evidence for {site.name}.",
        hint="Start the workflow, and see why its scheduled runs fail. Artifacts are kept for their retention-days.",
    )


def read_artifact(site: Site, github: GitHub, artifact: runs.Artifact) -> evidence.Evidence:
    """Return the evidence in an artifact that the drill's own workflow left, once it is verified.

    By the key that environment.yaml names, else by the one beside it. Raises VerificationFailed.
    """
    where = f"run {artifact.run_id}"
    files = {Path(name).name: content for name, content in runs.download(github, artifact).items()}
    names = sorted(name for name in files if name.startswith("drill-") and name.endswith(".json"))
    if not names:
        raise VerificationFailed(f"The artifact {artifact.name!r} of {where} holds no evidence.")
    key = site.environment.drill.public_key
    if key is None:
        key = files.get(evidence_report.PUBLIC_KEY, b"").decode(errors="replace").strip()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / names[-1]
        path.write_bytes(files[names[-1]])
        try:
            found = evidence.read(path, key)
        except VerificationFailed as error:
            why = error.message.replace(str(path), names[-1])
            raise VerificationFailed(f"The evidence of {where} is not believed: {why}", hint=error.hint) from error
    check_environment(site, found, where)
    return found


def artifacts(site: Site, github: GitHub) -> Iterator[tuple[runs.Artifact, WorkflowRun]]:
    """Yield the artifacts that the drill's own workflow left, newest first: anybody can upload one of that name."""
    name, branch = f"evidence-{site.name}", github.repo.default_branch
    for artifact in runs.named(github, name, most=_LOOKED_AT):
        run = github.workflow_run(artifact.run_id)
        genuine = (
            run.path == WORKFLOW
            and run.event in _EVENTS
            and run.head_branch == branch
            and run.repository.lower() == run.head_repository.lower() == github.repository.lower()
        )
        if genuine and not artifact.expired:
            yield artifact, run
        elif not genuine:
            report.warn(f"An artifact {name!r} of run {run.id} is passed over: it is not of {WORKFLOW} on {branch}.")


def check_environment(site: Site, found: evidence.Evidence, where: str) -> None:
    """Raise VerificationFailed for the evidence of another environment."""
    if found.environment != site.name:
        raise VerificationFailed(
            f"The evidence in {where} is of the environment {found.environment}, not of {site.name}.",
            hint="Only a drill of this very environment says anything about it.",
        )


def _own_key(site: Site) -> evidence.SigningKey:
    if lasting.are_derived(site.environment):
        return evidence.SigningKey.from_secret(site.lasting("evidence"))
    return evidence.SigningKey.kept_in(site.kept / "secrets" / "evidence.pem")


def told(length: timedelta) -> str:
    """Return a length of time as people say it, in its largest unit."""
    for unit, one in (("days", timedelta(days=1)), ("hours", timedelta(hours=1))):
        if length >= one:
            return f"{length / one:.1f} {unit}"
    return f"{max(length / timedelta(minutes=1), 0):.0f} minutes"
