"""Merge: apply exactly the plan that people read on the pull request, or stop and show what is different now."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from automation import report
from automation.errors import DogitopsError, Refused
from automation.github import comments, runs
from automation.github.client import GitHub
from automation.github.event import Event, PullRequest
from automation.gitops import repository
from automation.jobs.infrastructure.plan import plan
from automation.jobs.infrastructure.review import Review, load, review
from automation.jobs.pull_requests.pull_request import REVIEW, WORKFLOW, Place
from automation.opentofu import canonical, comment, envelope
from automation.opentofu.comment import notices
from automation.opentofu.envelope import Manifest, Opened
from automation.opentofu.envelope.store import Found
from automation.opentofu.outcome import Outcome
from automation.opentofu.runner import StateLocked

# Who makes plans that may be applied: the pull request's own, and what was offered after its merge.
MAKERS = (WORKFLOW, ".github/workflows/apply.yml", ".github/workflows/comment-commands.yml")
EVENTS = ("pull_request", "push", "issue_comment")


class Stopped(Refused):
    """The plan that people read can't be applied any more; the pull request shows a new one next to it."""


@dataclass
class Applied:
    """What an apply did: the plan's digest, what became of each resource, and the outputs that are not sensitive."""

    digest: str
    outcome: Outcome | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    replanned: tuple[str, ...] = ()


def merged(event: Event, github: GitHub) -> PullRequest:
    """Return the pull request whose merge made the pushed commit.

    Raises Refused where there is none: what nobody could read as a plan is not applied.
    """
    sha = event.run.sha
    found = [pull for pull in github.pull_requests_of(sha) if pull.merged]
    exact = [pull for pull in found if pull.merge_commit_sha == sha] or found
    if not exact:
        raise Refused(
            f"No merged pull request belongs to the commit {sha[:12]}, so nothing is applied.",
            hint="Changes reach an environment by pull request. Protect the branch against direct pushes, "
            "and open a pull request that touches the environment: its plan shows what is pending.",
        )
    return exact[-1]


def apply_merged(place: Place, *, digest: str = "") -> Applied:
    """Apply the envelope of the pull request; with ``digest``, the one that was offered under it after the merge.

    Raises Refused where there is no envelope that may be applied, or when the plan made now differs from the one
    that people read: the difference, and a new plan to agree to, are on the pull request then.
    """
    with place.at_work("being applied", "cancelled while it was applied: run it again to see what is left"):
        return _apply_merged(place, digest)


def _apply_merged(place: Place, digest: str) -> Applied:
    site, head = place.site, repository.head(place.site.workspace.root)
    try:
        place.locks.acquire(site.name, place.holder)
        with report.phase(f"Finding the plan of {site.name} for #{place.pull.number}"):
            found = _find(place, digest)
            _check_origin(place, found.manifest, head)
            opened = envelope.unseal(place.envelopes.get(found), site.envelope_key)
        site.store.ensure_bucket(site.environment.state.bucket)
        reasons = _stale(place, opened.manifest, offered=bool(digest))
        reviewed = _made_again(place, opened, reasons, found) if reasons else _as_sealed(place, opened)
    except Stopped:
        raise
    except DogitopsError as error:
        _stop(place, error)
        raise
    reviewed = place.acknowledged(reviewed)
    if digest:  # a maintainer asked for this very digest after having read it
        reviewed = reviewed.acknowledged(reviewed.acknowledged_by or place.event.run.actor)
    if reviewed.refused:
        refusal = Refused(
            f"The plan of {site.name} may not be applied: {reviewed.verdict()}.",
            hint=f"A maintainer acknowledges it with the comment '/dogitops acknowledge {site.name} "
            f"{reviewed.digest[:12]}', and applies it with '/dogitops apply {site.name} {reviewed.digest[:12]}'.",
        )
        _stop(place, refusal)
        raise refusal
    return _apply(place, reviewed, found, tuple(reasons))


def offer(place: Place, read: Review | None, why: str) -> Review:
    """Plan what is pending now, show it next to the plan that was ``read``, and seal it for a maintainer to apply."""
    _, document = plan(place.site)
    now = review(place.site, document, place.base)
    return _offer(place, read, now, (why,), kind="offer")  # beside the comment that tells of the failure


def _find(place: Place, digest: str) -> Found:
    """Return the envelope of the merged head, or the one offered under ``digest``; never by its name alone."""
    site, pull, repo = place.site, place.pull, place.event.run.repository
    every = [
        found
        for found in place.envelopes.find(site.name, pull.number)
        if (found.manifest.repository, found.manifest.environment, found.manifest.pull_request)
        == (repo, site.name, pull.number)
    ]
    if digest:
        fitting = [found for found in every if found.manifest.plan_digest.startswith(digest)]
    else:
        fitting = [found for found in every if found.manifest.head_sha == pull.head_sha]
    if fitting:
        return fitting[0]
    there = f" There is one of the commit {every[0].manifest.head_sha[:12]}." if every else ""
    raise Refused(
        f"There is no plan of {site.name} for #{pull.number} at the commit {pull.head_sha[:12]}"
        f"{f' with the digest {digest}' if digest else ''}, so nothing is applied.{there}",
        hint="It was never made, has expired, or was applied already. The pull request shows what is pending now.",
    )


def _check_origin(place: Place, manifest: Manifest, head: str) -> None:
    """Raise Refused unless the plan was made by our own workflow, for this commit, and not for a fork."""
    if manifest.workflow not in MAKERS or manifest.event not in EVENTS or place.pull.from_fork:
        raise Refused(
            f"The plan of {place.site.name} for #{place.pull.number} can't be trusted: it was made by "
            f"{manifest.workflow} on {manifest.event}{' for a fork' if place.pull.from_fork else ''}.",
            hint=f"Look at run {manifest.run_id}. Nothing was applied.",
        )
    run = place.github.workflow_run(manifest.run_id)
    runs.check_origin(
        run,
        repository=place.event.run.repository,
        workflow=manifest.workflow,
        head_sha=manifest.head_sha,
        events=frozenset({manifest.event}),
    )
    report.note(f"made by run {manifest.run_id} of {run.path} for {manifest.head_sha[:12]} (merged as {head[:12]})")


def _stale(place: Place, manifest: Manifest, *, offered: bool) -> list[str]:
    """Return why the plan can't be applied as it is; empty when nothing has moved since it was made."""
    site = place.site
    site.tofu.init()
    lineage, serial = site.tofu.state_identity()
    reasons = []
    if site.tofu.configuration_digest() != manifest.configuration:
        reasons.append("the configuration is not the one that was planned: the base branch has moved")
    if site.tofu.lock_digest() != manifest.lock_digest:
        reasons.append("the provider lock file is another")
    if site.tofu.version() != manifest.tofu_version:
        reasons.append(f"it was made by OpenTofu {manifest.tofu_version}, and this is {site.tofu.version()}")
    if (lineage, serial) != (manifest.lineage, manifest.serial):
        reasons.append(f"the state has changed since (serial {manifest.serial}, now {serial})")
    if not offered and manifest.head_sha != place.pull.head_sha:
        reasons.append(f"it was made for the commit {manifest.head_sha[:12]}")
    return reasons


def _as_sealed(place: Place, opened: Opened) -> Review:
    """Make the sealed plan the saved one, and review what it does; raise Refused if that is not what was shown.

    What a pull request's own run wrote about its plan is not believed: the plan file itself is read again, here.
    """
    site, manifest = place.site, opened.manifest
    saved = site.tofu.import_plan(opened.files, manifest.model_dump(mode="json"))
    reviewed = review(site, site.tofu.show(saved.path), manifest.base_sha)
    if reviewed.digest == manifest.plan_digest == load(site, opened.files[REVIEW]).digest:
        return reviewed
    site.tofu.discard_plan()
    raise Refused(
        f"The sealed plan of {site.name} for #{place.pull.number} does something else than what was shown: its digest "
        f"is {reviewed.digest[:12]}, and {manifest.plan_digest[:12]} was shown.",
        hint=f"Look at run {manifest.run_id}: somebody who has the key sealed another plan. Nothing was applied.",
    )


def _made_again(place: Place, opened: Opened, reasons: list[str], found: Found) -> Review:
    """Plan again; return the new plan's review if it says the same, else show both and raise Stopped."""
    read = load(place.site, opened.files[REVIEW])
    report.warn(f"The plan that was read is stale: {'; '.join(reasons)}. Planning again to compare.")
    _, document = plan(place.site)
    now = review(place.site, document, place.base)
    if now.digest == opened.manifest.plan_digest:
        report.note("the new plan says the same, to the last attribute: it is applied")
        return now
    _offer(place, read, now, tuple(reasons))
    place.envelopes.remove(found)
    place.site.tofu.discard_plan()
    raise Stopped(
        f"The plan of {place.site.name} that people read is stale ({'; '.join(reasons)}), and a plan made now is "
        "different, so nothing was applied.",
        hint=f"Read the difference on #{place.pull.number}. A maintainer applies the new plan with the comment "
        f"'/dogitops apply {place.site.name} {now.digest[:12]}'.",
    )


def _offer(place: Place, read: Review | None, now: Review, reasons: tuple[str, ...], kind: str = "apply") -> Review:
    expires = place.expires()
    differences = canonical.differences(read.plan, now.plan) if read else ()
    facts = place.facts(now, expires=expires, notes=reasons)
    place.show(comment.stale_comment(now.plan, facts, differences, reasons), digest=now.digest, kind=kind)
    place.seal(now, place.manifest(now, expires, repository.head(place.site.workspace.root)))
    place.set_status("failure", f"stale: a maintainer must agree to the new plan {now.digest[:12]}")
    return now


def _apply(place: Place, reviewed: Review, found: Found, replanned: tuple[str, ...]) -> Applied:
    site, began = place.site, time.monotonic()
    done = Applied(reviewed.digest, replanned=replanned)
    try:
        with report.phase(f"Applying the plan {reviewed.digest[:12]} to {site.name}"):
            done.outcome = site.tofu.apply(site.tofu.saved_plan(site.name))
    except StateLocked as error:
        _stop(place, error)  # nothing was applied: the envelope stays, and the run can be started again
        raise
    except DogitopsError as error:
        place.envelopes.remove(found)
        outcome = site.tofu.outcome
        place.show(
            comment.apply_comment(
                reviewed.plan, place.facts(reviewed, expires=None), outcome, {}, time.monotonic() - began,
                failure=site.redactor.text(error.message),
            ),
            digest=reviewed.digest, kind="apply",
        )  # fmt: skip
        place.set_status("failure", "the apply failed half way")
        _offer_rest(place, reviewed)
        raise
    place.envelopes.remove(found)
    raw = site.tofu.outputs()
    done.outputs = site.outputs()
    facts = place.facts(reviewed, expires=None, notes=replanned)
    body = comment.apply_comment(reviewed.plan, facts, done.outcome, raw, time.monotonic() - began)
    place.show(body, digest=reviewed.digest, kind="apply")
    for earlier in ("plan", "offer"):  # what was read, and what was offered since
        comments.collapse(place.github, place.pull.number, earlier, site.name)
    place.locks.release(site.name, place.holder)
    place.set_status("success", f"applied: {reviewed.verdict()}")
    return done


def _offer_rest(place: Place, reviewed: Review) -> None:
    """After an apply that failed half way, show what is left to do, if it can be planned at all."""
    try:
        offer(place, reviewed, "the apply failed half way: this is what is left to do")
    except DogitopsError as error:
        report.warn(f"What is left to do could not be planned: {error.message}")


def _stop(place: Place, error: DogitopsError) -> None:
    """Tell the pull request that nothing was applied, and why."""
    text = place.site.redactor.text(error.message)
    place.show(
        notices.failure_comment(place.site.name, "nothing was applied", text, error.hint, place.event.run.url),
        kind="apply",
    )
    place.set_status("failure", text.splitlines()[0][:140])
