"""What looks like a secret, and what does not. Every token here is made up in the test, so that none stands in Git."""

from __future__ import annotations

import base64
import random
import string

import pytest

from automation.gitops.leak_patterns import KNOWN, Patterns, fingerprint, too_short
from automation.secret import Secret

_CHANCE = random.Random(7)  # noqa: S311 - no secret


def made(letters: str, count: int) -> str:
    return "".join(_CHANCE.choices(letters, k=count))


HEX, WORD, CAPITALS = "0123456789abcdef", string.ascii_letters + string.digits, string.ascii_uppercase + string.digits
PEM = "\n".join(made(WORD + "+/", 64) for _ in range(6))
AGE = made("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)
TOKENS = {
    "digitalocean-token": [f"do{kind}_v1_{made(HEX, 64)}" for kind in "opr"],
    "github-token": [
        *(f"gh{kind}_{made(WORD, 36)}" for kind in "pousr"),
        f"github_pat_{made(WORD, 22)}_{made(WORD, 59)}",
    ],
    "private-key": [
        f"-----BEGIN {kind}PRIVATE KEY-----\n{PEM}\n" for kind in ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ")
    ],
    "pgp-private-key": [f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{PEM}\n"],
    "age-identity": [f"AGE-SECRET-KEY-1{AGE}"],
    "spaces-key": [f"DO00{made(CAPITALS, 16)}"],
    "aws-key": [f"AKIA{made(CAPITALS, 16)}"],
    "kubeconfig-key": [f"    client-key-data: {made(WORD, 400)}"],
    "openai-key": [f"sk-{made(WORD, 48)}", f"sk-proj-{made(WORD, 60)}"],
    "password-in-address": [
        f"postgresql://todo:{made(WORD, 20)}@db.example.org/todo",
        f"redis://:{made(WORD, 16)}@cache",
    ],
    "spaces-secret-key": [f"aws_secret_access_key = {made(WORD + '+/', 43)}", f'"secret_key": "{made(WORD, 40)}"'],
    "named-value": [f"DATABASE_PASSWORD={made(WORD, 32)}", f'  DATABASE_PASSWORD: "{made(WORD, 24)}"'],
}
CASES = [(rule, token) for rule, tokens in TOKENS.items() for token in tokens]


@pytest.mark.parametrize(("rule", "token"), CASES, ids=[f"{rule}-{number}" for number, (rule, _) in enumerate(CASES)])
@pytest.mark.parametrize("around", ["{}", "first line\n# x: '{}'\nlast", "a = {}, b"])
def test_every_token_is_found_where_it_stands(rule: str, token: str, around: str) -> None:
    text = around.format(token)
    found = {hit.rule: hit for hit in Patterns(["DATABASE_PASSWORD"]).hits(text)}
    assert rule in found
    secret = text[found[rule].start :]
    assert secret[:12] in token  # it begins inside of the token, not beside it


def test_a_private_key_on_one_line_of_json_is_found() -> None:
    text = '"key": "-----BEGIN PRIVATE KEY-----\\n' + PEM.replace("\n", "\\n") + '\\n"'
    assert [hit.rule for hit in Patterns().hits(text)] == ["private-key"]


@pytest.mark.parametrize(
    "text",
    [
        f"dop_v1_{'0' * 64}",
        f"ghp_{'x' * 36}",
        f"ghp_{made(WORD, 20)}",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n" + PEM,
        "postgresql://user:password@host:5432/dbname",
        "redis://:${REDIS_PASSWORD}@cache:6379",
        "DATABASE_PASSWORD=$(cat /run/secrets/database-password)",
        "DATABASE_PASSWORD: changeme",
        "AGE-SECRET-KEY-1...",
        f"do_v1_{made(HEX, 64)}",
        "client-key-data: REDACTED",
        f"sha256:{made(HEX, 64)}",
    ],
)
def test_placeholders_and_other_things_are_not_taken_for_secrets(text: str) -> None:
    assert list(Patterns(["DATABASE_PASSWORD"]).hits(text)) == []


def test_known_values_are_found_in_every_form() -> None:
    value = "correct horse battery"
    patterns = Patterns(values=[Secret(value), Secret(f"first line of it\n{PEM}")])
    for text in (value, f"data: {base64.b64encode(value.encode()).decode()}", PEM.splitlines()[3]):
        assert {hit.rule for hit in patterns.hits(f"a\nb {text} c")} == {KNOWN}
    assert list(patterns.hits("correct horse")) == []


def test_what_is_too_short_to_be_looked_for_is_told() -> None:
    assert too_short(Secret("changed"))
    assert not too_short(Secret("changed!"))


def test_a_fingerprint_tells_secrets_apart_and_gives_nothing_away() -> None:
    assert fingerprint("one") == fingerprint("one") != fingerprint("two")
    assert len(fingerprint("one")) == 16
