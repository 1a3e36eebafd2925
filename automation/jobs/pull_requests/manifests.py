"""Manifests: what a change makes of each cluster once Argo CD applies it, shown on the pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from automation import report
from automation.errors import ConfigurationError, did_you_mean
from automation.github import actions, comments
from automation.github.client import GitHub
from automation.github.event import Event, PullRequest
from automation.gitops import comparison, history, promotion, repository
from automation.gitops.comparison import Comparison, sides, words
from automation.gitops.comparison.words import Facts
from automation.gitops.validation import Tools
from automation.gitops.validation.rendering import FILE
from automation.workspace import Workspace

KIND: Final = "manifests"  # of our comments

_FOLDERS: Final = ("gitops", "opentofu/environments")
_DESCRIPTIONS: Final = ("gitops", ":(glob)opentofu/environments/*/environment*.yaml")  # what manifests are made from
_SUMMARY: Final = actions.SUMMARY * 9 // 10  # characters, most of which take one byte
_LEAST: Final = 20_000


@dataclass(frozen=True)
class Compared:
    """A cluster's comparison, with the facts that are told beside it."""

    found: Comparison
    facts: Facts


def compare(workspace: Workspace, since: str, names: Sequence[str], tools: Callable[[], Tools]) -> dict[str, Compared]:
    """Compare what each cluster gets from HEAD with what it got where HEAD left ``since``.

    ``names`` are the clusters to look at; default: all that are described before or after. ``tools`` is called where
    something must be rendered. Raises ConfigurationError for an unknown cluster or commit.
    """
    root = workspace.root
    base, head = history.merge_base(root, since), repository.head(root)
    with ExitStack() as stack:
        trees = {commit: stack.enter_context(history.tree_at(root, commit, *_FOLDERS)) for commit in {base, head}}
        known = sorted({name for tree in trees.values() for name in sides.names(tree)})
        _check(names, known)
        wanted = list(dict.fromkeys(names)) or known
        facts = {name: Facts(name, base, head) for name in wanted}
        if not history.differs(root, base, head, *_DESCRIPTIONS):
            return {name: Compared(Comparison(), facts[name]) for name in wanted}
        have = tools()
        found = {}
        for name in wanted:
            report.doing(name)
            before, _ = _side(root, base, trees[base], name, have)
            after, pin = _side(root, head, trees[head], name, have)
            notes = tuple(_notes(trees[head], name, pin))
            found[name] = Compared(comparison.compare(before, after), replace(facts[name], notes=notes))
        return found


def show(compared: dict[str, Compared], event: Event, github: Callable[[], GitHub]) -> None:
    """Show each cluster's comparison on the pull request of ``event``, and in the step summary.

    One comment a cluster, written in place; where nothing differs there is none, or the earlier one says so. Nothing
    is written for a pull request from a fork: its token may not, and ``github`` is not asked for.
    """
    pull = event.pull_request
    told = {
        name: replace(one, facts=replace(one.facts, run_url=event.run.url, head_sha=_head(one.facts, pull)))
        for name, one in compared.items()
    }
    if pull is not None and not pull.from_fork:
        _comment(told, event, pull, github())
    different = [one for one in told.values() if not one.found.nothing]
    for one in different:
        actions.summary(words.comment(one.found, one.facts, max(_LEAST, _SUMMARY // len(different))))
    if not different:
        actions.summary("No cluster gets anything else than it has.")


def fail(compared: dict[str, Compared]) -> None:
    """Raise ConfigurationError where an application can't be rendered any more."""
    broken = [
        f"  {name}: {application or 'table of contents'}: {why}"
        for name, one in compared.items()
        for application, why in one.found.broken
    ]
    if broken:
        raise ConfigurationError(
            "After this change not all of it can be rendered:\n" + "\n".join(broken),
            hint="'dogitops gitops validate' says the file and the line.",
        )


def _head(facts: Facts, pull: PullRequest | None) -> str:
    """Return the commit that was pushed: what is checked out is its merge, which nobody knows by name."""
    return pull.head_sha if pull is not None else facts.head_sha


def _comment(told: dict[str, Compared], event: Event, pull: PullRequest, github: GitHub) -> None:
    written = [comments.read(comment.body) for comment in github.comments(pull.number)]
    before = {one.header.environment for one in written if one is not None and one.header.kind == KIND}
    run = event.run
    for name, one in told.items():
        if one.found.nothing and not (name in before and comments.find(github, pull.number, KIND, name)):
            continue
        body = words.nothing_comment(one.facts) if one.found.nothing else words.comment(one.found, one.facts)
        header = comments.Header(KIND, name, "", pull.head_sha, run.run_id, run.run_attempt)
        comments.upsert(github, pull.number, header, body)


def _check(names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"There is no cluster {name!r} in gitops/clusters, neither before nor after."
                f"{did_you_mean(name, known)}",
                hint=f"Known: {', '.join(known) or 'none'}.",
            )


def _side(root: Path, commit: str, tree: Path, name: str, tools: Tools) -> tuple[comparison.Side | None, str]:
    """Return what a cluster gets from a commit, and the other commit that it is pinned to, if it is."""
    if name not in sides.names(tree):
        return None, ""
    with _as_read(root, commit, tree, name) as (read, pin):
        return sides.side(read, name, tools), pin


@contextmanager
def _as_read(root: Path, commit: str, tree: Path, name: str) -> Iterator[tuple[Path, str]]:
    """Give the files as the cluster reads them: a pinned one reads most of them from another commit."""
    path = sides.path_of(tree, name)
    file = tree / path / FILE
    pin = promotion.pin_of(file.read_text(errors="replace")) if file.is_file() else None
    if pin is None or pin.commit is None:
        yield tree, ""
        return
    repository.text_at(root, pin.commit, "")  # raises where the commit is not in this clone
    with history.as_argocd_reads(root, path, commit, pin.commit) as pinned:
        yield pinned, pin.commit


def _notes(tree: Path, name: str, pin: str) -> Iterator[str]:
    if pin:
        yield (
            f"{name} runs the commit {pin[:12]}, which its table of contents pins: whatever else this pull request "
            "changes reaches it by promotion."
        )
    if name in sides.names(tree) and not sides.in_use(tree, name):
        yield f"opentofu/environments/{name} has no environment.yaml: the cluster is described, but not in use."
