"""Who may ask, for what, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automation.simulators.digitalocean.answers import ApiError, forbidden, unauthorized

if TYPE_CHECKING:
    from automation.simulators.digitalocean.calls import Call
    from automation.simulators.digitalocean.cloud import Cloud
    from automation.simulators.digitalocean.model import Token
    from automation.simulators.digitalocean.routing import Route

HOUR, MINUTE = 3600, 60


def token_of(cloud: Cloud, call: Call) -> Token:
    """Return the token that was sent. Raises the 401."""
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    found = cloud.state.tokens.get(value.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        raise unauthorized()
    return found


def admit(route: Route, token: Token) -> None:
    """Raise the 403 of a token that lacks one of the route's scopes."""
    if token.scopes is None:
        return
    for scope in route.scopes:
        if scope not in token.scopes and scope.partition(":")[2] not in token.scopes:
            raise forbidden()


def count(cloud: Cloud, token: Token) -> None:
    """Count a request. Raises the 429 of a limit that is reached; ``retry-after`` comes with that of a minute only."""
    now, limits = cloud.clock.now(), cloud.limits
    if token.hour_ends <= now:
        token.used, token.hour_ends = 0, now + HOUR
    if limits.hour is not None and token.used >= limits.hour:
        raise too_many(cloud, token)
    if limits.minute is not None:
        token.recent = [at for at in token.recent if at > now - MINUTE]
        if len(token.recent) >= limits.minute:
            raise too_many(cloud, token, retry_after=max(int(token.recent[0] + MINUTE - now) + 1, 1))
        token.recent.append(now)
    token.used += 1


def too_many(cloud: Cloud, token: Token | None, *, retry_after: int | None = None) -> ApiError:
    """Return the 429."""
    headers = rate_headers(cloud, token) if token is not None else {}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return ApiError(429, "too_many_requests", "API rate limit exceeded.", headers=headers)


def rate_headers(cloud: Cloud, token: Token) -> dict[str, str]:
    """Return the headers that tell how much is left in this hour."""
    limit = cloud.limits.hour or 5000
    left = limit - token.used if cloud.limits.hour is not None else limit
    return {
        "ratelimit-limit": str(limit),
        "ratelimit-remaining": str(max(left, 0)),
        "ratelimit-reset": str(int(token.hour_ends or cloud.clock.now() + HOUR)),
    }
