"""Issues, pull requests, comments and reviews."""

from __future__ import annotations

from automation.simulators.github.model import Comment, Issue, Pull, Repository, Review
from automation.simulators.github.shapes import people, repos
from automation.simulators.github.shapes.show import Json, Show, node_id


def association(of: Repository, login: str) -> str:
    """Return how an author stands to the repository."""
    if login.lower() == of.owner.lower():
        return "OWNER"
    if any(name.lower() == login.lower() for name in of.collaborators):
        return "COLLABORATOR"
    return "NONE" if not login.endswith("[bot]") else "CONTRIBUTOR"


def app(login: str) -> Json | None:
    """Return the GitHub App behind a bot, in its short form."""
    if not login.endswith("[bot]"):
        return None
    slug = login.removesuffix("[bot]")
    return {
        "id": 15368,
        "client_id": "Iv1.05c79e9ad1f6bdfa",
        "slug": slug,
        "node_id": "MDM6QXBwMTUzNjg=",
        "owner": {"login": "github", "id": 9919, "node_id": "MDEyOk9yZ2FuaXphdGlvbjk5MTk=", "type": "Organization"},
        "name": "GitHub Actions" if slug == "github-actions" else slug,
        "description": "",
        "external_url": "https://help.github.com/en/actions",
        "html_url": f"https://github.com/apps/{slug}",
        "created_at": "2018-07-30T09:30:17Z",
        "updated_at": "2024-04-10T20:33:16Z",
        "permissions": {},
        "events": [],
    }


def issue(show: Show, of: Repository, it: Issue) -> Json:
    """Return an issue; a pull request looks like one, with ``pull_request`` and other URLs."""
    url, page = show.repository(of), show.page(of)
    here = f"{url}/issues/{it.number}"
    html = f"{page}/{'pull' if it.pull else 'issues'}/{it.number}"
    shape: Json = {
        "url": here,
        "repository_url": url,
        "labels_url": f"{here}/labels{{/name}}",
        "comments_url": f"{here}/comments",
        "events_url": f"{here}/events",
        "html_url": html,
        "id": it.id,
        "node_id": node_id("PR" if it.pull else "I", it.id),
        "number": it.number,
        "title": it.title,
        "user": people.user(show, it.login),
        "labels": [people.label(show, of, name) for name in it.labels],
        "state": it.state,
        "locked": it.locked,
        "assignee": people.user(show, it.assignees[0]) if it.assignees else None,
        "assignees": [people.user(show, login) for login in it.assignees],
        "milestone": None,
        "comments": sum(comment.issue == it.number for comment in of.comments),
        "created_at": it.created_at,
        "updated_at": it.updated_at,
        "closed_at": it.closed_at,
        "author_association": association(of, it.login),
        "active_lock_reason": None,
        "body": it.body,
        "closed_by": people.user(show, it.closed_by) if it.closed_by else None,
        "reactions": people.reactions(here, it.reactions),
        "timeline_url": f"{here}/timeline",
        "performed_via_github_app": app(it.login),
        "state_reason": it.state_reason,
    }
    if it.pull is not None:
        shape["draft"] = it.pull.draft
        shape["pull_request"] = {
            "url": f"{url}/pulls/{it.number}",
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "merged_at": it.pull.merged_at,
        }
    return shape


def _side(show: Show, repository: Repository | None, owner: str, ref: str, sha: str) -> Json:
    return {
        "label": f"{owner}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": people.user(show, owner),
        "repo": repos.repository(show, repository) if repository is not None else None,
    }


def pull(show: Show, of: Repository, it: Issue, counts: Json | None = None) -> Json:
    """Return a pull request; ``counts`` (commits, additions, …) makes it the long form."""
    if it.pull is None:
        raise TypeError("an issue is no pull request")
    pr: Pull = it.pull
    url, html = f"{show.repository(of)}/pulls/{it.number}", f"{show.page(of)}/pull/{it.number}"
    issue_url = f"{show.repository(of)}/issues/{it.number}"
    statuses = f"{show.repository(of)}/statuses/{pr.head_sha}"
    links = {
        "self": url,
        "html": html,
        "issue": issue_url,
        "comments": f"{issue_url}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": f"{show.repository(of)}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": statuses,
    }
    head = show.store.repository(pr.head_repository) if pr.head_repository else None
    plain = issue(show, of, it)
    copied = [
        "id",
        "node_id",
        "number",
        "state",
        "locked",
        "title",
        "user",
        "body",
        "created_at",
        "updated_at",
        "closed_at",
        "assignee",
        "assignees",
        "labels",
        "milestone",
        "author_association",
        "active_lock_reason",
    ]
    shape: Json = {
        "url": url,
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": issue_url,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": statuses,
        **{name: plain[name] for name in copied},
        "merged_at": pr.merged_at,
        "merge_commit_sha": pr.merge_commit_sha,
        "requested_reviewers": [people.user(show, login) for login in pr.requested_reviewers],
        "requested_teams": [],
        "draft": pr.draft,
        "head": _side(show, head, (pr.head_repository or of.full_name).partition("/")[0], pr.head_ref, pr.head_sha),
        "base": _side(show, of, of.owner, pr.base_ref, pr.base_sha),
        "_links": {name: {"href": link} for name, link in links.items()},
        "auto_merge": None,
    }
    if counts is not None:
        shape |= {
            "merged": pr.merged,
            "mergeable": None if it.state == "closed" else pr.mergeable,
            "rebaseable": None if it.state == "closed" else pr.mergeable,
            "mergeable_state": _mergeable_state(it, pr),
            "merged_by": people.user(show, pr.merged_by) if pr.merged_by else None,
            "comments": plain["comments"],
            "review_comments": 0,
            "maintainer_can_modify": pr.maintainer_can_modify,
            **counts,
        }
    return shape


def comment(show: Show, of: Repository, it: Comment, *, of_pull: bool) -> Json:
    """Return a comment on an issue or a pull request."""
    url = f"{show.repository(of)}/issues/comments/{it.id}"
    return {
        "url": url,
        "html_url": f"{show.page(of)}/{'pull' if of_pull else 'issues'}/{it.issue}#issuecomment-{it.id}",
        "issue_url": f"{show.repository(of)}/issues/{it.issue}",
        "id": it.id,
        "node_id": node_id("IC", it.id),
        "user": people.user(show, it.login),
        "created_at": it.created_at,
        "updated_at": it.updated_at,
        "author_association": association(of, it.login),
        "body": it.body,
        "reactions": people.reactions(url, it.reactions),
        "performed_via_github_app": app(it.login),
    }


def review(show: Show, of: Repository, number: int, it: Review) -> Json:
    """Return a review of a pull request."""
    html = f"{show.page(of)}/pull/{number}#pullrequestreview-{it.id}"
    url = f"{show.repository(of)}/pulls/{number}"
    return {
        "id": it.id,
        "node_id": node_id("PRR", it.id),
        "user": people.user(show, it.login),
        "body": it.body,
        "state": it.state,
        "html_url": html,
        "pull_request_url": url,
        "author_association": association(of, it.login),
        "_links": {"html": {"href": html}, "pull_request": {"href": url}},
        "submitted_at": it.submitted_at,
        "commit_id": it.commit_id,
    }


def _mergeable_state(it: Issue, pr: Pull) -> str:
    if it.state == "closed" or pr.mergeable is None:
        return "unknown"
    if pr.draft:
        return "draft"
    return "clean" if pr.mergeable else "dirty"
