"""Every answer is checked, and only what does no harm is sent again."""

from __future__ import annotations

import logging
import socket
import time
import traceback

import pytest

from automation.digitalocean import problems
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.problems import CloudError
from automation.digitalocean.transport import PUBLIC_API, Patience, checked_endpoint
from automation.errors import ConfigurationError
from automation.secret import Secret

from .scripted import HASTE, TOKEN, Told, account, error, scripted

NONE = Told(200, {"droplets": [], "meta": {"total": 0}, "links": {}})
TAG = Told(201, {"tag": {"name": "dogitops", "resources": {"count": 0}}})


@pytest.mark.parametrize(
    ("status", "message", "raised"),
    [
        (400, "bad", problems.Invalid),
        (401, "Unable to authenticate you.", problems.TokenRefused),
        (403, "You are not authorized to perform this operation.", problems.ScopeMissing),
        (403, "Can not delete VPC with members.", problems.Conflict),
        (404, "The resource you were accessing could not be found.", problems.NotFound),
        (409, "A volume with the name 'data' already exists.", problems.NameTaken),
        (409, "The volume is busy.", problems.Conflict),
        (412, "project has resources", problems.Conflict),
        (422, "validation error: invalid version slug", problems.Invalid),
        (422, "creating this/these droplet(s) will exceed your droplet limit", problems.QuotaReached),
        (422, "Droplet already has a pending event.", problems.Conflict),
        (422, "Size is not available in this region. The region is at capacity.", problems.NoCapacity),
        (422, "The name is already in use.", problems.NameTaken),
        (418, "I'm a teapot", CloudError),
        (500, "Server Error", problems.Unavailable),
        (501, "not implemented", problems.Unavailable),
    ],
)
def test_an_error_answer_is_never_a_result(status: int, message: str, raised: type[CloudError]) -> None:
    with scripted(error(status, message)) as server, pytest.raises(CloudError) as failed:
        account(server.url).droplets()
    assert type(failed.value) is raised
    assert failed.value.status == status
    assert message in failed.value.message
    assert f"{status} to GET /v2/droplets" in failed.value.message
    assert failed.value.hint


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        (lambda cloud: cloud.cluster("c-1"), "/v2/kubernetes/clusters/c-1"),
        (lambda cloud: cloud.associated("c-1"), "/v2/kubernetes/clusters/c-1/destroy_with_associated_resources"),
        (lambda cloud: cloud.kubeconfig("c-1"), "/v2/kubernetes/clusters/c-1/kubeconfig"),
        (lambda cloud: cloud.account(), "/v2/account"),
        (lambda cloud: cloud.records("example.com"), "/v2/domains/example.com/records"),
        (lambda cloud: cloud.project_resources("p"), "/v2/projects/p/resources"),
    ],
)
def test_a_404_that_pydo_gives_back_as_a_result_is_an_error(ask: object, path: str) -> None:
    gone = error(404, "The resource you were accessing could not be found.", "not_found")
    with scripted(gone) as server, pytest.raises(problems.NotFound, match=f"404 to GET {path}"):
        ask(account(server.url))  # type: ignore[operator]


def test_a_safe_request_is_sent_again_after_server_faults() -> None:
    answers = [error(500, "x"), error(502, "x"), error(503, "x"), Told(200, b'{"droplets": []}', cut=True), NONE]
    with scripted(*answers) as server:
        assert account(server.url).droplets() == []
    assert len(server.asked) == 5


def test_a_creation_is_never_sent_again_by_the_transport() -> None:
    """azure-core's own policy would send a POST again after a 503, and make two of it."""
    with scripted(error(503, "Service unavailable")) as server:
        cloud = account(server.url)
        with pytest.raises(problems.Unavailable):
            cloud._pydo.tags.create({"name": "dogitops"})
    assert server.asked == ["POST /v2/tags"]


def test_a_creation_is_sent_again_where_the_limit_kept_it_out() -> None:
    with scripted(error(429, "Too many requests", "too_many_requests", retry_after="0"), TAG) as server:
        assert account(server.url)._pydo.tags.create({"name": "dogitops"})["tag"]["name"] == "dogitops"
    assert server.asked == ["POST /v2/tags"] * 2


def test_a_limit_is_waited_for_as_long_as_it_asks(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    with scripted(error(429, "Too many requests", retry_after="1"), NONE) as server:
        assert account(server.url).droplets() == []
    assert time.monotonic() - began >= 1  # never before that
    assert "too many requests" in capsys.readouterr().err


def test_the_hourly_limit_is_told_by_its_reset_and_ends_a_run_that_would_wait_too_long() -> None:
    reset = str(int(time.time()) + 3000)
    with (
        scripted(error(429, "API Rate limit exceeded.", ratelimit_reset=reset)) as server,
        pytest.raises(problems.RateLimited, match="it answers again at 20"),
    ):
        account(server.url).droplets()
    assert len(server.asked) == 1


def test_the_reset_is_read_by_the_clock_of_the_server() -> None:
    """Ours may be wrong by hours."""
    told = {"Date": "Sat, 01 Jan 2028 00:00:00 GMT", "ratelimit-reset": "1830297601"}  # a second later
    with scripted(Told(429, {"id": "x", "message": "y"}, told), NONE) as server:
        account(server.url).droplets()
    assert len(server.asked) == 2


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "nan", "1e999", "99999999999999999999"])
def test_nonsense_for_a_time_does_no_harm(nonsense: str) -> None:
    with scripted(error(429, "x", ratelimit_reset=nonsense), NONE) as server:
        cloud = account(server.url)
        try:
            assert cloud.droplets() == []
        except problems.RateLimited:
            assert nonsense == "99999999999999999999" or float(nonsense) > 1e9


def test_no_network_is_an_error_that_says_what_to_check() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(problems.Unavailable, match="No answer from DigitalOcean at 127") as failed:
        account(f"http://127.0.0.1:{port}").droplets()
    assert "refused" in failed.value.message
    assert "network" in str(failed.value.hint)


def test_a_cut_answer_to_a_creation_is_an_error() -> None:
    with scripted(Told(201, b'{"tag": {"name": "dogitops"}}', cut=True)) as server, pytest.raises(problems.Unavailable):
        account(server.url)._pydo.tags.create({"name": "dogitops"})
    assert len(server.asked) == 1


NO_ANSWERS = [b"<html>login</html>", b"{", b"[]", b'{"other": 1}', b'{"droplets": [1]}', b"null", b"[" * 100_000]


@pytest.mark.parametrize("body", NO_ANSWERS)
def test_what_is_no_answer_of_the_api_is_an_error(body: bytes) -> None:
    with scripted(Told(200, body)) as server, pytest.raises(problems.AnswerUnreadable) as failed:
        account(server.url).droplets()
    assert "DIGITALOCEAN_API_URL" in str(failed.value.hint)


def test_a_list_that_never_ends_is_an_error() -> None:
    droplet = {"id": 1, "name": "a", "region": {"slug": "fra1"}, "created_at": "2026-01-01T00:00:00Z"}
    page = {"droplets": [droplet], "links": {"pages": {"next": "https://api.digitalocean.com/v2/droplets?page=2"}}}
    with scripted(Told(200, page)) as server, pytest.raises(problems.AnswerUnreadable, match="does not end"):
        account(server.url).droplets()
    assert len(server.asked) == 2


def test_json_that_is_called_something_else_is_an_error() -> None:
    told = Told(200, b'{"droplets": []}', {"Content-Type": "application/octet-stream"})
    with scripted(told) as server, pytest.raises(problems.AnswerUnreadable):
        account(server.url).droplets()


def test_a_page_of_html_is_an_error() -> None:
    with (
        scripted(Told(200, b"<html>log in</html>", {"Content-Type": "text/html"})) as server,
        pytest.raises(CloudError),
    ):
        account(server.url).droplets()


def test_the_token_follows_no_redirection() -> None:
    with (
        scripted(NONE) as elsewhere,
        scripted(Told(302, None, {"Location": f"{elsewhere.url}/v2/droplets"})) as server,
        pytest.raises(CloudError, match="302"),
    ):
        account(server.url).droplets()
    assert elsewhere.asked == []


def test_no_proxy_comes_between_us_and_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with scripted(NONE) as server:
        assert account(server.url).droplets() == []


def test_the_token_is_sent_and_never_shown(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = ""
    for answer in (error(500, f"I was sent {TOKEN}"), error(401, TOKEN), Told(200, b"{", cut=True)):
        with scripted(answer) as server:
            cloud = account(server.url)
            with pytest.raises(CloudError) as failed:
                cloud.droplets()
        assert server.authorizations[0] == f"Bearer {TOKEN}"
        shown += (
            "".join(traceback.format_exception(failed.value)) + repr(failed.value) + repr(cloud) + repr(vars(cloud))
        )
        seen: BaseException | None = failed.value
        while seen is not None:
            request = getattr(getattr(seen, "response", None), "request", None)
            shown += repr(dict(request.headers)) if request is not None else ""
            seen = seen.__cause__ or seen.__context__
    shown += caplog.text + "".join(capsys.readouterr())
    assert TOKEN not in shown


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://api.digitalocean.com", "without encryption"),
        ("http://10.0.0.7:8080", "without encryption"),
        ("http://127.0.0.1.example.com", "without encryption"),
        ("http://0.0.0.0:80", "without encryption"),
        ("ftp://127.0.0.1", "not the address"),
        ("api.digitalocean.com", "not the address"),
        ("https://", "not the address"),
        ("https://host:port", "not the address"),
        ("https://api.digitalocean.com/?a=b", "not the address"),
        ("https://api.digitalocean.com/v2", "at the root"),
    ],
)
def test_an_address_that_can_not_be_is_refused(url: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        checked_endpoint(url)
    assert refused.value.hint


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as refused:
        checked_endpoint("https://user:hunter2@api.digitalocean.com")
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize(
    "url", [PUBLIC_API, "http://127.0.0.1:8080/", "http://[::1]:8080", "http://localhost:1", "https://x.test"]
)
def test_an_address_that_can_be(url: str) -> None:
    assert checked_endpoint(url) == url.rstrip("/")


def test_the_account_of_the_environment() -> None:
    made = DigitalOcean.from_environment({"DIGITALOCEAN_TOKEN": " dop_v1_x12345 \n"}, patience=HASTE)
    assert made.endpoint == PUBLIC_API
    assert made.token == Secret("dop_v1_x12345")
    told = {"DIGITALOCEAN_ACCESS_TOKEN": "dop_v1_y12345", "DIGITALOCEAN_API_URL": "http://127.0.0.1:5/"}
    assert DigitalOcean.from_environment(told).endpoint == "http://127.0.0.1:5"


@pytest.mark.parametrize("token", ["", "  ", "\n"])
def test_no_token_is_told_with_where_to_get_one(token: str) -> None:
    with pytest.raises(ConfigurationError, match="DIGITALOCEAN_TOKEN is not set") as refused:
        DigitalOcean.from_environment({"DIGITALOCEAN_TOKEN": token})
    assert "account/api/tokens" in str(refused.value.hint)


def test_a_token_that_would_break_a_header_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        DigitalOcean(Secret("dop_v1\r\nX-Other: 1"))


def test_how_long_we_wait_comes_from_the_environment() -> None:
    told = {"DIGITALOCEAN_TOKEN": "dop_v1_x12345", "DOGITOPS_PATIENCE": "cluster=3600, read=0.5 tries=2"}
    assert DigitalOcean.from_environment(told).patience == Patience(cluster=3600, read=0.5, tries=2)
    assert DigitalOcean.from_environment({"DIGITALOCEAN_TOKEN": "dop_v1_x12345"}).patience == Patience()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("clusters=3", r"'clusters', which is nothing we wait for\. Did you mean 'cluster'\?"),
        ("read", "'' is no positive number"),
        ("read=soon", "'soon' is no positive number"),
        ("read=0", "'0' is no positive number"),
        ("read=-1", "'-1' is no positive number"),
        ("read=inf", "'inf' is no positive number"),
        ("read=nan", "'nan' is no positive number"),
        ("tries=1.5", "'1.5' is no positive number"),
    ],
)
def test_a_patience_that_makes_no_sense_is_told(told: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        Patience.from_environment({"DOGITOPS_PATIENCE": told})
    assert caught.value.hint
