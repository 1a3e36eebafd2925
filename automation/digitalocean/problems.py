"""What DigitalOcean refuses or fails at, in words that say what to do. No header of a request gets in here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from automation.errors import DogitopsError
from automation.secret import masked

_LONGEST_ANSWER = 500  # characters of DigitalOcean's own words that are shown
_A_YEAR = 365 * 24 * 3600.0  # seconds; no limit lasts longer, whatever a header says


class CloudError(DogitopsError):
    """DigitalOcean did not do what was asked.

    ``status`` is its HTTP answer, None where there was none. ``again`` is whether it makes sense to send the same
    request once more: yes, no, or the seconds that it asks us to wait first.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, status: int | None = None, again: bool | float = False
    ) -> None:
        super().__init__(masked(message), hint=hint)
        self.status = status
        self.again = again


class NotFound(CloudError):  # noqa: N818 - reads as what happened
    """404: it is not there, or not any more."""


class Invalid(CloudError):  # noqa: N818 - reads as what happened
    """400 or 422: DigitalOcean understood, and will not do it."""


class Conflict(CloudError):  # noqa: N818 - reads as what happened
    """409, 412, or 422 for what is busy: its state does not allow it now."""


class NameTaken(Conflict):
    """Something of this name is there already."""


class QuotaReached(CloudError):  # noqa: N818 - reads as what happened
    """The account may not have more of it."""

    exit_code = 2


class NoCapacity(CloudError):  # noqa: N818 - reads as what happened
    """The region has no room for it at the moment."""


class TokenRefused(CloudError):  # noqa: N818 - reads as what happened
    """401: no such token, or it has expired."""

    exit_code = 2


class ScopeMissing(CloudError):  # noqa: N818 - reads as what happened
    """403: the token may not do this; ``scope`` names what it lacks, or is empty."""

    exit_code = 2

    def __init__(self, message: str, *, scope: str, hint: str) -> None:
        super().__init__(message, hint=hint, status=403)
        self.scope = scope


class RateLimited(CloudError):  # noqa: N818 - reads as what happened
    """429: too many requests. It is raised when the wait is longer than we have patience for."""


class Unavailable(CloudError):  # noqa: N818 - reads as what happened
    """5xx or no whole answer, after all tries. A creation that ended so may have taken effect: look first."""


class AnswerUnreadable(CloudError):  # noqa: N818 - reads as what happened
    """An answer that does not have the form that the API's description promises."""


# What the first part of a path is called in the scopes of a token (security in DigitalOcean's OpenAPI document).
_SCOPES = (
    (r"/v2/account/keys", "ssh_key"),
    (r"/v2/volumes/snapshots|/v2/volumes/[^/]+/snapshots", "block_storage_snapshot"),
    (r"/v2/volumes/([^/]+/)?actions", "block_storage_action"),
    (r"/v2/volumes", "block_storage"),
    (r"/v2/spaces/keys", "spaces_key"),
    (r"/v2/projects/[^/]+/resources", "project"),
    (r"/v2/registr(y|ies)", "registry"),
    (r"/v2/actions", "actions"),
    (r"/v2/(regions|sizes)", r"\1"),
    (r"/v2/(account|image|snapshot|droplet|firewall|load_balancer)s?", r"\1"),
    (r"/v2/(domain|certificate|vpc|tag|project|database)s?", r"\1"),
    (r"/v2/reserved_ips", "reserved_ip"),
    (r"/v2/kubernetes", "kubernetes"),
)  # fmt: skip
_VERBS = {"GET": "read", "HEAD": "read", "POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
_QUOTA = re.compile(
    r"\b(exceed\w*|reached|over|not enough)\b[^.]*\b(limit|quota)|\b(limit|quota)\b[^.]*\b(exceed|reach)", re.IGNORECASE
)
_CAPACITY = re.compile(r"capacity|(un|not )available in|sold out|insufficient resources", re.IGNORECASE)
_TAKEN = re.compile(
    r"already (exists|in use|taken|been taken)|name .*(taken|in use|not unique)|must be unique", re.IGNORECASE
)
_BUSY = re.compile(
    r"pending event|is locked|in progress|still (in use|attached|has)|attached to|has members|with members",
    re.IGNORECASE,
)
_TOKEN_HINT = (
    "The token is wrong, has expired or was revoked. Make one at "  # noqa: S105 - words
    "https://cloud.digitalocean.com/account/api/tokens and set DIGITALOCEAN_TOKEN to it."
)
_QUOTA_HINT = (
    "The account's limit is reached. 'dogitops reap --all' shows what is left over of ours; a higher limit is asked "
    "for at https://cloud.digitalocean.com/account/team/droplet_limit_increase."
)
_GONE_HINT = "It does not exist, or somebody else has deleted it."
_OTHER_HINT = "See what DigitalOcean says above, and check DIGITALOCEAN_API_URL."
_LATER = "See https://status.digitalocean.com and run it again: what was done before is found and not done twice."


def from_answer(verb: str, url: str, status: int, data: Any, headers: Mapping[str, str]) -> CloudError:
    """Return the error for an answer with an error ``status``; ``data`` is its JSON, ``headers`` are in lower case."""
    said = _said(data)
    identity = str(data.get("id") or "") if isinstance(data, dict) else ""
    request_id = headers.get("x-request-id") or (str(data.get("request_id") or "") if isinstance(data, dict) else "")
    text = f"DigitalOcean answered {status} to {verb} {_path(url)}{': ' + said if said else '.'}"
    if status >= 500:  # noqa: PLR2004 - HTTP
        told = f"{text} (request {request_id})" if request_id else text
        return Unavailable(told, hint=_LATER, status=status)
    if status in {403, 409, 422} and _QUOTA.search(said):
        return QuotaReached(text, hint=_QUOTA_HINT, status=status)
    if status in {400, 409, 412, 422} or (status == 403 and _BUSY.search(said)):  # noqa: PLR2004 - HTTP
        return _refused(text, said, identity, status)
    if status == 401:  # noqa: PLR2004 - HTTP
        return TokenRefused(text, hint=_TOKEN_HINT, status=status)
    if status == 403:  # noqa: PLR2004 - HTTP
        return _forbidden(verb, url, text)
    error, hint = (NotFound, _GONE_HINT) if status == 404 else (CloudError, _OTHER_HINT)  # noqa: PLR2004 - HTTP
    return error(text, hint=hint, status=status)


def no_answer(verb: str, url: str, why: str) -> Unavailable:
    """Return the error for a request without a whole answer: no network, a broken connection, a time-out."""
    host = urlsplit(url).netloc
    return Unavailable(
        f"No answer from DigitalOcean at {host} to {verb} {_path(url)}: {' '.join(why.split())[:_LONGEST_ANSWER]}",
        hint=f"Check the network, HTTPS_PROXY and DIGITALOCEAN_API_URL. {_LATER}",
    )


def unreadable(verb: str, url: str, why: str) -> AnswerUnreadable:
    """Return the error for an answer that can't be read."""
    return AnswerUnreadable(
        f"The answer to {verb} {_path(url)} is not one of DigitalOcean's API: {why}",
        hint="Check DIGITALOCEAN_API_URL: something else may answer there, a proxy for example.",
    )


def rate_limited(verb: str, url: str, seconds: float | None, longest: float) -> RateLimited:
    """Return the error for a 429: worth another try after ``seconds``, unless that is longer than ``longest``."""
    wait = max(0.0, seconds or 0.0)
    again: bool | float = False if wait > longest else True if seconds is None else wait
    until = datetime.fromtimestamp(datetime.now(UTC).timestamp() + min(wait, _A_YEAR), UTC)
    told = f"; it answers again at {until:%Y-%m-%d %H:%M:%S} UTC" if again is False else ""
    return RateLimited(
        f"DigitalOcean answers 429 to {verb} {_path(url)}: too many requests{told}.",
        hint="A token has 5,000 requests an hour and 250 a minute. Run it again later: what was done before is found "
        "and not done twice.",
        status=429,
        again=again,
    )


def scope_of(verb: str, url: str) -> str:
    """Return the scope that a token needs for a request, such as ``droplet:create``; empty where it is not known."""
    path = _path(url)
    for pattern, name in _SCOPES:
        found = re.match(rf"(?:{pattern})(?:/|$)", path)
        if found:
            action = _VERBS.get(verb, "read")
            if action == "create" and re.search(r"/droplets/.*actions|/reserved_ips/.*actions|/upgrade$", path):
                action = "update"
            if name == "project" and path.endswith("/resources") and action == "create":
                action = "assign_resource"
            if name == "spaces_key" and action == "create":
                action = "create_credentials"
            return f"{found.expand(name)}:{action}"
    return ""


def _forbidden(verb: str, url: str, text: str) -> ScopeMissing:
    scope = scope_of(verb, url)
    lacks = f" The token lacks the scope `{scope}`." if scope else ""
    return ScopeMissing(
        f"{text}{lacks}",
        scope=scope,
        hint=f"Make a token with {f'the scope `{scope}`' if scope else 'more scopes'} (or full access) at "
        "https://cloud.digitalocean.com/account/api/tokens and set DIGITALOCEAN_TOKEN to it.",
    )


def _refused(text: str, said: str, identity: str, status: int) -> CloudError:
    if _TAKEN.search(said):
        return NameTaken(text, hint="Choose another name, or remove what carries it.", status=status)
    if _CAPACITY.search(said):
        return NoCapacity(text, hint="Choose another region or size, or try again later.", status=status)
    if status in {409, 412} or _BUSY.search(said) or identity in {"conflict", "precondition_failed"}:
        return Conflict(text, hint="It is busy or still in use. Run it again in a minute.", status=status)
    return Invalid(
        text, hint="DigitalOcean understood the request and refuses it for the reason it gives.", status=status
    )


def _path(url: str) -> str:
    return urlsplit(url).path


def _said(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    text = " ".join(str(data.get("message") or data.get("error") or data.get("id") or "").split())[:_LONGEST_ANSWER]
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
