"""AWS Signature Version 4, as far as S3 needs it: who signed a request, and signing one ourselves.

The rules are those of the S3 API reference, "Authenticating Requests (AWS Signature Version 4)".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
_STAMP = "%Y%m%dT%H%M%SZ"
_SKEW = timedelta(minutes=15)  # how far a clock may be off
_LONGEST = 7 * 24 * 3600  # seconds that a presigned URL may hold


class Unsigned(Exception):  # noqa: N818 - reads as what happened
    """A request that is not signed as it must be: ``code`` and ``args[0]`` are S3's words for it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Asked:
    """A request: its path as it was sent, its query taken apart, its headers with names in lower case."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Signed:
    """What a request says about its signature; nothing of it is checked yet."""

    access_key: str
    scope: str  # DATE/REGION/s3/aws4_request
    headers: tuple[str, ...]  # the names that are signed, in lower case
    signature: str
    stamp: str
    payload: str  # the body's SHA-256, or a word in its place
    expires: int | None = None  # of a presigned URL, in seconds

    @property
    def region(self) -> str:
        """The region that the key was made for."""
        return self.scope.split("/")[1]


def read(asked: Asked) -> Signed:
    """Return what the headers or the query say. Raises Unsigned."""
    headers = asked.headers
    words = dict(asked.query)
    if "X-Amz-Signature" in words:
        credential = words.get("X-Amz-Credential", "")
        listed, signature, stamp = words.get("X-Amz-SignedHeaders", ""), words["X-Amz-Signature"], "X-Amz-Date"
        access_key, _, scope = credential.partition("/")
        expires = words.get("X-Amz-Expires", "")
        if not expires.isdigit() or int(expires) > _LONGEST:
            raise Unsigned(
                400, "AuthorizationQueryParametersError", "X-Amz-Expires must be less than a week in seconds"
            )
        return _whole(
            Signed(access_key, scope, tuple(listed.split(";")), signature, words.get(stamp, ""), UNSIGNED, int(expires))
        )
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if not scheme:
        raise Unsigned(403, "AccessDenied", "Access Denied")
    if scheme != ALGORITHM:
        raise Unsigned(400, "InvalidRequest", "The authorization mechanism you have provided is not supported.")
    parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    access_key, _, scope = parts.get("Credential", "").partition("/")
    listed = parts.get("SignedHeaders", "")
    payload = headers.get("x-amz-content-sha256", "")
    if not payload:
        raise Unsigned(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    stamp = headers.get("x-amz-date", "")
    return _whole(Signed(access_key, scope, tuple(listed.split(";")), parts.get("Signature", ""), stamp, payload))


def check(signed: Signed, secret_key: str, asked: Asked, *, now: datetime | None = None) -> None:
    """Raise Unsigned unless the request was signed with that key, lately."""
    now = now or datetime.now(UTC)
    try:
        at = datetime.strptime(signed.stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise Unsigned(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from error
    if signed.expires is not None and now > at + timedelta(seconds=signed.expires):
        raise Unsigned(403, "AccessDenied", "Request has expired")
    if abs(now - at) > _SKEW and (signed.expires is None or at > now):
        raise Unsigned(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        )
    rest = [(name, value) for name, value in asked.query if name != "X-Amz-Signature"]
    expected = _signature(signed, secret_key, replace(asked, query=rest))
    if not hmac.compare_digest(expected, signed.signature):
        raise Unsigned(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )


def sign(access_key: str, secret_key: str, region: str, asked: Asked, payload: str) -> dict[str, str]:
    """Return the headers that sign a request. All headers of ``asked`` are signed, and the host must be among them."""
    stamp = datetime.now(UTC).strftime(_STAMP)
    more = {"x-amz-date": stamp, "x-amz-content-sha256": payload}
    signed_headers = tuple(sorted({*asked.headers, *more}))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    signed = Signed(access_key, scope, signed_headers, "", stamp, payload)
    signature = _signature(signed, secret_key, replace(asked, headers={**asked.headers, **more}))
    authorization = (
        f"{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={';'.join(signed_headers)}, Signature={signature}"
    )
    return {**more, "authorization": authorization}


def canonical_path(path: str) -> str:
    """Return a path with exactly what must be percent-encoded, encoded once."""
    return quote(unquote(path), safe="/-_.~")


def canonical_query(query: list[tuple[str, str]]) -> str:
    """Return a query, sorted and encoded."""
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query)
    return "&".join(f"{name}={value}" for name, value in encoded)


def parse_query(raw: str) -> list[tuple[str, str]]:
    """Return a query's names and values; a plus is a plus, as the signature has it."""
    pairs = (part.partition("=") for part in raw.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in pairs]


def _whole(signed: Signed) -> Signed:
    date, _, rest = signed.scope.partition("/")
    if not signed.access_key or rest.count("/") != 2 or not rest.endswith("/s3/aws4_request") or len(date) != 8:  # noqa: PLR2004
        raise Unsigned(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
    if "host" not in signed.headers or not signed.signature:
        raise Unsigned(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
    return signed


def _signature(signed: Signed, secret_key: str, asked: Asked) -> str:
    lines = "".join(f"{name}:{' '.join(asked.headers.get(name, '').split())}\n" for name in signed.headers)
    request = "\n".join(
        [
            asked.method,
            canonical_path(asked.path),
            canonical_query(asked.query),
            lines,
            ";".join(signed.headers),
            signed.payload,
        ]
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"{ALGORITHM}\n{signed.stamp}\n{signed.scope}\n{digest}"
    key = f"AWS4{secret_key}".encode()
    for word in signed.scope.split("/"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
