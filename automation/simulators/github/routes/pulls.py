"""Pull requests: list, open, change, merge, their files, commits and reviews."""

from __future__ import annotations

from automation.simulators.github import deeds, events, pull_requests
from automation.simulators.github.answers import BODY_LIMIT, Answer, ApiError, invalid, not_found
from automation.simulators.github.model import Issue, Review
from automation.simulators.github.routing import Context, Routes
from automation.simulators.github.shapes import code, people, talk

routes = Routes()
READ, WRITE = "pull_requests:read", "pull_requests:write"
PULL = "/repos/{owner}/{repo}/pulls/{number}"
MOST_FILES = 3_000  # docs.github.com/rest/pulls/pulls#list-pull-requests-files
_SORTS = {"created": "created_at", "updated": "updated_at", "popularity": "number", "long-running": "created_at"}
_REVIEWS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def _pull(it: Context) -> Issue:
    deeds.follow(it.world, it.repo)
    return it.world.issue(it.repo, it.call.number("number"), pull=True)


def _whole(it: Context, issue: Issue) -> Answer:
    return Answer(talk.pull(it.show, it.repo, issue, pull_requests.counts(it.world, it.repo, issue)))


@routes("GET", "/repos/{owner}/{repo}/pulls", needs=READ)
def pulls(it: Context) -> Answer:
    """List pull requests: the open ones, newest first, if nothing else is asked for."""
    deeds.follow(it.world, it.repo)
    query = it.call.query
    state, base, head = query.get("state", "open"), query.get("base"), query.get("head")
    found = []
    for issue in it.repo.issues:
        pull = issue.pull
        if pull is None or state not in {issue.state, "all"} or (base and pull.base_ref != base):
            continue
        owner = (pull.head_repository or it.repo.full_name).partition("/")[0]
        if head and head.lower() != f"{owner}:{pull.head_ref}".lower():
            continue
        found.append(issue)
    sort = _SORTS.get(query.get("sort", "created"), "created_at")
    direction = query.get("direction", "desc" if query.get("sort", "created") == "created" else "asc")
    found.sort(key=lambda issue: (getattr(issue, sort), issue.number), reverse=direction == "desc")
    return it.call.page([talk.pull(it.show, it.repo, issue) for issue in found])


@routes("POST", "/repos/{owner}/{repo}/pulls", needs=WRITE, role="read")
def open_pull(it: Context) -> Answer:
    """Open a pull request."""
    issue = deeds.open_pull(
        it.world,
        it.repo,
        head=it.call.needed("head", "PullRequest"),
        base=it.call.needed("base", "PullRequest"),
        title=it.call.needed("title", "PullRequest"),
        body=it.call.text("body", "PullRequest", limit=BODY_LIMIT),
        draft=it.call.fields().get("draft") is True,
        login=it.login,
        token=it.token,
    )
    answer = _whole(it, issue)
    return Answer(answer.body, 201, {"Location": answer.body["url"]})


@routes("GET", PULL, needs=READ)
def pull(it: Context) -> Answer:
    """One pull request, or its diff when the Accept header asks for that."""
    issue = _pull(it)
    if "diff" in it.call.headers.get("accept", ""):
        text = pull_requests.patch(it.world, it.repo, issue)
        return Answer(text.encode(), headers={"Content-Type": "application/vnd.github.diff; charset=utf-8"})
    return _whole(it, issue)


@routes("PATCH", PULL, needs=WRITE, role="read")
def edit_pull(it: Context) -> Answer:
    """Change title, text, base or state."""
    issue = _pull(it)
    if it.login != issue.login and it.role in {"none", "read"} and it.token and it.token.permissions is None:
        raise ApiError(403, "Must have push access to repository")
    title, body = it.call.text("title", "PullRequest"), it.call.text("body", "PullRequest", limit=BODY_LIMIT)
    state, base = it.call.text("state", "PullRequest"), it.call.text("base", "PullRequest")
    if state not in {None, "open", "closed"}:
        raise invalid("PullRequest", "state", "invalid")
    if base is not None and base != pull_requests.part(issue).base_ref:
        if it.world.git(it.repo).branch(base) is None:
            raise invalid("PullRequest", "base", "invalid")
        pull_requests.part(issue).base_ref = base
        pull_requests.take_head(it.world, it.repo, issue.number, pull_requests.part(issue))
    if title is not None or body is not None:
        issue.title, issue.body = title or issue.title, issue.body if body is None else body
        events.of_pull(it.world, "edited", it.repo, issue, login=it.login, token=it.token)
    issue.updated_at = it.world.store.now()
    if state is not None:
        deeds.set_state(it.world, it.repo, issue, state, it.login, token=it.token)
    return _whole(it, issue)


@routes("PUT", f"{PULL}/update-branch", needs=WRITE)
def update_branch(it: Context) -> Answer:
    """Merge the base into the head."""
    issue = _pull(it)
    part, git = pull_requests.part(issue), it.world.git(it.repo)
    expected = it.call.text("expected_head_sha", "PullRequest")
    if expected is not None and expected != part.head_sha:
        raise ApiError(422, "expected_head_sha doesn't match the current head ref.")
    base = git.branch(part.base_ref) or part.base_sha
    tree = git.merged_tree(part.head_sha, base)
    if tree is None:
        raise ApiError(422, "merge conflict between base and head")
    who = it.world.person(it.world.store.ensure_user(it.login))
    text = f"Merge branch '{part.base_ref}' into {part.head_ref}"
    before, head = part.head_sha, it.world.repository(part.head_repository or it.repo.full_name)
    if head is not it.repo:
        raise ApiError(403, "Resource not accessible by integration")
    made = git.write_commit(tree, [before, base], text, who, who)
    git.set_ref(f"refs/heads/{part.head_ref}", made, old=before)
    deeds.moved(it.world, head, f"refs/heads/{part.head_ref}", before, made, login=it.login, token=it.token)
    return Answer({"message": "Updating pull request branch.", "url": f"{it.show.base}{it.call.path}"}, 202)


@routes("GET", f"{PULL}/files", needs=READ)
def files(it: Context) -> Answer:
    """Tell what a pull request changes."""
    issue = _pull(it)
    changed = pull_requests.files(it.world, it.repo, issue)[:MOST_FILES]
    sha = pull_requests.part(issue).head_sha
    return it.call.page([code.changed_file(it.show, it.repo, sha, change) for change in changed])


@routes("GET", f"{PULL}/commits", needs=READ)
def commits(it: Context) -> Answer:
    """List the commits of a pull request, oldest first."""
    found = pull_requests.commits(it.world, it.repo, _pull(it))
    return it.call.page([code.commit(it.show, it.repo, commit) for commit in found])


@routes("GET", f"{PULL}/merge", needs=READ)
def is_merged(it: Context) -> Answer:
    """204 when it is merged, else 404."""
    if not pull_requests.part(_pull(it)).merged:
        raise not_found()
    return Answer(status=204)


@routes("PUT", f"{PULL}/merge", needs="contents:write")
def merge(it: Context) -> Answer:
    """Merge a pull request."""
    method = deeds.METHODS.get(it.call.text("merge_method", "PullRequest") or "merge")
    if method is None:
        raise invalid("PullRequest", "merge_method", "invalid")
    sha = deeds.merge(
        it.world,
        it.repo,
        _pull(it),
        login=it.login,
        method=method,
        sha=it.call.text("sha", "PullRequest"),
        title=it.call.text("commit_title", "PullRequest"),
        message=it.call.text("commit_message", "PullRequest"),
        token=it.token,
    )
    return Answer({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


@routes("GET", f"{PULL}/comments", needs=READ)
def review_comments(it: Context) -> Answer:
    """Comments on lines: there are none here."""
    _pull(it)
    return it.call.page([])


@routes("GET", f"{PULL}/reviews", needs=READ)
def reviews(it: Context) -> Answer:
    """List the reviews, oldest first."""
    issue = _pull(it)
    given = pull_requests.part(issue).reviews
    return it.call.page([talk.review(it.show, it.repo, issue.number, review) for review in given])


@routes("POST", f"{PULL}/reviews", needs=WRITE, role="read")
def review(it: Context) -> Answer:
    """Review a pull request."""
    issue = _pull(it)
    event = it.call.text("event", "PullRequestReview") or "COMMENT"
    body = it.call.text("body", "PullRequestReview", limit=BODY_LIMIT) or ""
    if event not in _REVIEWS or (event != "APPROVE" and not body):
        raise invalid("PullRequestReview", "event", "invalid")
    if event == "APPROVE" and issue.login == it.login:
        raise ApiError(422, "Unprocessable Entity", errors=["Can not approve your own pull request"])
    store, part = it.world.store, pull_requests.part(issue)
    made = Review(store.new_id(), it.login, body, _REVIEWS[event], part.head_sha, store.now())
    part.reviews.append(made)
    part.requested_reviewers = [login for login in part.requested_reviewers if login != it.login]
    return Answer(talk.review(it.show, it.repo, issue.number, made))


@routes("GET", f"{PULL}/requested_reviewers", needs=READ)
def requested(it: Context) -> Answer:
    """Who was asked to review."""
    asked = pull_requests.part(_pull(it)).requested_reviewers
    return Answer({"users": [people.user(it.show, login) for login in asked], "teams": []})


@routes("POST", f"{PULL}/requested_reviewers", needs=WRITE)
def request(it: Context) -> Answer:
    """Ask people to review."""
    issue = _pull(it)
    for login in it.call.fields().get("reviewers", []):
        if it.world.store.user(str(login)) is None or it.world.role(it.repo, str(login)) == "none":
            raise ApiError(422, "Reviews may only be requested from collaborators.")
        if login not in pull_requests.part(issue).requested_reviewers:
            pull_requests.part(issue).requested_reviewers.append(login)
    return Answer(talk.pull(it.show, it.repo, issue), 201)


@routes("DELETE", f"{PULL}/requested_reviewers", needs=WRITE)
def unrequest(it: Context) -> Answer:
    """Ask them no longer."""
    issue = _pull(it)
    gone = it.call.fields().get("reviewers", [])
    part = pull_requests.part(issue)
    part.requested_reviewers = [login for login in part.requested_reviewers if login not in gone]
    return Answer(talk.pull(it.show, it.repo, issue))
