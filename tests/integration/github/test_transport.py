"""The client against a server that misbehaves in every way that a well-behaved simulator does not."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from github.Requester import HTTPRequestsConnectionClass

from automation.errors import DogitopsError, Refused
from automation.github import problems
from automation.github.client import GitHub
from automation.github.transport import Patience
from automation.secret import Secret
from tests.integration.github.scripted import Answer, Asked, Scripted, serve

TOKEN = "ghs_canaryOfTheTransport123456"

QUICK = Patience(timeout=2, tries=3, backoff=0.01, longest_wait=3, secondary_wait=0.05)


PULL = {
    "number": 7,
    "state": "open",
    "user": {"login": "alice"},
    "head": {"sha": "a" * 40, "ref": "x", "repo": {"full_name": "o/n"}},
    "base": {"sha": "b" * 40, "ref": "main", "repo": {"full_name": "o/n"}},
}


COMMENT = {
    "id": 1,
    "node_id": "IC_1",
    "user": {"login": "alice"},
    "body": "hello",
    "created_at": "2026-03-01T12:00:00Z",
    "updated_at": "2026-03-01T12:00:00Z",
    "html_url": "",
    "url": "/repos/o/n/issues/comments/1",
}


def github(server: Scripted, patience: Patience = QUICK) -> GitHub:
    return GitHub(server.url, Secret(TOKEN), "o/n", patience=patience)


def fails(script: list[Answer] | Callable[[Asked], Answer], patience: Patience = QUICK) -> problems.GitHubError:
    """Return the error that reading a pull request ends with, having looked for the token in all of it."""
    with serve(script) as server, pytest.raises(problems.GitHubError) as caught:
        github(server, patience).pull_request(7)
    assert caught.value.hint
    everything = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__)
    assert TOKEN not in everything
    assert caught.value.__context__ is None  # the original would hold the request, and its headers
    return caught.value


def test_a_request_says_who_we_are_and_carries_the_token() -> None:
    with serve([Answer(body=PULL)]) as server:
        assert github(server).pull_request(7).author == "alice"
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/repos/o/n/pulls/7")
    assert asked.headers["Authorization"] == f"token {TOKEN}"
    assert asked.headers["User-Agent"] == "dogitops"
    assert asked.headers["X-GitHub-Api-Version"] == "2022-11-28"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_reads_are_tried_again_after_a_server_fault(status: int) -> None:
    with serve([Answer(status, b"<html>", {"Content-Type": "text/html"}), Answer(status), Answer(body=PULL)]) as server:
        assert github(server).pull_request(7).number == 7
    assert len(server.asked) == 3


def test_reads_are_tried_again_after_a_cut_connection() -> None:
    with serve([Answer(cut=True), Answer(body=PULL)]) as server:
        assert github(server).pull_request(7).number == 7


def test_a_server_that_stays_broken_is_unavailable() -> None:
    error = fails([Answer(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"})])
    assert isinstance(error, problems.Unavailable)
    assert (error.status, error.exit_code) == (502, 1)
    assert "502 to GET /repos/o/n/pulls/7" in error.message


def test_a_write_that_makes_something_is_sent_once() -> None:
    for answer in (Answer(502), Answer(cut=True)):
        with serve([answer]) as server, pytest.raises(problems.Unavailable):
            github(server).repo.get_issue(7).create_comment("x")
        assert len(server.asked) == 1


def test_a_status_is_set_again_after_a_server_fault() -> None:
    with serve([Answer(502), Answer(201, {"id": 1})]) as server:
        github(server).set_status("a" * 40, "dogitops/local", "success", "x" * 300, "https://example.org/run")
    assert [asked.method for asked in server.asked] == ["POST", "POST"]
    assert len(server.asked[0].body) < 300


def test_no_network_is_said_with_the_reason() -> None:
    with serve([Answer()]) as server:
        gone = server.url
    with pytest.raises(problems.Unavailable, match=r"No answer from GitHub at 127\.0\.0\.1:") as caught:
        GitHub(gone, Secret(TOKEN), "o/n", patience=QUICK).pull_request(7)
    assert "refused" in caught.value.message
    assert "HTTPS_PROXY" in (caught.value.hint or "")


def test_no_answer_in_time_is_said() -> None:
    def slow(asked: Asked) -> Answer:
        time.sleep(1.5)
        return Answer(body=PULL)

    error = fails(slow, Patience(timeout=1, tries=1, backoff=0.01))
    assert isinstance(error, problems.Unavailable)
    assert "No answer" in error.message


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_secondary_limit_is_waited_out_as_long_as_it_asks_for(status: int, method: str) -> None:
    limit = Answer(status, {"message": "You have exceeded a secondary rate limit."}, {"Retry-After": "1"})
    with serve([limit, Answer(201 if method == "POST" else 200, COMMENT if method == "POST" else PULL)]) as server:
        began = time.monotonic()
        if method == "GET":
            github(server).pull_request(7)
        else:  # nothing took effect, so that sending it again posts it once
            github(server).repo.get_issue(7).create_comment("hello")
        assert time.monotonic() - began >= 1
    assert [asked.method for asked in server.asked] == [method, method]


def test_a_secondary_limit_without_a_time_is_waited_out_too() -> None:
    limit = Answer(
        403, {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
    )
    with serve([limit, Answer(body=PULL)]) as server:
        assert github(server).pull_request(7).number == 7


def test_a_secondary_limit_that_asks_for_too_long_is_an_error_with_the_time() -> None:
    limit = Answer(403, {"message": "You have exceeded a secondary rate limit."}, {"Retry-After": "3600"})
    error = fails([limit])
    assert isinstance(error, problems.RateLimited)
    assert "asks us to slow down" in error.message
    assert error.reset is not None
    assert 3500 < error.reset.timestamp() - time.time() < 3700


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "9" * 30}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 30}]
)
def test_a_time_out_of_all_reason_is_a_limit_too(headers: dict[str, str]) -> None:
    limit = Answer(403, {"message": "API rate limit exceeded for installation ID 1."}, headers)
    assert isinstance(fails([limit]), problems.RateLimited)


@pytest.mark.parametrize("value", ["soon", "-5", "", "Sun, 99 Foo 2026"])
def test_a_retry_after_that_is_nonsense_is_waited_out_as_if_it_was_not_there(value: str) -> None:
    limit = Answer(429, {"message": "You have exceeded a secondary rate limit."}, {"Retry-After": value})
    with serve([limit, Answer(body=PULL)]) as server:
        assert github(server).pull_request(7).number == 7


def test_a_limit_that_never_ends_is_an_error() -> None:
    limit = Answer(429, {"message": "You have exceeded a secondary rate limit."}, {"Retry-After": "0"})
    assert isinstance(fails([limit]), problems.RateLimited)


def limited(seconds: int) -> Answer:
    headers = {
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Limit": "1000",
        "X-RateLimit-Reset": str(int(time.time()) + seconds),
    }
    return Answer(403, {"message": "API rate limit exceeded for installation ID 1."}, headers)


def test_a_primary_limit_that_ends_soon_is_waited_out() -> None:
    with serve([limited(0), Answer(body=PULL)]) as server:
        assert github(server).pull_request(7).number == 7


def test_a_primary_limit_that_ends_late_is_an_error_with_the_time() -> None:
    error = fails([limited(1800)])
    assert isinstance(error, problems.RateLimited)
    assert "used up" in error.message
    assert "UTC" in error.message
    assert error.reset is not None
    assert 1700 < error.reset.timestamp() - time.time() < 1900


def test_a_refused_token_is_told_from_a_missing_permission() -> None:
    error = fails([Answer(401, {"message": "Bad credentials"})])
    assert isinstance(error, problems.TokenRefused)
    assert error.exit_code == 2
    assert "Bad credentials" in error.message


def test_a_missing_permission_is_named_as_github_names_it() -> None:
    headers = {"X-Accepted-GitHub-Permissions": "issues=write; pull_requests=write"}
    refusal = Answer(403, {"message": "Resource not accessible by integration"}, headers)
    with serve([refusal]) as server, pytest.raises(problems.PermissionMissing) as caught:
        github(server).repo.get_issue(7).create_comment("x")
    assert len(server.asked) == 1
    assert caught.value.permission == "pull-requests: write"
    assert "`pull-requests: write` or `issues: write`" in caught.value.message
    assert "`permissions:` with `pull-requests: write`" in (caught.value.hint or "")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("ask", "permission"),
    [
        (lambda github: github.repo.get_issue(7).create_comment("x"), "pull-requests: write"),
        (lambda github: github.comments(7), "pull-requests: read"),
        (lambda github: github.set_status("a" * 40, "c", "pending", "d"), "statuses: write"),
        (lambda github: github.workflow_run(1), "actions: read"),
        (lambda github: github.repo.create_git_ref("refs/dogitops/locks/x", "a" * 40), "contents: write"),
        (lambda github: github.repo.create_issue("x"), "issues: write"),
    ],
)
def test_a_missing_permission_is_named_where_github_does_not(ask: Callable[[GitHub], object], permission: str) -> None:
    refusal = Answer(403, {"message": "Resource not accessible by integration"})
    with serve([refusal]) as server, pytest.raises(problems.PermissionMissing) as caught:
        ask(github(server))
    assert caught.value.permission == permission


def test_an_archived_repository_is_no_matter_of_permissions() -> None:
    error = fails([Answer(403, {"message": "Repository was archived so is read-only."})])
    assert not isinstance(error, problems.PermissionMissing)
    assert "archived" in error.message


def test_not_found_and_refused_requests_are_told_with_githubs_words() -> None:
    assert isinstance(fails([Answer(404, {"message": "Not Found"})]), problems.NotFound)
    body = {
        "message": "Validation Failed",
        "errors": [{"resource": "IssueComment", "field": "body", "code": "missing_field"}],
    }
    error = fails([Answer(422, body)])
    assert isinstance(error, problems.Invalid)
    assert "Validation Failed; IssueComment body missing_field." in error.message


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}),
        Answer(200, b'{"number": 7', {}),
        Answer(200, ["not", "a", "pull"]),
        Answer(200, {"number": 7}),
    ],
)
def test_an_answer_that_is_not_githubs_is_an_error_of_ours(answer: Answer) -> None:
    with serve([answer]) as server, pytest.raises(DogitopsError):
        github(server).pull_request(7)


def test_the_token_is_not_sent_to_another_host_that_a_page_points_to() -> None:
    with serve([Answer(body=[])]) as other:
        link = {"Link": f'<{other.url}/repos/o/n/issues/7/comments?page=2>; rel="next"'}
        away = Answer(body=[COMMENT], headers=link)
        with serve([away]) as server, pytest.raises(Refused, match="where the token is not sent"):
            github(server).comments(7)
    assert other.asked == []


def test_the_token_does_not_follow_a_redirect_to_another_host() -> None:
    with serve([Answer(body=PULL)]) as other:
        away = other.url.replace("127.0.0.1", "localhost")
        moved = Answer(301, {}, {"Location": f"{away}/repos/o/n/pulls/7"})
        with serve([moved]) as server, pytest.raises(problems.GitHubError):
            github(server).pull_request(7)
    assert other.asked == []


def test_a_moved_repository_is_followed_on_the_same_host() -> None:
    def answers(asked: Asked) -> Answer:
        if asked.path == "/repositories/1/pulls/7":
            return Answer(body=PULL)
        return Answer(301, {}, {"Location": f"http://{asked.headers['Host']}/repositories/1/pulls/7"})

    with serve(answers) as server:
        assert github(server).pull_request(7).number == 7


def test_the_token_is_in_no_text_about_the_client(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serve([Answer(body=PULL)]) as server:
        client = github(server)
        client.pull_request(7)
        assert TOKEN not in repr(client)
        assert TOKEN not in str(client)
    assert caplog.records
    assert TOKEN not in caplog.text


def test_threads_that_share_a_client_do_not_mix_up_their_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=0.2)
    told = HTTPRequestsConnectionClass.request

    def meet(self: HTTPRequestsConnectionClass, *args: Any, **kwargs: Any) -> None:
        """Between a request's being told and its being sent, let another be told, if it can."""
        told(self, *args, **kwargs)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait()

    monkeypatch.setattr(HTTPRequestsConnectionClass, "request", meet)

    def answers(asked: Asked) -> Answer:
        return Answer(201, {**COMMENT, "id": int(asked.path.split("/")[5]), "body": json.loads(asked.body)["body"]})

    with serve(answers) as server, ThreadPoolExecutor(2) as threads:
        client = github(server)
        posted = threads.map(lambda number: client.repo.get_issue(number).create_comment(f"for {number}"), (1, 2))
        assert [(comment.id, comment.body) for comment in posted] == [(1, "for 1"), (2, "for 2")]


def test_a_workflows_token_is_asked_for_its_name_by_graphql() -> None:
    def answers(asked: Asked) -> Answer:
        if asked.path == "/user":
            return Answer(403, {"message": "Resource not accessible by integration"})
        return Answer(body={"data": {"viewer": {"login": "our-app[bot]"}}})

    with serve(answers) as server:
        client = github(server)
        assert [client.login(), client.login()] == ["our-app[bot]"] * 2
    assert [asked.path for asked in server.asked] == ["/user", "/graphql"]


def test_who_we_are_where_nothing_says_it_and_where_it_is_configured() -> None:
    with serve([Answer(403, {"message": "Resource not accessible by integration"})]) as server:
        assert github(server).login() == "github-actions[bot]"
        asked = len(server.asked)
        assert GitHub(server.url, Secret(TOKEN), "o/n", own_login="me").login() == "me"
        assert len(server.asked) == asked
    with serve([Answer(body={"login": "alice"})]) as server:
        assert github(server).login() == "alice"


def test_a_wrong_token_is_not_taken_for_a_workflows() -> None:
    with serve([Answer(401, {"message": "Bad credentials"})]) as server, pytest.raises(problems.TokenRefused):
        github(server).login()
