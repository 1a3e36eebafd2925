from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from automation.errors import ConfigurationError
from automation.github.commands import Command, parse

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("body", "command"),
    [
        (f"/dogitops acknowledge local {DIGEST}", Command("acknowledge", "local", DIGEST)),
        (
            f"/dogitops acknowledge local {DIGEST[:12]}\r\n\r\nWe meant it.",
            Command("acknowledge", "local", DIGEST[:12]),
        ),
        (f"/dogitops\tapply  prod-eu1 {DIGEST[:20]}  ", Command("apply", "prod-eu1", DIGEST[:20])),
        ("/dogitops unlock local\nAlice is on holiday.", Command("unlock", "local")),
        ("/dogitops unlock local\n> /dogitops unlock prod", Command("unlock", "local")),
        ("/dogitops unlock local\n```\n/dogitops unlock prod\n```", Command("unlock", "local")),
    ],
)
def test_commands_are_read(body: str, command: Command) -> None:
    assert parse(body) == command


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Looks good to me",
        "/deploy",
        "/dogitopsacknowledge local",
        f"> /dogitops acknowledge local {DIGEST}",
        f">/dogitops acknowledge local {DIGEST}",
        f"```\n/dogitops acknowledge local {DIGEST}\n```",
        f"~~~\n/dogitops acknowledge local {DIGEST}\n~~~",
        f"    /dogitops acknowledge local {DIGEST}",
        f" /dogitops acknowledge local {DIGEST}",
        f"`/dogitops acknowledge local {DIGEST}`",
        f"<!-- -->/dogitops acknowledge local {DIGEST}",
        f"Please do\n/dogitops acknowledge local {DIGEST}",
        f"\n/dogitops acknowledge local {DIGEST}",
        f"\u200b/dogitops acknowledge local {DIGEST}",
        f"\uff0fdogitops acknowledge local {DIGEST}",
        f"/DOGITOPS acknowledge local {DIGEST}",
        f"/dogitops\u00a0acknowledge local {DIGEST}",
    ],
)
def test_what_is_quoted_explained_or_otherwise_said_is_no_command(body: str) -> None:
    assert parse(body) is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("/dogitops", "The command is missing"),
        ("/dogitops acknowlege local", "Did you mean 'acknowledge'"),
        ("/dogitops destroy local", "There is no command 'destroy'"),
        ("/dogitops acknowledge", "name of an environment"),
        ("/dogitops acknowledge ../prod 0123456789ab", "name of an environment"),
        ("/dogitops acknowledge Local 0123456789ab", "name of an environment"),
        ("/dogitops acknowledge local", "needs the plan's digest"),
        ("/dogitops acknowledge local 0123456789a", "12 to 64"),
        (f"/dogitops acknowledge local {DIGEST}0", "12 to 64"),
        ("/dogitops acknowledge local 0123456789AB", "12 to 64"),
        ("/dogitops acknowledge local 0123456789ab force", "no more"),
        ("/dogitops acknowledge local \uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19ab", "12 to 64"),
        ("/dogitops apply local 0123456789ab -- prod", "no more"),
        ("/dogitops unlock local prod", "nothing else"),
        ("/dogitops unlock\u00a0local", "no command"),
        ("/dogitops unlock local\u2028/dogitops unlock prod", "name of an environment"),
        ("/dogitops unlock local\n\n/dogitops unlock prod", "one command"),
        ("/dogitops unlock local\n```\n/dogitops x\n```\n/dogitops unlock prod", "one command"),
        ("/dogitops unlock local\n````\n```\n````\n/dogitops unlock prod", "one command"),
    ],
)
def test_what_is_meant_as_a_command_and_is_none_is_told_how_it_is_written(body: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(body)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(("given_digest", "meant"), [(DIGEST, True), (DIGEST[:12], True), (DIGEST[:-1] + "0", False)])
def test_a_digest_is_meant_by_its_beginning(given_digest: str, meant: bool) -> None:
    assert Command("acknowledge", "local", given_digest).means(DIGEST) is meant


def test_a_command_without_a_digest_means_no_plan() -> None:
    assert not Command("unlock", "local").means(DIGEST)


@given(st.text(max_size=200))
@example("/dogitops acknowledge local " + "0" * 12 + "\x00")
@example("/dogitops unlock local\x0b/dogitops unlock prod")
@example("/dogitops unlock local\u2028/dogitops unlock prod")
def test_any_text_is_a_command_none_or_a_clear_error(text: str) -> None:
    try:
        found = parse(text)
    except ConfigurationError:
        return
    if found is not None:
        first = text.replace("\r\n", "\n").split("\n")[0]
        assert first.split() == ["/dogitops", found.name, found.environment, *([found.digest] if found.digest else [])]
