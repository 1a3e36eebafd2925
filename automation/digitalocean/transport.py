"""How requests reach DigitalOcean: one step in pydo's pipeline that every call of every operation goes through.

pydo gives a 404 (and some 400 and 412) back as if it were a result, and its own retries send a creation twice. Here
every answer from 400 on becomes one of our errors before pydo sees it. Sent again is what can be done twice without
harm: GET, PUT, PATCH and DELETE. A POST is sent again only where DigitalOcean says that it did nothing (429).
"""

from __future__ import annotations

import ipaddress
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import uniform
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport

from automation import retry
from automation.digitalocean import problems
from automation.digitalocean.problems import CloudError, Unavailable
from automation.errors import ConfigurationError, did_you_mean
from automation.secret import Secret, masked

PUBLIC_API = "https://api.digitalocean.com"
PATIENCE = "DOGITOPS_PATIENCE"
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
_TRANSIENT = frozenset({500, 502, 503, 504})  # 501 stays what it is
_TOO_MANY = 429
_LEAST_ERROR = 300  # a redirection is an error: the token goes to one host alone


@dataclass(frozen=True)
class Patience:
    """How long we wait for DigitalOcean, all in seconds but ``tries``.

    ``first`` and ``longest`` bound the pauses between tries; ``limit`` bounds a wait that a rate limit asks for (its
    hourly window may ask for up to 3,600). ``poll`` is the pause between two looks at what is being made or deleted.
    ``settle`` is for how long we look for what a creation whose answer was lost may have made; ``cluster`` and
    ``deletion`` for how long we wait for a cluster to run and for something to be gone, ``busy`` for it to be free.
    """

    connect: float = 10.0
    read: float = 60.0
    tries: int = 6
    first: float = 1.0
    longest: float = 30.0
    limit: float = 900.0
    poll: float = 5.0
    settle: float = 20.0
    cluster: float = 1800.0
    deletion: float = 900.0
    busy: float = 120.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Patience:
        """Return what DOGITOPS_PATIENCE says, such as ``cluster=3600 read=120``. Raises ConfigurationError."""
        told: dict[str, float] = {}
        names = [field.name for field in fields(cls)]
        for word in environ.get(PATIENCE, "").replace(",", " ").split():
            name, _, text = word.partition("=")
            if name not in names:
                raise ConfigurationError(
                    f"{PATIENCE} names {name!r}, which is nothing we wait for.{did_you_mean(name, names)}",
                    hint=f"It can name: {', '.join(names)}.",
                )
            try:
                value = int(text) if name == "tries" else float(text)
            except ValueError:
                value = 0
            if not (0 < value < math.inf):
                raise ConfigurationError(
                    f"{PATIENCE} says {word!r}, and {text!r} is no positive number.",
                    hint="Seconds are meant, or a whole number of tries.",
                )
            told[name] = value
        return cls(**told)  # type: ignore[arg-type]  # tries is whole, as seen to above


def checked_endpoint(url: str) -> str:
    """Return the API's address without a slash at its end.

    Raises ConfigurationError for an address that would send the token over a network without encryption, and for one
    below a path: OpenTofu's provider can't use that, so both stand at the root.
    """
    parts = urlsplit(url)
    try:
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    told = masked(url) if "@" not in url else f"{parts.scheme}://…"
    if parts.scheme not in {"https", "http"} or not host or parts.username or parts.query or parts.fragment:
        raise ConfigurationError(f"{told!r} is not the address of DigitalOcean's API.", hint=_ENDPOINT_HINT)
    if parts.path.strip("/"):
        raise ConfigurationError(
            f"{told!r} has a path, but DigitalOcean's API stands at the root of its address.", hint=_ENDPOINT_HINT
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            f"{told!r} would send the token over the network without encryption.",
            hint="Use https. Plain http is for a loopback address alone, where a simulator listens.",
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether ``host`` names this machine alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def transport_to(endpoint: str, patience: Patience) -> RequestsTransport:
    """Return how bytes travel: past every proxy where the endpoint is on this machine."""
    return RequestsTransport(
        connection_timeout=patience.connect,
        read_timeout=patience.read,
        use_env_settings=not is_loopback(urlsplit(endpoint).hostname or ""),
    )


class NoPolicy(SansIOHTTPPolicy[Any, Any]):
    """Stands where pydo would put a step of its own."""


class Checked(HTTPPolicy[Any, Any]):
    """Signs, sends, checks and, where that is safe, sends again. Raises CloudError and nothing else."""

    def __init__(self, endpoint: str, token: Secret, patience: Patience) -> None:
        super().__init__()
        self._host = urlsplit(endpoint).netloc
        self._token = token
        self._patience = patience

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Return the answer to a request; none of them has a status from 300 on, or half a body."""
        patience = self._patience
        for attempt in retry.attempts(_again, tries=patience.tries, first=patience.first, longest=patience.longest):
            with attempt:
                return self._once(request)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        http = request.http_request
        repeatable = http.method in _REPEATABLE
        if urlsplit(http.url).netloc != self._host:
            raise CloudError(
                f"A request was about to leave for {urlsplit(http.url).netloc}, which is not {self._host}."
            )
        http.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        try:
            answer = self.next.send(request)
            answer.http_response.read()
        except AzureError as error:
            lost = problems.no_answer(http.method, http.url, _innermost(error))
            lost.again = repeatable
            raise lost from None
        finally:
            http.headers.pop("Authorization", None)  # azure's exceptions carry their request
        self._check(http, answer.http_response, repeatable=repeatable)
        return answer

    def _check(self, request: Any, response: Any, *, repeatable: bool) -> None:
        verb, url, status, body = request.method, request.url, response.status_code, response.body()
        headers = {str(name).lower(): str(value) for name, value in response.headers.items()}
        if status == _TOO_MANY:
            raise problems.rate_limited(verb, url, _asked_wait(headers), self._patience.limit)
        try:
            data = json.loads(body) if body else None
            readable = not body or "json" in headers.get("content-type", "json")
        except (ValueError, RecursionError):
            data, readable = None, False
        if status < _LEAST_ERROR and not readable and "json" in request.headers.get("Accept", ""):
            raise problems.unreadable(verb, url, "it is no JSON")
        if status >= _LEAST_ERROR:
            error = problems.from_answer(verb, url, status, data, headers)
            error.again = repeatable and isinstance(error, Unavailable) and status in _TRANSIENT
            raise error


def _again(error: Exception) -> bool | float:
    if not isinstance(error, CloudError):
        return False
    if isinstance(error.again, bool):
        return error.again
    return error.again + uniform(0.05, 0.5)  # noqa: S311 - so that several do not come back at the same moment


def _asked_wait(headers: dict[str, str]) -> float | None:
    """Return for how many seconds a 429 asks us to wait, None where it does not say."""
    after = headers.get("retry-after", "")
    if after:
        try:
            return float(after)
        except ValueError:
            return _seconds_until(after, headers)
    try:
        reset = datetime.fromtimestamp(float(headers.get("ratelimit-reset", "")), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return (reset - _now(headers)).total_seconds()


def _seconds_until(date: str, headers: dict[str, str]) -> float | None:
    try:
        return (parsedate_to_datetime(date) - _now(headers)).total_seconds()
    except (ValueError, TypeError):
        return None


def _now(headers: dict[str, str]) -> datetime:
    """Return the server's time, as it tells it: this machine's clock may be wrong."""
    try:
        told = parsedate_to_datetime(headers["date"])
        return told if told.tzinfo else told.replace(tzinfo=UTC)
    except (KeyError, ValueError, TypeError):
        return datetime.now(UTC)


def _innermost(error: BaseException) -> str:
    """Return the words of the first cause, without azure's, requests' and urllib3's wrapping."""
    while (inner := _inside(error)) is not None:
        error = inner
    words = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    return masked(words or type(error).__name__)


def _inside(error: BaseException) -> BaseException | None:
    """Return what an exception wraps: azure's name it, urllib3's hold it among their arguments."""
    wrapped = (getattr(error, "inner_exception", None), error.__cause__, *error.args)
    return next((it for it in wrapped if isinstance(it, BaseException)), None)


_ENDPOINT_HINT = (
    f"Set DIGITALOCEAN_API_URL to {PUBLIC_API}, or to the address that 'dogitops simulate digitalocean' prints."
)
