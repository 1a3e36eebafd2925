"""What people and jobs do: push, open, merge, close, comment. Routes and drivers of tests share these."""

from __future__ import annotations

from typing import Literal

from automation.simulators.github import events, pull_requests
from automation.simulators.github.answers import ApiError, invalid
from automation.simulators.github.git import NOTHING, Conflict, Person
from automation.simulators.github.model import Comment, Issue, Pull, Repository, Token
from automation.simulators.github.shapes import people
from automation.simulators.github.world import World

Method = Literal["merge", "squash", "rebase"]
METHODS: dict[str, Method] = {"merge": "merge", "squash": "squash", "rebase": "rebase"}


def follow(world: World, repository: Repository) -> None:
    """Note what was pushed behind our back: heads that moved, bases that moved, branches that are gone."""
    waiting = [issue for issue in repository.issues if issue.pull is not None and issue.state == "open"]
    if not waiting:
        return
    git = world.git(repository)
    heads: dict[str, dict[str, str]] = {}  # of each repository, read once: this runs before many requests
    for issue in waiting:
        pull = pull_requests.part(issue)
        for name in (repository.full_name, pull.head_repository):
            known = world.store.repository(name or "")
            if name is not None and name not in heads:
                heads[name] = world.git(known).heads() if known is not None else {}
        head = heads.get(pull.head_repository or "", {}).get(pull.head_ref)
        base = heads[repository.full_name].get(pull.base_ref)
        if head is None or base is None:
            _close(world, repository, issue, login=issue.login, token=None)
        elif head != pull.head_sha:
            _synchronize(world, repository, issue, head, login=issue.login, token=None)
        elif base != pull.tested_base:
            if git.is_ancestor(pull.head_sha, base):
                _mark_merged(world, repository, issue, base, login=repository.owner, token=None)
            else:
                pull_requests.test_merge(git, issue.number, pull, world.store.seconds())


def open_pull(
    world: World,
    repository: Repository,
    *,
    head: str,
    base: str,
    title: str,
    login: str,
    body: str | None = None,
    draft: bool = False,
    token: Token | None = None,
) -> Issue:
    """Open a pull request; ``head`` is a branch here or ``owner:branch`` of a fork. Raises the 422s."""
    source, branch = _head(world, repository, head)
    head_sha = world.git(source).branch(branch) if source is not None else None
    base_sha = world.git(repository).branch(base)
    if source is None or head_sha is None:
        raise invalid("PullRequest", "head", "invalid")
    if base_sha is None:
        raise invalid("PullRequest", "base", "invalid")
    for issue in repository.issues:
        pull = issue.pull
        same = pull is not None and (pull.head_repository, pull.head_ref, pull.base_ref)
        if issue.state == "open" and same == (source.full_name, branch, base):
            raise _custom(f"A pull request already exists for {source.owner}:{branch}.")
    pull = Pull(branch, source.full_name, head_sha, base, base_sha, draft)
    number = repository.next_number
    pull_requests.take_head(world, repository, number, pull)
    if world.git(repository).is_ancestor(head_sha, base_sha):
        for name in ("head", "merge"):
            world.git(repository).delete_ref(f"refs/pull/{number}/{name}")
        raise _custom(f"No commits between {base} and {head}")
    issue = new_issue(world, repository, title, login, body)
    issue.pull = pull
    events.of_pull(world, "opened", repository, issue, login=login, token=token)
    return issue


def new_issue(world: World, repository: Repository, title: str, login: str, body: str | None) -> Issue:
    """Make an issue with the next number."""
    now = world.store.now()
    issue = Issue(world.store.new_id(), repository.next_number, title, login, now, now, body)
    repository.next_number += 1
    repository.issues.append(issue)
    return issue


def moved(
    world: World,
    repository: Repository,
    ref: str,
    before: str | None,
    after: str | None,
    *,
    login: str,
    token: Token | None = None,
) -> None:
    """Note that a ref moved: tell of the push, and let the pull requests of that branch follow."""
    if not ref.startswith(("refs/heads/", "refs/tags/")):
        return
    events.of_push(world, repository, ref, before or NOTHING, after or NOTHING, login=login, token=token)
    for other in world.store.state.repositories:
        for issue in other.issues:
            pull = issue.pull
            if pull is None or issue.state != "open" or pull.head_repository != repository.full_name:
                continue
            if ref == f"refs/heads/{pull.head_ref}" and after is not None and after != pull.head_sha:
                _synchronize(world, other, issue, after, login=login, token=token)
    follow(world, repository)


def merge(
    world: World,
    repository: Repository,
    issue: Issue,
    *,
    login: str,
    method: Method = "merge",
    sha: str | None = None,
    title: str | None = None,
    message: str | None = None,
    token: Token | None = None,
) -> str:
    """Merge a pull request and return the commit that the base branch is then at. Raises the 405 and the 409."""
    follow(world, repository)
    pull, git = pull_requests.part(issue), world.git(repository)
    if sha is not None and sha != pull.head_sha:
        raise ApiError(409, "Head branch was modified. Review and try the merge again.")
    if pull.draft and issue.state == "open":
        raise ApiError(405, "Pull Request is still a draft")
    base = git.branch(pull.base_ref)
    if issue.state != "open" or not pull.mergeable or base is None:
        raise ApiError(405, "Pull Request is not mergeable")
    who = world.person(world.store.ensure_user(login))
    committer = Person(*pull_requests.GITHUB, who.seconds)
    tree = git.merged_tree(base, pull.head_sha) or ""
    try:
        if method == "rebase":
            after = git.rebased(base, pull.head_sha, committer)
        elif method == "squash":
            text = f"{title or f'{issue.title} (#{issue.number})'}\n\n{message or ''}".strip()
            author = world.person(world.store.ensure_user(issue.login))
            after = git.write_commit(tree, [base], text, author, committer)
        else:
            owner = (pull.head_repository or repository.full_name).partition("/")[0]
            first = title or f"Merge pull request #{issue.number} from {owner}/{pull.head_ref}"
            text = f"{first}\n\n{issue.title if message is None else message}".strip()
            after = git.write_commit(tree, [base, pull.head_sha], text, who, committer)
        git.set_ref(f"refs/heads/{pull.base_ref}", after, old=base)
    except Conflict as error:
        raise ApiError(405, f"Pull Request is not mergeable: {error}") from error
    pull.base_sha = base  # what it was merged into, so that its files stay what they were
    _mark_merged(world, repository, issue, after, login=login, token=token)
    moved(world, repository, f"refs/heads/{pull.base_ref}", base, after, login=login, token=token)
    return after


def set_state(
    world: World,
    repository: Repository,
    issue: Issue,
    state: str,
    login: str,
    *,
    reason: str | None = None,
    token: Token | None = None,
) -> None:
    """Close or reopen an issue or a pull request. Raises the 422 for a pull request that can't be reopened."""
    if state == issue.state:
        if state == "closed" and reason:
            issue.state_reason = reason
        return
    if state == "closed":
        _close(world, repository, issue, login=login, token=token, reason=reason)
        return
    if issue.pull is not None:
        head = pull_requests.head_now(world, issue.pull)
        if issue.pull.merged or head is None:
            raise invalid(
                "PullRequest", "state", "invalid", "state cannot be changed. The branch was merged or deleted."
            )
        issue.pull.head_sha = head
        pull_requests.take_head(world, repository, issue.number, issue.pull)
    issue.state, issue.closed_at, issue.closed_by = "open", None, None
    issue.state_reason = None if issue.pull else "reopened"
    issue.updated_at = world.store.now()
    tell = events.of_pull if issue.pull else events.of_issue
    tell(world, "reopened", repository, issue, login=login, token=token)


def comment(
    world: World, repository: Repository, issue: Issue, body: str, login: str, *, token: Token | None = None
) -> Comment:
    """Comment on an issue or a pull request."""
    now = world.store.now()
    made = Comment(world.store.new_id(), issue.number, login, body, now, now)
    repository.comments.append(made)
    issue.updated_at = now
    events.of_comment(world, "created", repository, made, login=login, token=token)
    return made


def edit_comment(
    world: World, repository: Repository, made: Comment, body: str, login: str, *, token: Token | None = None
) -> None:
    """Change a comment's text; its updated_at tells that it was edited."""
    made.body, made.updated_at = body, world.store.now()
    events.of_comment(world, "edited", repository, made, login=login, token=token)


def delete_comment(
    world: World, repository: Repository, made: Comment, login: str, *, token: Token | None = None
) -> None:
    """Remove a comment."""
    events.of_comment(world, "deleted", repository, made, login=login, token=token)
    repository.comments.remove(made)


def set_labels(
    world: World,
    repository: Repository,
    issue: Issue,
    names: list[str],
    login: str,
    *,
    token: Token | None = None,
) -> None:
    """Give an issue or a pull request these labels and no others."""
    before, issue.labels = issue.labels, world.ensure_labels(repository, names)
    tell = events.of_pull if issue.pull else events.of_issue
    for action, changed in (
        ("labeled", [name for name in issue.labels if name not in before]),
        ("unlabeled", [name for name in before if name not in issue.labels]),
    ):
        for name in changed:
            event = tell(world, action, repository, issue, login=login, token=token)
            event.payload["label"] = people.label(world.show(), repository, name)
    issue.updated_at = world.store.now()


def _synchronize(
    world: World, repository: Repository, issue: Issue, head: str, *, login: str, token: Token | None
) -> None:
    pull = pull_requests.part(issue)
    before, pull.head_sha = pull.head_sha, head
    pull_requests.take_head(world, repository, issue.number, pull)
    issue.updated_at = world.store.now()
    if world.git(repository).is_ancestor(head, pull.base_sha):  # everything in it came to the base by another way
        _mark_merged(world, repository, issue, pull.base_sha, login=login, token=token)
        return
    events.of_pull(world, "synchronize", repository, issue, login=login, token=token, before=before, after=head)


def _close(
    world: World, repository: Repository, issue: Issue, *, login: str, token: Token | None, reason: str | None = None
) -> None:
    issue.state, issue.closed_by = "closed", login
    issue.closed_at = issue.updated_at = world.store.now()
    if issue.pull is None:
        issue.state_reason = reason or "completed"
    tell = events.of_pull if issue.pull else events.of_issue
    tell(world, "closed", repository, issue, login=login, token=token)


def _mark_merged(
    world: World, repository: Repository, issue: Issue, sha: str, *, login: str, token: Token | None
) -> None:
    pull = pull_requests.part(issue)
    pull.merged, pull.merged_by, pull.merge_commit_sha = True, login, sha
    pull.merged_at = world.store.now()
    world.git(repository).delete_ref(f"refs/pull/{issue.number}/merge")
    _close(world, repository, issue, login=login, token=token)


def _head(world: World, repository: Repository, head: str) -> tuple[Repository | None, str]:
    owner, colon, branch = head.partition(":")
    if not colon:
        return repository, head
    if owner.lower() == repository.owner.lower():
        return repository, branch
    forks = [it for it in world.store.state.repositories if it.fork_of == repository.full_name]
    return next((fork for fork in forks if fork.owner.lower() == owner.lower()), None), branch


def _custom(message: str) -> ApiError:
    return ApiError(
        422, "Validation Failed", errors=[{"resource": "PullRequest", "code": "custom", "message": message}]
    )
