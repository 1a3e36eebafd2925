"""What is never shown of an object: the data of Secrets, values under telling names, and what has a secret's form.

That such a value changes is still seen. Names are a net, not a proof: what is secret belongs into a Secret.
"""

from __future__ import annotations

import re
from typing import Any, Final

from automation.gitops import leak_patterns
from automation.gitops.manifests import Manifest
from automation.secret import masked

HIDDEN: Final = "(hidden)"
HIDDEN_CHANGED: Final = "(hidden, changed)"

# kubectl leaves here what it applied, the data of a Secret included.
_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_NAME: Final = (
    r"[\w.-]*(?:password|passwd|passphrase|api[_-]?key|private[_-]?key|access[_-]?key|secret[_-]?key|client[_-]?secret"
    r"|auth[_-]?token|credentials?)|(?:[\w.-]*[_.-])?(?:secret|token)"
)
_TELLING: Final = re.compile(_NAME, re.IGNORECASE)
_ENV_TELLING: Final = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE_?KEY|(?:^|_)(?:AUTH|PASS|DSN)$", re.IGNORECASE
)
# A telling name and its value inside of a text: a line of a configuration file, an argument, a part of a query.
_TOLD: Final = re.compile(
    rf"(?<![\w.-])((?:{_NAME})[\"']?[ \t]*[:=][ \t]*)(\"[^\"\n]+\"|'[^'\n]+'|[^\s\"',;&|>)\]}}]+)", re.IGNORECASE
)
# No secrets: references, what is filled in later, paths, and words that every parser knows.
_PLAIN: Final = re.compile(
    r"[\"']?(?:\$.*|\{\{.*|\{[\w.-]+:|%\(.*|<.*|/.*|true|false|null|none|~)[\"']?", re.IGNORECASE
)
_SECRETS: Final = frozenset({"data", "stringData"})


def without_secrets(old: Manifest | None, new: Manifest | None) -> tuple[Manifest | None, Manifest | None]:
    """Return both sides of an object without what must not be seen; that a value changed is still told."""
    return _without(old, new, HIDDEN), _without(new, old, HIDDEN if old is None else HIDDEN_CHANGED)


def text(value: str) -> str:
    """Return a text without what has the form of a secret, or stands under a telling name."""
    value = _TOLD.sub(lambda found: found[0] if _PLAIN.fullmatch(found[2]) else f"{found[1]}{HIDDEN}", value)
    return masked(leak_patterns.replaced(value, HIDDEN))


def _without(one: Any, other: Any, differs: str, *, secret: bool = False) -> Any:
    if isinstance(one, dict):
        counterpart = other if isinstance(other, dict) else {}
        named = one.get("name") if isinstance(one.get("name"), str) and "value" in one else ""
        return {
            (text(key) if isinstance(key, str) else key): _without(
                value,
                counterpart.get(key),
                differs,
                secret=secret
                or (one.get("kind") == "Secret" and key in _SECRETS)
                or key == _APPLIED
                or (key == "value" and bool(named and _ENV_TELLING.search(named)))
                or (isinstance(value, str) and bool(_TELLING.fullmatch(str(key))) and not _PLAIN.fullmatch(value)),
            )
            for key, value in one.items()
        }
    if isinstance(one, list):
        return [
            _without(value, pair, differs, secret=secret)
            for value, pair in zip(one, _counterparts(one, other), strict=True)
        ]
    if not secret:
        return text(one) if isinstance(one, str) else one
    return HIDDEN if one == other else differs


def _counterparts(one: list[Any], other: Any) -> list[Any]:
    """Return for each item what it was on the other side: by its name, else by its place in a list as long."""
    if not isinstance(other, list):
        return [None] * len(one)
    named = {item["name"]: item for item in other if isinstance(item, dict) and isinstance(item.get("name"), str)}
    same_length = len(one) == len(other)
    return [
        named.get(item["name"])
        if isinstance(item, dict) and isinstance(item.get("name"), str)
        else other[number]
        if same_length
        else None
        for number, item in enumerate(one)
    ]
