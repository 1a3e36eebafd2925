"""Promote: bring to one stage what proved itself on the stage before it, by a pull request that shows all of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from automation import report
from automation.errors import ConfigurationError, DogitopsError
from automation.github import comments, pulls
from automation.github.client import GitHub
from automation.gitops import argocd, comparison, history, promotion, repository, validation
from automation.gitops.comparison import Comparison, sides, words
from automation.gitops.installation import ROOT, folder
from automation.gitops.promotion import Change, Pin
from automation.gitops.validation.rendering import FILE
from automation.jobs.sites import open_site
from automation.site import Site
from automation.workspace import Workspace

_COMMENT = 60_000  # characters of 65,536 that GitHub takes; the rest is header and a notice
_SHOWN = 10  # findings that are named


@dataclass(frozen=True)
class Health:
    """What the stage before runs (``revision``, empty where it is not one commit), and what is not as it should be."""

    revision: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A promotion that could be proposed: the new table of contents, and what it does to the cluster."""

    source: str
    target: str
    base: str
    before: Pin
    after: Pin
    contents: str
    changes: tuple[Change, ...]
    found: Comparison
    notes: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether the target runs all of it already, at a commit of its own."""
        return not self.changes and self.found.nothing and self.before.commit is not None

    @property
    def markdown(self) -> str:
        """What will change, for the pull request."""
        head = f"{self._head}\n\n{words.counts(self.found) or 'No object of the cluster changes.'}"
        body, left_out = words.told(self.found, _COMMENT - len(head))
        more = (
            f"Left out here: {', '.join(left_out)}. `dogitops promote --dry-run` prints all of it." if left_out else ""
        )
        return "\n\n".join(part for part in (head, more, body) if part)

    @property
    def text(self) -> str:
        """What will change, all of it, for a terminal."""
        return f"{self._head}\n\n{words.plain(self.found, self.target)}"

    @property
    def _head(self) -> str:
        rows = [f"| `{one.application}` | {one.what} |" for one in self.changes]
        was = f"`{self.before.revision[:12]}`" if self.before.commit else "its branch, as it moves"
        head = [
            f"### {self.target} gets what {self.source} runs",
            f"{self.target} runs {was}; after the merge it runs `{self.after.revision[:12]}`.",
            *(f"> [!WARNING]\n> {note}" for note in self.notes),
            *(["| application | change |\n| --- | --- |\n" + "\n".join(rows)] if rows else []),
        ]
        return "\n\n".join(head)


def health(site: Site) -> Health:
    """Ask the stage's cluster what it runs, and whether all of it is Synced and Healthy."""
    try:
        states = argocd.applications(site.kube)
    except DogitopsError as error:
        return Health(problems=(f"{site.name} could not be asked how it is: {error.message}",))
    if not states:
        return Health(problems=(f"{site.name} runs no applications.",))
    bad = tuple(f"{site.name}: {state}." for state in states if not state.done)
    revisions = {state.revision for state in states if len(state.revision) == 40}  # noqa: PLR2004 - a commit
    if len(revisions) > 1:
        bad = (*bad, f"{site.name} runs more than one commit: {', '.join(sorted(one[:12] for one in revisions))}.")
    return Health(revisions.pop() if len(revisions) == 1 else "", bad)


def health_of(workspace: Workspace, name: str) -> Health:
    """Return the health of a stage; one that is not in use can't be asked, which is said."""
    try:
        return health(open_site(name, workspace=workspace))
    except DogitopsError as error:
        return Health(problems=(f"{name} could not be asked how it is: {error.message}",))


def prepare(
    workspace: Workspace, source: str, target: str, *, base: str, told: Health, tools: validation.Tools
) -> Prepared:
    """Make the promotion of what the commit ``base`` describes, without changing anything.

    Raises ConfigurationError for unknown stages, uncommitted changes and what would not be valid, Refused for a
    promotion that skips a stage.
    """
    root = workspace.root
    order = promotion.stages(root)
    promotion.check_order(order, source, target)
    uncommitted = repository.uncommitted(root, "gitops")
    if uncommitted:
        raise ConfigurationError(
            f"Changes in gitops/ are in no commit, so no cluster runs them: {', '.join(uncommitted[:5])}",
            hint="Commit them, or put them aside.",
        )
    files = {name: f"{folder(name)}/{FILE}" for name in (source, target)}
    texts = {name: _text(root, base, file) for name, file in files.items()}
    pin = promotion.pin_of(texts[target]) or Pin("HEAD")
    if source == order[0]:  # it follows the branch: what it really runs, where it could be asked
        revision = told.revision if told.revision and history.is_in(root, told.revision, base) else base
    else:
        revision = _pinned(promotion.pin_of(texts[source]), source)
    since = pin.at if pin.source == source and history.is_in(root, pin.at, base) else None
    since = since or history.last_change(root, base, files[target])
    before = repository.text_at(root, since, files[source]) if since else None
    made = promotion.promote(
        texts[target],
        texts[source],
        before,
        names=(source, target),
        exists=lambda path: history.has(root, base, f"{path}/{FILE}"),
    )
    after = Pin(revision, source, base)
    text = promotion.pinned(made.text, after)
    with history.as_argocd_reads(root, folder(target), base, pin.commit or base) as tree:
        old = sides.side(tree, target, tools)
    with history.as_argocd_reads(root, folder(target), base, revision, text) as tree:
        _must_be_valid(tree, target, tools)
        new = sides.side(tree, target, tools)
    found = comparison.compare(old, new)
    # What becomes of the table of contents itself stands above, line by line.
    found = replace(found, differences=tuple(one for one in found.differences if one.application != ROOT))
    return Prepared(source, target, base, pin, after, text, made.changes, found, told.problems)


def propose(workspace: Workspace, prepared: Prepared, github: GitHub, branch: str) -> pulls.Opened:
    """Open the pull request for a promotion, or bring the open one up to date, and show there what it does."""
    source, target = prepared.source, prepared.target
    title = f"Promote {source} to {target}"
    file = f"{folder(target)}/{FILE}"
    words = "\n".join(f"{one.application}: {one.what}" for one in prepared.changes)
    message = f"{title}\n\n{words}".strip()
    head = f"promote/{source}-to-{target}"
    commit = history.commit_file(workspace.root, prepared.base, file, prepared.contents, message)
    history.push(workspace.root, commit, head)
    body = (
        f"Brings to `{target}` what `{source}` runs. What changes in the cluster stands in the comment below; "
        f"`dogitops promote {source} {target}` brings this pull request up to date."
    )
    opened = pulls.open_or_update(github, head=head, base=branch, title=title, body=body)
    header = comments.Header("promotion", target, head_sha=commit)
    comments.upsert(github, opened.number, header, prepared.markdown)
    return opened


def _text(root: Path, commit: str, file: str) -> str:
    found = repository.text_at(root, commit, file)
    if found is None:
        raise ConfigurationError(f"{file} is not in the commit {commit[:12]}.", hint="Commit and push it first.")
    return found + "\n"


def _pinned(pin: Pin | None, name: str) -> str:
    if pin is None or pin.commit is None:
        raise ConfigurationError(
            f"{name} follows its branch: nothing was promoted to it yet.",
            hint="Promote to it first; what runs there is what goes further.",
        )
    return pin.commit


def _must_be_valid(tree: Path, name: str, tools: validation.Tools) -> None:
    found = validation.validate(tree, [name], tools)
    if found.findings:
        told = "\n".join(f"  {one.place}: {one.message}" for one in found.findings[:_SHOWN])
        raise ConfigurationError(
            f"{name} would not be as it must be after the promotion:\n{told}",
            hint=f"Correct it on the branch first; 'dogitops gitops validate {name}' looks at the same.",
        )
    for line in found.unchecked:
        report.note(f"not checked: {line}")
