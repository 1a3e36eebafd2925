"""How requests reach GitHub: PyGithub's requester, held to one host, with patience, and with our errors.

Retried is what cannot be done twice by it: reads, and writes that set a value (PUT, PATCH, DELETE). A POST is sent
again only where GitHub says that it did nothing (a rate limit); after a 5xx its caller has to look first.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import requests
from github import Auth, Consts
from github.GithubException import BadAttributeException, GithubException
from github.GithubRetry import GithubRetry
from github.Requester import Requester
from urllib3 import BaseHTTPResponse, Retry
from urllib3.exceptions import HTTPError

from automation import report
from automation.errors import ConfigurationError, DogitopsError, Refused
from automation.github import problems
from automation.secret import Secret, masked

T = TypeVar("T")

PUBLIC_API = "https://api.github.com"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
_SERVER_FAULTS = frozenset({500, 502, 503, 504})
_LIMITS = frozenset({403, 429})
_DOCKER = ipaddress.ip_network("172.16.0.0/12")  # docker takes its bridges from there
_NAMES_OF_THIS_MACHINE = frozenset({"localhost", "host.docker.internal"})


@dataclass(frozen=True)
class Patience:
    """How long we wait for GitHub, all in seconds. ``longest_wait`` bounds each wait that a rate limit asks for.

    ``secondary_wait`` is for limits without a Retry-After: GitHub asks for a minute at least.
    """

    timeout: int = 30
    tries: int = 6
    backoff: float = 1.0
    longest_wait: float = 150.0
    secondary_wait: float = 60.0


def checked_url(url: str) -> str:
    """Return the API's address without a slash at its end.

    Raises ConfigurationError for an address that would send the token unencrypted over a network.
    """
    parts = urlsplit(url)
    try:
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if parts.scheme not in {"https", "http"} or not host or parts.username or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{masked(url)!r} is not the address of a GitHub API.",
            hint=f"Set GITHUB_API_URL to {PUBLIC_API}, or to https://HOST/api/v3 for a GitHub Enterprise Server.",
        )
    if parts.scheme == "http" and not _on_this_machine(host):
        raise ConfigurationError(
            f"{url!r} would send the token unencrypted over the network.",
            hint="Use https. Plain http is for this machine alone: loopback or docker's bridge.",
        )
    return url.rstrip("/")


def _on_this_machine(host: str) -> bool:
    if host in _NAMES_OF_THIS_MACHINE:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or (address.version == _DOCKER.version and address in _DOCKER)


class Retries(Retry):
    """Which answers are worth another try, and how long to wait before it."""

    def __init__(self, patience: Patience, *, asked_wait: float | None = None, **kwargs: Any) -> None:
        self.patience = patience
        self.asked_wait = asked_wait
        kwargs.setdefault("total", patience.tries - 1)
        kwargs.setdefault("backoff_factor", patience.backoff)
        super().__init__(**{**kwargs, "allowed_methods": _SAFE, "raise_on_status": False})

    def new(self, **kw: Any) -> Self:
        """Return a copy with other counts; urllib3 calls it."""
        return super().new(patience=self.patience, **kw)

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: ARG002
        """Whether ``increment`` shall look at the answer."""
        return status_code in _LIMITS or (status_code in _SERVER_FAULTS and method.upper() in _SAFE)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Self:
        """Count a try. Raises GitHubError when another makes no sense; urllib3 gives the answer once all are used."""
        limited = response is not None and response.status in _LIMITS
        asked_wait = self._limit(method or "", url or "", response) if limited and response is not None else None
        left = super().increment(method, url, response, *args, **kwargs)
        left.asked_wait = asked_wait
        if response is not None and not limited:
            report.note(f"GitHub answered {response.status}; it is asked again.")
        return left

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return how long to wait before the next try, None for the ordinary backoff."""
        if self.asked_wait is not None:
            return self.asked_wait
        asked = _seconds(response.headers.get("Retry-After"))
        return asked if asked is not None and asked <= self.patience.longest_wait else None

    def _limit(self, method: str, url: str, response: BaseHTTPResponse) -> float:
        """Return the seconds that a limit asks for. Raises GitHubError if it is no limit, or asks for too long."""
        headers = {key.lower(): value for key, value in response.headers.items()}
        # The body can be read once: from here on the answer has to be dealt with here.
        data: Any = None
        with contextlib.suppress(ValueError, requests.RequestException, HTTPError):
            data = json.loads(GithubRetry.get_content(response, url))  # type: ignore[arg-type]
        said = str(data.get("message") or "") if isinstance(data, dict) else ""
        asked = _seconds(headers.get("retry-after"))
        primary = Requester.isPrimaryRateLimitError(said) or (
            asked is None and headers.get("x-ratelimit-remaining") == "0"
        )
        secondary = response.status == 429 or Requester.isSecondaryRateLimitError(said) or "abuse" in said.lower()  # noqa: PLR2004 - HTTP
        if not (primary or secondary or asked is not None):
            raise problems.from_answer(method, url, response.status, data, headers)
        wait = asked if asked is not None else self._reset(headers) if primary else self.patience.secondary_wait
        if wait > self.patience.longest_wait or not self.total:
            raise problems.rate_limited(method, url, response.status, wait, primary=primary)
        report.note(f"GitHub's rate limit is reached; waiting {wait:.0f} s.")
        return wait

    def _reset(self, headers: dict[str, str]) -> float:
        with contextlib.suppress(ValueError):
            # One second more: it is not said when within that second the limit ends.
            return max(0.0, float(headers.get("x-ratelimit-reset", "")) - time.time()) + 1
        return self.patience.secondary_wait


class OneHost(Requester):
    """PyGithub's requester, which speaks to the configured host alone and raises our errors.

    One request at a time: PyGithub keeps the request on the connection that its threads would share, so that two at
    once could send one's body to the other's address.
    """

    _one_at_a_time: threading.RLock

    @classmethod
    def open(cls, api_url: str, token: Secret, patience: Patience, user_agent: str) -> OneHost:
        """Return a requester for ``api_url`` (see :func:`checked_url`)."""
        opened = cls(
            auth=Auth.Token(token.reveal()),
            base_url=api_url,
            timeout=patience.timeout,
            user_agent=user_agent,
            per_page=100,
            verify=True,
            retry=Retries(patience),
            pool_size=None,
            lazy=True,
            api_version=Consts.API_VERSION_2022_11_28,
        )
        opened._one_at_a_time = threading.RLock()
        return opened

    def requestJsonAndCheck(self, verb: str, url: str, *args: Any, **kwargs: Any) -> tuple[dict[str, Any], Any]:  # noqa: N802
        """Send a request and return headers and JSON. Raises GitHubError."""
        headers, data = self._ours(
            verb, url, lambda: super(OneHost, self).requestJsonAndCheck(verb, url, *args, **kwargs)
        )
        kind = str(headers.get("content-type") or "")
        if data is not None and kind and "json" not in kind:
            raise problems.GitHubError(
                f"The answer to {verb} {urlsplit(url).path} is {kind}, not JSON: this is not a GitHub API.",
                hint="Check GITHUB_API_URL, and whether a proxy answers in its place.",
            )
        return headers, data

    def requestJson(self, verb: str, url: str, *args: Any, **kwargs: Any) -> tuple[int, dict[str, Any], str]:  # noqa: N802
        """Send a request and return status, headers and text as they are. Raises GitHubError without an answer."""
        return self._ours(verb, url, lambda: super(OneHost, self).requestJson(verb, url, *args, **kwargs))

    def requestBlob(self, verb: str, url: str, *args: Any, **kwargs: Any) -> tuple[int, dict[str, Any], str]:  # noqa: N802
        """Send a request with a file. Raises GitHubError without an answer."""
        return self._ours(verb, url, lambda: super(OneHost, self).requestBlob(verb, url, *args, **kwargs))

    def graphql_query(self, query: str, variables: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Ask the GraphQL API. Raises GitHubError, too for errors that it answers with status 200."""
        return self._ours("POST", self.graphql_url, lambda: super(OneHost, self).graphql_query(query, variables))

    def _ours(self, verb: str, url: str, send: Callable[[], T]) -> T:
        self._same_host(url)
        try:
            with self._one_at_a_time:
                return send()
        except DogitopsError:
            raise
        except GithubException as error:
            problem: DogitopsError = _refused(verb, url, error)
        except requests.Timeout as error:
            problem = problems.no_answer(verb, self._absolute(url), f"it took too long ({type(error).__name__}).")
        except (requests.RequestException, HTTPError) as error:
            problem = problems.no_answer(verb, self._absolute(url), _root(error))
        except (ValueError, AssertionError, RuntimeError, BadAttributeException) as error:
            problem = problems.GitHubError(
                f"The answer to {verb} {urlsplit(url).path} is not one of GitHub's: {str(error)[:200]}",
                hint="Check GITHUB_API_URL, and whether a proxy answers in its place.",
            )
        # Outside of the except block: the original holds the request with its headers, and the token in them.
        raise problem

    def _same_host(self, url: str) -> None:
        if url.startswith("/"):
            return
        if _origin(url) != _origin(self.base_url):
            raise Refused(
                f"An answer of {self.hostname} points to {urlsplit(url).netloc}, where the token is not sent.",
                hint="Set GITHUB_API_URL to the address that the server itself uses, if the two are the same.",
            )

    def _absolute(self, url: str) -> str:
        return f"{self.base_url}{url}" if url.startswith("/") else url


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _refused(verb: str, url: str, error: GithubException) -> problems.GitHubError:
    headers = {key.lower(): value for key, value in (error.headers or {}).items()}
    data = error.data
    if error.status == 400 and isinstance(data, dict) and isinstance(data.get("errors"), list):  # noqa: PLR2004 - HTTP
        kinds = {one.get("type") for one in data["errors"] if isinstance(one, dict)}
        if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:  # GraphQL answers these with status 200
            return problems.from_answer(verb, url, 403, data, headers)
    return problems.from_answer(verb, url, error.status, data, headers)


def _root(error: BaseException) -> str:
    """Return the innermost reason: requests wraps urllib3, which wraps the socket's."""
    reason = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    if isinstance(reason, BaseException):
        return _root(reason)
    return " ".join(str(error).split())[:200] or type(error).__name__


def _seconds(value: str | None) -> float | None:
    """Return a Retry-After in seconds; it is a number or a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    return None
