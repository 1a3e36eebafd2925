"""Which GitHub is meant: its address, its token, its repository."""

from __future__ import annotations

import pytest

from automation.errors import ConfigurationError
from automation.github.client import GitHub
from automation.github.transport import checked_url
from automation.secret import Secret

TOKEN = "ghs_canaryOfTheTransport123456"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.github.com",
        "https://github.example.org/api/v3/",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://localhost:8080",
        "http://172.17.0.1:8080",
        "http://host.docker.internal:8080",
    ],
)
def test_addresses_that_are_taken(url: str) -> None:
    assert checked_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.github.com",
        "http://10.0.0.1",
        "http://172.32.0.1",
        "http://localhost.example.org",
        "ftp://api.github.com",
        "api.github.com",
        "https://",
        "https://user:secret@api.github.com",
        "https://api.github.com:port",
        "https://api.github.com/?x=1",
        "",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        GitHub(url, Secret(TOKEN), "o/n")


def test_the_environment_describes_the_client() -> None:
    given = {"GITHUB_API_URL": "http://127.0.0.1:1", "GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "o/n"}
    client = GitHub.from_environment(environ=given)
    assert (client.api_url, client.repository) == ("http://127.0.0.1:1", "o/n")
    assert (
        GitHub.from_environment(environ={"GH_TOKEN": TOKEN, "GITHUB_REPOSITORY": "o/n"}).api_url
        == "https://api.github.com"
    )


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"GITHUB_REPOSITORY": "o/n"}, "no token"),
        ({"GITHUB_REPOSITORY": "o/n", "GITHUB_TOKEN": "  "}, "no token"),
        ({"GITHUB_TOKEN": TOKEN}, "repository"),
        ({"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "o/n/x"}, "repository"),
    ],
)
def test_what_the_environment_lacks_is_said(environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        GitHub.from_environment(environ=environ)
