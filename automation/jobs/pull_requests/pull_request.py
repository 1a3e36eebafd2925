"""A pull request: its plan is locked, made, reviewed, shown, and sealed; when it is closed, all that is taken back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from automation import report
from automation.errors import ConfigurationError, DogitopsError, Refused
from automation.github import actions, commands, comments, runs
from automation.github.client import GitHub
from automation.github.event import Event, PullRequest
from automation.github.problems import NotFound
from automation.gitops import repository
from automation.jobs.infrastructure.plan import plan
from automation.jobs.infrastructure.review import Review, review
from automation.jobs.pull_requests import locks
from automation.jobs.pull_requests.plans import side_by_side
from automation.jobs.sites import open_site
from automation.locks import EnvironmentLocks, Holder, LockHeld
from automation.opentofu import comment, envelope
from automation.opentofu.comment import notices
from automation.opentofu.comment.facts import Facts
from automation.opentofu.envelope import Manifest
from automation.opentofu.envelope.store import Envelopes, FolderEnvelopes
from automation.site import Site

STATUS = "dogitops"
REVIEW = "review.json"
WORKFLOW = ".github/workflows/plan.yml"
_ARTIFACTS = "DOGITOPS_ARTIFACTS"  # folder that the workflow keeps as an artifact


@dataclass
class Place:
    """Where one environment meets one pull request: the comment, the status, the lock and the envelope of it."""

    site: Site
    event: Event
    github: GitHub
    pull: PullRequest

    @property
    def holder(self) -> Holder:
        """The pull request as the holder of a lock."""
        run = self.event.run
        return Holder(run.repository, self.pull.number, run.actor, run.url)

    @cached_property
    def locks(self) -> EnvironmentLocks:
        """Locks in the state's bucket, or on GitHub where the store ignores conditional writes."""
        return locks.keeper(self.site, self.github)

    @cached_property
    def envelopes(self) -> Envelopes | FolderEnvelopes:
        """Where envelopes wait: the state's bucket, or the folder that the workflow keeps as an artifact."""
        if self.site.environment.plans.kept_in == "bucket":
            return self.site.envelopes
        told = os.environ.get(_ARTIFACTS)
        if not told:
            raise ConfigurationError(
                f"{self.site.name} keeps its plans as artifacts, but the variable {_ARTIFACTS} is not set.",
                hint="It names the folder that the workflow uploads; plan.yml and apply.yml set it.",
            )
        folder = Path(told)
        if self.event.run.event_name != "pull_request":
            self._fetch(folder)
        return FolderEnvelopes(folder)

    def _fetch(self, folder: Path) -> None:
        """Fetch what earlier runs kept as artifacts; our own comments name those runs."""
        for kind in ("plan", "apply", "offer"):
            found = comments.find(self.github, self.pull.number, kind, self.site.name)
            written = comments.read(found.body) if found else None
            if written is None or not written.header.run_id:
                continue
            header = written.header
            try:
                kept = runs.find(self.github, header.run_id, f"plan-{self.site.name}-{header.run_attempt}")
            except NotFound:
                continue
            for name, content in runs.download(self.github, kept).items():
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                (folder / Path(name).name).write_bytes(content)

    def show(self, body: str, *, digest: str = "", kind: str = "plan") -> bool:
        """Write the environment's comment of ``kind``, and the step summary.

        Return False where a later run has written the comment already, which then stays.
        """
        run = self.event.run
        header = comments.Header(kind, self.site.name, digest, self.pull.head_sha, run.run_id, run.run_attempt)
        settled = comments.read(comments.upsert(self.github, self.pull.number, header, body).body)
        actions.summary(body)
        return settled is not None and settled.order <= (run.run_id, run.run_attempt)

    def set_status(self, state: str, description: str) -> None:
        """Set the environment's commit status, and the one that stands for all environments together."""
        github, sha = self.github, self.pull.head_sha
        github.set_status(sha, f"{STATUS}/{self.site.name}", state, description, self.event.run.url)
        aggregate(github, sha, self.event.run.url)

    @contextmanager
    def at_work(self, doing: str, cancelled: str) -> Iterator[None]:
        """Set the status to pending; to failed, where the run is cancelled meanwhile and has but seconds to say so."""
        self.set_status("pending", doing)
        try:
            yield
        except KeyboardInterrupt:
            self.set_status("failure", cancelled)
            raise

    def acknowledged(self, reviewed: Review) -> Review:
        """Return the review with the acknowledgement that a maintainer gave for its digest, if any."""
        if not reviewed.findings:
            return reviewed
        found = commands.acknowledgement(self.github, self.pull.number, self.site.name, reviewed.digest)
        return reviewed.acknowledged(commands.acknowledged_by(found, self.pull) if found else None)

    def facts(self, reviewed: Review, *, expires: datetime | None, notes: tuple[str, ...] = ()) -> Facts:
        """Return what the comment says beside the plan itself."""
        return Facts(
            environment=self.site.name,
            digest=reviewed.digest,
            run_url=self.event.run.url,
            head_sha=self.pull.head_sha,
            findings=reviewed.findings,
            acknowledged_by=reviewed.acknowledged_by,
            policy=reviewed.policy,
            cost=reviewed.cost,
            notes=notes,
            expires=expires,
        )

    @cached_property
    def base(self) -> str:
        """The commit that the pull request is planned against."""
        return repository.base_of(self.site.workspace.root, self.pull.head_sha, self.pull.base_sha)

    def manifest(self, reviewed: Review, expires: datetime, head_sha: str | None = None) -> Manifest:
        """Return what binds the plan that was just made to where it came from."""
        site, run = self.site, self.event.run
        lineage, serial = site.tofu.state_identity()
        return Manifest(
            repository=run.repository,
            pull_request=self.pull.number,
            head_sha=head_sha or self.pull.head_sha,
            base_sha=self.base,
            tree=repository.tree(site.workspace.root),
            environment=site.name,
            tofu_version=site.tofu.version(),
            lock_digest=site.tofu.lock_digest(),
            configuration=site.tofu.configuration_digest(),
            lineage=lineage,
            serial=serial,
            plan_digest=reviewed.digest,
            created=datetime.now(UTC),
            expires=expires,
            run_id=run.run_id,
            run_attempt=run.run_attempt,
            workflow=run.workflow,
            event=run.event_name,
        )

    def seal(self, reviewed: Review, manifest: Manifest) -> None:
        """Seal the saved plan in an envelope, which takes the place of the pull request's earlier ones."""
        files = {**self.site.tofu.export_plan(), REVIEW: reviewed.dump()}
        self.envelopes.put(envelope.seal(manifest, files, self.site.envelope_key))

    def expires(self) -> datetime:
        """Return until when a plan that is made now may be applied."""
        return datetime.now(UTC) + timedelta(hours=self.site.environment.plans.expire_hours)


def propose(place: Place) -> Review:
    """Plan the environment for the pull request and show the plan there.

    The comment comes before the envelope: what nobody could read can't be applied.
    Raises LockHeld while another pull request holds the environment; every failure is told on the pull request too.
    """
    with place.at_work("being planned", "cancelled while it was planned: run it again"):
        return _propose(place)


def _propose(place: Place) -> Review:
    site = place.site
    try:
        with report.phase(f"Locking {site.name}"):
            place.locks.acquire(site.name, place.holder)
        _, document = plan(site)
        reviewed = place.acknowledged(review(site, document, place.base))
        expires = place.expires()
        with report.phase(f"Showing the plan of {site.name}"):
            body = comment.plan_comment(reviewed.plan, place.facts(reviewed, expires=expires))
            newest = place.show(body, digest=reviewed.digest)
            _annotate(reviewed)
            if newest:
                place.seal(reviewed, place.manifest(reviewed, expires))
    except DogitopsError as error:
        _tell_failure(place, error)
        raise
    finally:
        site.tofu.discard_plan()
    if newest:
        place.set_status("failure" if reviewed.refused else "success", reviewed.verdict())
    else:
        report.warn(f"A later run has planned {site.name} for #{place.pull.number} already: its plan stays.")
    return reviewed


def propose_all(names: Sequence[str], event: Event, github: GitHub) -> dict[str, Review]:
    """Plan each environment for the pull request of ``event``. Raises Refused when a plan may not be applied."""
    pull = event.pull_request
    if pull is None or pull.from_fork:
        raise Refused(
            "A pull request from a fork is not planned: planning runs its code, with this repository's secrets.",
            hint="A maintainer pushes its commits to a branch of this repository after having read them.",
        )
    reviews = side_by_side(names, lambda name: propose(Place(open_site(name), event, github, pull)))
    refused = {name: reviewed for name, reviewed in reviews.items() if reviewed.refused}
    if refused:
        raise Refused(
            "; ".join(f"{name}: {reviewed.verdict()}" for name, reviewed in refused.items()) + ".",
            hint="The comment on the pull request says what is lost, and how a maintainer acknowledges it.",
        )
    return reviews


def close(place: Place) -> bool:
    """Give back what a closed pull request holds: lock and envelopes; return whether it held the lock."""
    held = place.locks.release(place.site.name, place.holder)
    for found in place.envelopes.find(place.site.name, place.pull.number):
        place.envelopes.remove(found)
    comments.collapse(place.github, place.pull.number, "plan", place.site.name)
    return held


def announce(event: Event, github: GitHub, environments: list[str]) -> None:
    """Say on the pull request's head which environments are going to be planned, so that none is merged unread."""
    if event.pull_request is None or event.pull_request.from_fork:
        return
    sha, url = event.pull_request.head_sha, event.run.url
    for name in environments:
        github.set_status(sha, f"{STATUS}/{name}", "pending", "waiting for its plan", url)
    aggregate(github, sha, url)


def aggregate(github: GitHub, sha: str, url: str) -> None:
    """Set the status ``dogitops`` from those of the environments: the one that branch protection asks for."""
    states = {
        context.removeprefix(f"{STATUS}/"): state
        for context, state in github.statuses(sha).items()
        if context.startswith(f"{STATUS}/")
    }
    bad = sorted(name for name, state in states.items() if state in {"failure", "error"})
    open_ones = sorted(name for name, state in states.items() if state == "pending")
    if bad:
        github.set_status(sha, STATUS, "failure", f"not ready: {', '.join(bad)}"[:140], url)
    elif open_ones:
        github.set_status(sha, STATUS, "pending", f"waiting for {', '.join(open_ones)}"[:140], url)
    else:
        told = f"planned: {', '.join(sorted(states))}" if states else "no environment is touched"
        github.set_status(sha, STATUS, "success", told[:140], url)


def _tell_failure(place: Place, error: DogitopsError) -> None:
    """Tell the pull request why there is no plan; an earlier plan of it may not be applied any more."""
    if not isinstance(error, LockHeld):
        for found in place.envelopes.find(place.site.name, place.pull.number):
            place.envelopes.remove(found)
    text = place.site.redactor.text(error.message)
    place.show(notices.failure_comment(place.site.name, "not planned", text, error.hint, place.event.run.url))
    place.set_status("failure" if isinstance(error, Refused) else "error", text.splitlines()[0][:140])


def _annotate(reviewed: Review) -> None:
    actions.annotate(
        actions.Annotation(
            "error" if result.severity == "failure" else "notice" if result.waived else "warning",
            result.message, title=result.rule, file=result.file, line=result.line,
        )
        for result in reviewed.policy
    )  # fmt: skip
