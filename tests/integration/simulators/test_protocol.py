"""Credentials, permissions, limits, conditions, pages, faults: what is so for every request."""

from __future__ import annotations

import threading
from typing import Any

import github
import pytest
import requests
from github.Repository import Repository

from automation import wait
from automation.simulators.github import GitHubSimulator
from automation.simulators.github.routes import routes
from tests.integration.simulators.hub import BOT, EVERYTHING, NAME, client


def get(hub: GitHubSimulator, path: str, token: str | None = None, **headers: str) -> requests.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    return requests.get(hub.url + path, headers=sent, timeout=10, allow_redirects=False)


def test_bad_credentials(hub: GitHubSimulator) -> None:
    with pytest.raises(github.BadCredentialsException) as caught:
        client(hub, "ghs_wrong").get_repo(NAME)
    assert caught.value.status == 401
    assert caught.value.data["documentation_url"].startswith("https://docs.github.com/")
    token = hub.create_token(permissions=EVERYTHING)
    assert client(hub, token).get_repo(NAME).full_name == NAME
    hub.revoke_token(token)
    with pytest.raises(github.BadCredentialsException):
        client(hub, token).get_repo(NAME)


def test_every_way_to_send_a_token(hub: GitHubSimulator) -> None:
    token = hub.create_token("alice")
    for header in (f"Bearer {token}", f"token {token}"):
        assert get(hub, "/user", Authorization=header).json()["login"] == "alice"
    assert requests.get(f"{hub.url}/user", auth=("alice", token), timeout=10).json()["login"] == "alice"
    assert requests.get(f"{hub.url}/user", auth=("alice", "wrong"), timeout=10).status_code == 401


def test_anonymous(hub: GitHubSimulator, number: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert get(hub, f"/repos/{NAME}").status_code == 404  # it is private
    assert get(hub, "/user").status_code == 401
    public = str(tmp_path_factory.mktemp("public") / "x.git")
    hub.world.git(hub.world.repository(NAME)).run("clone", "--quiet", "--bare", ".", public)
    hub.add_repository("acme/open", public, private=False)
    assert client(hub).get_repo("acme/open").visibility == "public"
    assert requests.post(f"{hub.url}/repos/acme/open/issues", json={"title": "x"}, timeout=10).status_code == 401
    nothing = hub.create_token(permissions={})
    assert client(hub, nothing).get_repo("acme/open").get_contents("README.md")
    with pytest.raises(github.GithubException, match="Resource not accessible"):
        client(hub, nothing).get_repo("acme/open").create_issue("x")


@pytest.mark.parametrize(
    ("missing", "do"),
    [
        ("contents=read", lambda repo: repo.get_contents("README.md")),
        ("contents=write", lambda repo: repo.create_git_ref("refs/dogitops/locks/x", repo.raw_data["sha"])),
        ("issues=write", lambda repo: repo.create_issue("x")),
        ("pull_requests=read", lambda repo: repo.get_pull(1)),
        ("issues=write; pull_requests=write", lambda repo: repo.get_issue(1).create_comment("x")),
        ("statuses=write", lambda repo: repo.get_commit("main").create_status("success")),
        ("checks=write", lambda repo: repo.create_check_run("x", "main")),
        ("actions=read", lambda repo: repo.get_workflow_run(1)),
        ("actions=write", lambda repo: repo.get_workflow("x").create_dispatch("main", throw=True)),
    ],
)
def test_a_permission_that_is_missing(hub: GitHubSimulator, number: int, missing: str, do: Any) -> None:
    hub.add_run(NAME, "x", "f" * 40)
    reads = dict.fromkeys(EVERYTHING, "read")
    gone = [need.partition("=") for need in missing.split("; ")]
    for name, _, level in gone:
        reads[name.replace("_", "-")] = "none" if level == "read" else "read"
    repo = client(hub, hub.create_token(permissions=reads)).get_repo(NAME)
    repo._rawData["sha"] = "0" * 40
    with pytest.raises(github.GithubException) as caught:
        do(repo)
    assert (caught.value.status, caught.value.data["message"]) == (403, "Resource not accessible by integration")
    assert caught.value.headers["x-accepted-github-permissions"] == missing


def test_a_permission_for_pull_requests_reaches_no_issues(hub: GitHubSimulator, number: int) -> None:
    issue = client(hub, hub.create_token(permissions=EVERYTHING)).get_repo(NAME).create_issue("drift").number
    only = client(hub, hub.create_token(permissions={"pull-requests": "write"})).get_repo(NAME)
    assert only.get_issue(number).create_comment("x").id
    with pytest.raises(github.GithubException, match="Resource not accessible"):
        only.get_issue(issue)


def test_people_need_a_role(hub: GitHubSimulator, number: int) -> None:
    bob = client(hub, hub.token_of("bob")).get_repo(NAME)
    assert bob.permissions.pull
    assert not bob.permissions.push
    assert bob.get_issue(number).create_comment("hello").user.login == "bob"
    for do in (
        lambda: bob.get_pull(number).merge(),
        lambda: bob.get_commit("main").create_status("success"),
        lambda: bob.get_issue(number).add_to_labels("x"),
        lambda: bob.create_git_ref("refs/heads/x", "0" * 40),
        lambda: bob.get_pull(number).edit(state="closed"),
    ):
        with pytest.raises(github.GithubException) as caught:
            do()
        assert caught.value.status == 403
    with pytest.raises(github.UnknownObjectException):
        client(hub, hub.token_of("mallory")).get_repo(NAME)
    hub.set_role(NAME, "bob", "triage")
    assert bob.get_issue(number).add_to_labels("x") is None


@pytest.mark.parametrize(
    ("login", "permission", "role"),
    [
        ("acme", "admin", "admin"),
        ("alice", "write", "maintain"),
        ("ALICE", "write", "maintain"),
        ("tina", "read", "triage"),
        ("bob", "read", "read"),
        ("mallory", "none", "none"),
    ],
)
def test_the_permission_of_a_person(
    hub: GitHubSimulator, repo: Repository, login: str, permission: str, role: str
) -> None:
    hub.set_role(NAME, "tina", "triage")
    hub.add_user("mallory")
    assert repo.get_collaborator_permission(login) == permission
    assert repo.get_collaborator_role_name(login) == role
    assert repo.has_in_collaborators("alice")
    assert not repo.has_in_collaborators("mallory")
    assert {user.login for user in repo.get_collaborators()} == {"acme", "alice", "bob", "tina"}
    with pytest.raises(github.UnknownObjectException):
        repo.get_collaborator_permission("nobody-at-all")


def test_who_am_i(hub: GitHubSimulator) -> None:
    assert client(hub, hub.token_of("alice")).get_user().login == "alice"
    assert [it.full_name for it in client(hub, hub.token_of("alice")).get_user().get_repos()] == [NAME]
    with pytest.raises(github.GithubException, match="Resource not accessible by integration"):
        assert client(hub, hub.create_token(permissions=EVERYTHING)).get_user().login
    assert client(hub, hub.token_of("alice")).get_user(BOT).type == "Bot"
    assert client(hub, hub.token_of("alice")).get_user(BOT).id == 41898282


def test_a_token_for_another_repository(hub: GitHubSimulator) -> None:
    token = hub.create_token(permissions=EVERYTHING, repositories=["acme/other"])
    with pytest.raises(github.UnknownObjectException):
        client(hub, token).get_repo(NAME)


# limits


def test_the_rate_limit(hub: GitHubSimulator) -> None:
    token = hub.create_token("alice", rate_limit=3)
    hubs = client(hub, token)
    for left in (2, 1, 0):
        assert get(hub, f"/repos/{NAME}", token).headers["X-RateLimit-Remaining"] == str(left)
    with pytest.raises(github.RateLimitExceededException) as caught:
        hubs.get_repo(NAME)
    assert caught.value.status == 403
    assert caught.value.headers["x-ratelimit-remaining"] == "0"
    assert "API rate limit exceeded for user ID" in caught.value.data["message"]
    limits = hubs.get_rate_limit()
    assert (limits.resources.core.limit, limits.resources.core.remaining) == (3, 0)
    hub.advance_clock(3601)
    assert hubs.get_repo(NAME).full_name == NAME
    hub.set_rate(token, limit=5000, used=4999)
    assert get(hub, f"/repos/{NAME}", token).status_code == 200
    assert get(hub, f"/repos/{NAME}", token).status_code == 403


def test_an_unchanged_answer_costs_nothing(hub: GitHubSimulator, number: int) -> None:
    token = hub.create_token(permissions={"pull-requests": "read"})
    first = get(hub, f"/repos/{NAME}/pulls/{number}", token)
    same = get(hub, f"/repos/{NAME}/pulls/{number}", token, If_None_Match=first.headers["ETag"])
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["X-RateLimit-Remaining"] == first.headers["X-RateLimit-Remaining"]
    pull = client(hub, token).get_repo(NAME).get_pull(number)
    assert pull.update() is False
    hub.comment(NAME, number, "x")
    assert pull.update() is True
    assert pull.comments == 1
    changed = get(hub, f"/repos/{NAME}/pulls/{number}", token, If_None_Match=first.headers["ETag"])
    assert changed.status_code == 200


def test_the_secondary_limit(hub: GitHubSimulator, number: int) -> None:
    hub.set_contents_a_minute(2)
    issue = client(hub, hub.create_token(permissions=EVERYTHING)).get_repo(NAME).get_issue(number)
    issue.create_comment("1")
    issue.create_comment("2")
    with pytest.raises(github.RateLimitExceededException) as caught:
        issue.create_comment("3")
    assert "secondary rate limit" in caught.value.data["message"]
    assert 0 < int(caught.value.headers["retry-after"]) <= 60
    assert issue.get_comments().totalCount == 2  # reading goes on
    hub.advance_clock(61)
    issue.create_comment("3")


# the form of answers


def test_headers(hub: GitHubSimulator) -> None:
    answer = get(hub, f"/repos/{NAME}", hub.token_of("alice"))
    assert answer.headers["X-GitHub-Request-Id"] != get(hub, "/meta").headers["X-GitHub-Request-Id"]
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["X-GitHub-Api-Version-Selected"] == "2022-11-28"
    assert answer.headers["X-OAuth-Scopes"] == "repo, workflow"
    assert answer.headers["X-RateLimit-Resource"] == "core"
    assert get(hub, "/meta", X_GitHub_Api_Version="1999-01-01").status_code == 400
    assert get(hub, "/meta", User_Agent="").status_code == 403


def test_not_found_says_so_as_github_does(hub: GitHubSimulator) -> None:
    answer = get(hub, "/repos/acme/none", hub.token_of("alice"))
    assert answer.json() == {
        "message": "Not Found",
        "documentation_url": "https://docs.github.com/rest",
        "status": "404",
    }
    for path in (f"/repos/{NAME}/pulls/x", f"/repos/{NAME}/issues/comments/1", f"/repos/{NAME}/pulls/1"):
        assert get(hub, path, hub.token_of("alice")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("{", 400, "Problems parsing JSON"),
        ("[]", 400, "Body should be a JSON object"),
        ("{}", 422, '"title" wasn\'t supplied'),
        ('{"title": 5}', 422, "is not a string"),
        ('{"title": ["x"]}', 422, "is not a string"),
        ('{"title": "x", "body": {}}', 422, "is not a string"),
    ],
)
def test_what_is_sent_is_checked(hub: GitHubSimulator, body: str, status: int, told: str) -> None:
    headers = {"Authorization": f"Bearer {hub.token_of('alice')}"}
    answer = requests.post(f"{hub.url}/repos/{NAME}/issues", data=body, headers=headers, timeout=10)
    assert answer.status_code == status
    assert told in answer.json()["message"]
    assert client(hub, hub.token_of("alice")).get_repo(NAME).get_issues().totalCount == 0


def test_pages_have_links(hub: GitHubSimulator, number: int) -> None:
    for n in range(5):
        hub.comment(NAME, number, str(n))
    path, token = f"/repos/{NAME}/issues/{number}/comments", hub.token_of("alice")
    middle = get(hub, f"{path}?per_page=2&page=2&since=2020-01-01T00:00:00Z", token)
    assert [it["body"] for it in middle.json()] == ["2", "3"]
    assert set(middle.links) == {"prev", "next", "last", "first"}
    assert get(hub, middle.links["next"]["url"].removeprefix(hub.url), token).json()[0]["body"] == "4"
    assert "since=2020" in middle.links["last"]["url"]
    assert set(get(hub, f"{path}?per_page=2", token).links) == {"next", "last"}
    assert set(get(hub, f"{path}?per_page=2&page=3", token).links) == {"prev", "first"}
    assert get(hub, path, token).links == {}
    assert get(hub, f"{path}?page=9", token).json() == []
    assert len(get(hub, f"{path}?per_page=1000&page=banana", token).json()) == 5


def test_the_prefix_of_an_enterprise_server(hub: GitHubSimulator, number: int) -> None:
    token = hub.create_token(permissions=EVERYTHING)
    inside = client(hub, token, base_url=f"{hub.url}/api/v3")
    pull = inside.get_repo(NAME).get_pull(number)
    assert pull.url == f"{hub.url}/api/v3/repos/{NAME}/pulls/{number}"
    assert pull.html_url == f"{hub.url}/{NAME}/pull/{number}"
    made = pull.create_issue_comment("x")
    made.edit("y")
    assert made.minimize()


def test_an_unknown_request_fails_loudly(quiet_hub: GitHubSimulator) -> None:
    token = quiet_hub.token_of("acme")
    answer = get(quiet_hub, f"/repos/{NAME}/deployments", token)
    assert answer.status_code == 501
    assert "does not know GET /repos/acme/platform/deployments" in answer.json()["message"]
    body = {"query": 'query { repository(owner: "a", name: "b") { id } }'}
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.post(f"{quiet_hub.url}/graphql", json=body, headers=headers, timeout=10).status_code == 501
    assert quiet_hub.unknown() == [f"GET /repos/{NAME}/deployments", "POST /graphql repository"]


def test_every_route_answers_what_is_not_there(hub: GitHubSimulator) -> None:
    token = hub.token_of("acme")
    for route in routes.table:
        path = route.pattern.pattern.strip("^$")
        for name in route.pattern.groupindex:
            word = {"owner": "acme", "repo": "platform"}.get(name, "999999")
            path = path.replace(f"(?P<{name}>[^/]+)", word).replace(f"(?P<{name}>.*)", word)
        answer = requests.request(
            route.method, hub.url + path.replace("\\", ""), headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        assert answer.status_code in {200, 204, 400, 403, 404, 422}, (route.method, path, answer.text)


# faults


def test_a_server_error(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    hub.add_fault("answer", "GET", "*/pulls/*", times=2, status=502)
    for _ in range(2):
        with pytest.raises(github.GithubException) as caught:
            repo.get_pull(number)
        assert caught.value.status == 502
    assert repo.get_pull(number).number == number


def test_carried_out_and_then_an_error(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    pull = repo.get_pull(number)
    hub.add_fault("apply-then-answer", "POST", "*/comments", status=502)
    with pytest.raises(github.GithubException, match="502"):
        pull.create_issue_comment("x")
    assert [it["body"] for it in hub.comments(NAME, number)] == ["x"]
    assert [it["fault"] for it in hub.requests() if it["method"] == "POST"] == ["apply-then-answer"]


@pytest.mark.parametrize(("effect", "done"), [("cut", 0), ("apply-then-cut", 1), ("truncate", 1)])
def test_a_connection_that_breaks(hub: GitHubSimulator, repo: Repository, number: int, effect: str, done: int) -> None:
    pull = repo.get_pull(number)
    hub.add_fault(effect, "POST", "*/comments")
    with pytest.raises(requests.RequestException):
        pull.create_issue_comment("x")
    assert len(hub.comments(NAME, number)) == done
    pull.create_issue_comment("y")
    assert [it["body"] for it in hub.comments(NAME, number)][-1] == "y"


def test_limits_as_faults_and_real_retries(hub: GitHubSimulator, number: int) -> None:
    token = hub.create_token(permissions=EVERYTHING)
    hub.add_fault("abuse", path="*/comments", retry_after=1)
    plain = client(hub, token).get_repo(NAME).get_issue(number)
    with pytest.raises(github.RateLimitExceededException, match="secondary"):
        plain.create_comment("x")
    hub.add_fault("rate-limit", path="*/comments")
    with pytest.raises(github.RateLimitExceededException, match="API rate limit exceeded"):
        plain.create_comment("x")
    hub.add_fault("abuse", path="*/comments", retry_after=0)
    patient = client(hub, token, retry=github.GithubRetry(total=3, backoff_factor=0)).get_repo(NAME).get_issue(number)
    assert patient.create_comment("y").body == "y"
    assert [it["status"] for it in hub.requests() if it["method"] == "POST"] == [403, 403, 403, 201]


def test_later_requests_meet_a_fault(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    hub.add_fault("answer", "GET", f"/repos/{NAME}/pulls*", skip=1, status=503, message="Service unavailable")
    assert repo.get_pull(number)
    with pytest.raises(github.GithubException, match="Service unavailable"):
        repo.get_pull(number)
    hub.add_fault("answer", "GET", "*", times=100)
    assert hub.clear_faults() == 1
    assert repo.get_pull(number)


def test_a_slow_answer_ends_with_the_server(hub: GitHubSimulator) -> None:
    hub.add_fault("slow", path="/meta", seconds=600)
    told: list[int] = []
    asking = threading.Thread(target=lambda: told.append(get(hub, "/meta").status_code))
    asking.start()
    wait.until(lambda: not hub.world.store.state.faults, "the request to meet the fault", timeout=10, interval=0.01)
    hub.stop()
    asking.join(timeout=10)
    assert told == [200]
