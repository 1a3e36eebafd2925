"""What a secret looks like in a text: tokens by their form, values under telling names, and values that are known."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from automation.secret import Secret

SHORTEST: Final = 8  # characters of a known value; a shorter one stands everywhere by chance
KNOWN: Final = "value"
NAMED: Final = "named-value"

_RANDOM: Final = 3.0  # bits a character; words and placeholders have less
_VERY_RANDOM: Final = 4.0
_BASE64: Final = r"[A-Za-z0-9+/]"


@dataclass(frozen=True)
class Hit:
    """Something that looks like a secret, at ``start`` of a text. ``fingerprint`` tells equal ones, and no more."""

    rule: str
    start: int
    fingerprint: str


@dataclass(frozen=True)
class Form:
    """A form of token: ``literal`` is looked for first, because that is fast; group 1 of ``pattern`` is the secret."""

    rule: str
    literal: str
    pattern: re.Pattern[str]
    random: float = _RANDOM
    before: int = 0  # characters by which the pattern begins before the literal


def _form(rule: str, literal: str, pattern: str, random: float = _RANDOM, before: int = 0) -> Form:
    return Form(rule, literal, re.compile(pattern), random, before)


# DigitalOcean: https://docs.digitalocean.com/reference/api/create-personal-access-token/; GitHub:
# https://github.blog/engineering/behind-githubs-new-authentication-token-formats/; age: its specification, Bech32.
FORMS: Final = (
    _form("digitalocean-token", "_v1_", r"(do[opr]_v1_[0-9a-f]{64})(?![0-9a-f])", before=3),
    *(_form("github-token", f"gh{kind}_", rf"(gh{kind}_[A-Za-z0-9]{{36,251}})(?!\w)") for kind in "pousr"),
    _form("github-token", "github_pat_", r"(github_pat_[A-Za-z0-9_]{60,240})(?!\w)"),
    _form(
        "private-key",
        "PRIVATE KEY-----",
        rf"PRIVATE KEY-----(?:\\[nr]|[\s\"'+>|,])*((?:{_BASE64}|\\[nr]|[=\s]){{64,}})",
        _VERY_RANDOM,
    ),
    _form("pgp-private-key", "PGP PRIVATE KEY BLOCK-----", r"PGP PRIVATE KEY BLOCK-----\s*([\w+/=:\s-]{64,})"),
    _form("age-identity", "AGE-SECRET-KEY-", r"(AGE-SECRET-KEY-(?:PQ-)?1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58,})"),
    _form("spaces-key", "DO00", r"(DO00[A-Z0-9]{16})(?![A-Za-z0-9])"),
    _form("aws-key", "AKIA", r"(AKIA[A-Z0-9]{16})(?![A-Za-z0-9])"),
    _form(
        "kubeconfig-key", "client-key-data", rf"client-key-data[\"']?\s*[:=]\s*[\"']?({_BASE64}{{64,}})", _VERY_RANDOM
    ),
    _form("openai-key", "sk-", r"(sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{40,})", _VERY_RANDOM),
    *(
        _form("password-in-address", f"{scheme}://", rf"{scheme}://[^\s:/@\"'<>]*:([^\s:/@\"'<>{{}}$]{{12,}})@")
        for scheme in ("postgres", "postgresql", "redis", "rediss", "mysql", "mongodb", "amqp", "https")
    ),
    _form(
        "spaces-secret-key",
        "ecret",
        rf"(?i:ecret_?-?(?:access_?-?)?key)[\"']?\s*[:=]\s*[\"']?({_BASE64}{{40,43}})(?![A-Za-z0-9+/=])",
        _VERY_RANDOM,
    ),
)


class Patterns:
    """Everything that is looked for: the forms, ``names`` under which values stand, and known ``values``."""

    def __init__(self, names: Iterable[str] = (), values: Iterable[Secret] = ()) -> None:
        self._names = [
            Form(NAMED, name, re.compile(rf"{re.escape(name)}[\"']?\s*[:=]\s*[\"']?([A-Za-z0-9+/=_~.-]{{20,}})"))
            for name in sorted(set(names))
        ]
        self._values = sorted({form for value in values for form in _forms(value)})

    def hits(self, text: str) -> Iterator[Hit]:
        """Yield what is found in a text, each place once for each rule."""
        for form in FORMS:
            yield from _found(form, text, lambda form, secret: _entropy(secret) >= form.random)
        for form in self._names:
            yield from _found(form, text, lambda _, secret: _is_made_up(secret))
        for value in self._values:
            for start in _places(text, value):
                yield Hit(KNOWN, start, fingerprint(value))


def replaced(text: str, by: str) -> str:
    """Return a text in which ``by`` stands for everything that has the form of a token, a key or a password."""
    for form in FORMS:
        if form.literal in text:
            text = form.pattern.sub(lambda found: found[0].replace(found[1], by), text)
    return text


def fingerprint(secret: str) -> str:
    """Return what tells a secret from others and gives nothing of it away."""
    return hashlib.sha256(b"dogitops leak\0" + secret.encode()).hexdigest()[:16]


def too_short(value: Secret) -> bool:
    """Whether a value is so short that it can't be looked for."""
    return not list(_forms(value))


def _found(form: Form, text: str, is_secret: object) -> Iterator[Hit]:
    assert callable(is_secret)  # noqa: S101 - for the type checker
    for start in _places(text, form.literal):
        found = form.pattern.match(text, max(0, start - form.before))
        if found and is_secret(form, found[1]):
            yield Hit(form.rule, found.start(1), fingerprint(found[1]))


def _places(text: str, literal: str) -> Iterator[int]:
    at = text.find(literal)
    while at >= 0:
        yield at
        at = text.find(literal, at + len(literal))


def _forms(value: Secret) -> Iterator[str]:
    """Yield a known value as it may stand in a file: as it is, line by line, and as a manifest of a Secret has it."""
    text = value.reveal().strip()
    if len(text) >= SHORTEST:
        if "\n" not in text:
            yield text
        yield base64.b64encode(text.encode()).decode()
        yield from (line.strip() for line in text.splitlines()[:50] if len(line.strip()) >= 2 * SHORTEST)


def _is_made_up(secret: str) -> bool:
    """Whether a value is one that nobody would think of: random, with capitals, small letters and digits."""
    kinds = (str.isdigit, str.isupper, str.islower)
    return _entropy(secret) >= _VERY_RANDOM and all(any(map(kind, secret)) for kind in kinds)


def _entropy(text: str) -> float:
    """Return the bits a character, by how often each stands in the text."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
