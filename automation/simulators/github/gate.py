"""Who may do what: credentials, permissions, and the limits on how often."""

from __future__ import annotations

import base64
import binascii

from automation.simulators.github.answers import DOCS, ApiError, Call, not_found
from automation.simulators.github.model import Repository, Token
from automation.simulators.github.routing import Context, Route
from automation.simulators.github.shapes.show import Show
from automation.simulators.github.world import ROLES, World

WINDOW = 3600  # seconds that a rate limit is counted over
ANONYMOUS_LIMIT = 60
_LEVELS = {"read": 1, "write": 2, "admin": 3}
_LIMITS_DOCS = f"{DOCS}/using-the-rest-api/rate-limits-for-the-rest-api"


def token_of(world: World, call: Call) -> Token | None:
    """Return the token that was sent, None for an anonymous request. Raises the 401."""
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    if not scheme:
        return None
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            value = ""
    found = world.store.token(value.strip()) if scheme.lower() in {"token", "bearer", "basic"} else None
    if found is None:
        raise ApiError(401, "Bad credentials")
    return found


def enter(world: World, call: Call, route: Route) -> Context:
    """Return the context of a request that is allowed. Raises the 401, 403 and 404 of one that is not."""
    token = call.token
    user = world.store.ensure_user(token.login) if token is not None else None
    found: Repository | None = None
    role = "none"
    if "owner" in call.words and "repo" in call.words:
        found = world.store.repository(f"{call.words['owner']}/{call.words['repo']}")
        if found is None or (token is None and found.private):
            raise not_found()
        if token is not None and token.repositories is not None and found.full_name not in token.repositories:
            raise not_found()
        role = world.role(found, user.login) if user else "read"
    if token is None and call.method != "GET":
        raise ApiError(401, "Requires authentication")
    if token is not None and token.permissions is not None:
        _installation(token, route, found)
    elif found is not None:
        if role == "none":
            raise not_found()
        if ROLES.index(role) < ROLES.index(route.role):
            raise _role_missing(route.role)
    return Context(call, world, Show(world.store, call.host, call.base), user, role, found)


def may_push(context: Context) -> bool:
    """Whether who asks may change what others wrote."""
    token = context.token
    installed = token is not None and token.permissions is not None
    return installed or ROLES.index(context.role) >= ROLES.index("write")


def _installation(token: Token, route: Route, repository: Repository | None) -> None:
    granted = token.permissions or {}
    open_to_all = route.method == "GET" and repository is not None and not repository.private
    if not route.needs or open_to_all:
        return
    if not any(_LEVELS.get(granted.get(name, ""), 0) >= _LEVELS[level] for name, level in route.needs):
        accepted = "; ".join(f"{name}={level}" for name, level in route.needs)
        raise ApiError(
            403, "Resource not accessible by integration", headers={"X-Accepted-GitHub-Permissions": accepted}
        )


def _role_missing(role: str) -> ApiError:
    words = {"admin": "Must have admin rights to Repository.", "write": "Must have push access to repository"}
    return ApiError(403, words.get(role, "Must have push access to repository"))


# limits


def settle(world: World, token: Token) -> None:
    """Start a new hour of the rate limit when the last one is over."""
    now = world.store.seconds()
    if token.rate_reset <= now:
        token.rate_used, token.rate_reset = 0, now + WINDOW


def rate_headers(world: World, token: Token) -> dict[str, str]:
    """Return the headers that tell how much of the rate limit is left."""
    settle(world, token)
    return {
        "X-RateLimit-Limit": str(token.rate_limit),
        "X-RateLimit-Remaining": str(max(token.rate_limit - token.rate_used, 0)),
        "X-RateLimit-Reset": str(token.rate_reset),
        "X-RateLimit-Used": str(token.rate_used),
        "X-RateLimit-Resource": "core",
    }


def count(world: World, token: Token) -> None:
    """Count a request. Raises the 403 of a limit that is used up."""
    settle(world, token)
    if token.rate_used >= token.rate_limit:
        raise rate_limited(world, token)
    token.rate_used += 1


def rate_limited(world: World, token: Token | None) -> ApiError:
    """Return the answer to one request too many in this hour."""
    if token is None:
        message = (
            "API rate limit exceeded for 127.0.0.1. (But here's the good news: Authenticated requests get a higher "
            "rate limit. Check out the documentation for more details.)"
        )
        return ApiError(403, message, documentation=_LIMITS_DOCS)
    user = world.store.ensure_user(token.login)
    whose = f"user ID {user.id}" if token.permissions is None else f"installation ID {user.id}"
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Used": str(token.rate_limit)}
    return ApiError(
        403,
        f"API rate limit exceeded for {whose}. If you reach out to GitHub Support for help, "
        "please include the request ID shown in the answer's headers.",
        documentation=_LIMITS_DOCS,
        headers=used_up,
    )


def abuse(retry_after: int) -> ApiError:
    """Return the answer of the secondary rate limit."""
    return ApiError(
        403,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
        "If you reach out to GitHub Support for help, please include the request ID shown in the answer's headers.",
        documentation=f"{_LIMITS_DOCS}#about-secondary-rate-limits",
        headers={"Retry-After": str(retry_after)},
    )


def count_content(world: World, token: Token, call: Call) -> None:
    """Count what makes content against the secondary limit, where there is one. Raises its 403."""
    limit = world.store.state.contents_a_minute
    if limit is None or call.method not in {"POST", "PATCH", "PUT", "DELETE"}:
        return
    now = world.store.seconds()
    token.contents_made = [at for at in token.contents_made if at > now - 60]
    if len(token.contents_made) >= limit:
        raise abuse(max(token.contents_made[0] + 60 - now, 1))
    token.contents_made.append(now)
