from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from automation.errors import ConfigurationError, Refused
from automation.github import commands
from automation.github.commands import Command, parse
from tests.integration.github.place import Place

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


# who may command


@pytest.mark.parametrize(
    ("role", "counts"), [("admin", True), ("maintain", True), ("write", False), ("triage", False), ("read", False)]
)
def test_an_acknowledgement_needs_maintain_or_admin(
    place: Place, role: str, counts: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    place.person("bob", role)
    place.comment("bob", f"/dogitops acknowledge local {DIGEST[:12]}")
    found = commands.acknowledgement(place.github(), place.number, "local", DIGEST)
    assert (found is not None) is counts
    if not counts:
        assert f"bob has '{role}'" in capsys.readouterr().err


def test_a_stranger_and_a_deleted_account_do_not_count(place: Place) -> None:
    place.comment("stranger", f"/dogitops acknowledge local {DIGEST}")
    place.comment("ghost", f"/dogitops acknowledge local {DIGEST}")
    assert commands.acknowledgement(place.github(), place.number, "local", DIGEST) is None


def test_a_bot_does_not_count_even_as_an_admin(place: Place) -> None:
    place.person("helper[bot]", "admin")
    place.comment("helper[bot]", f"/dogitops acknowledge local {DIGEST}")
    assert commands.acknowledgement(place.github(), place.number, "local", DIGEST) is None


def test_a_comment_that_was_edited_does_not_count(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.person("bob", "admin")
    written = place.comment("bob", "Looks good.")
    place.forward(60)
    place.edit(written, f"/dogitops acknowledge local {DIGEST}")
    assert commands.acknowledgement(place.github(), place.number, "local", DIGEST) is None
    assert "was edited" in capsys.readouterr().err


@pytest.mark.parametrize(
    "body",
    [
        f"/dogitops acknowledge prod {DIGEST}",
        f"/dogitops acknowledge local {'f' * 64}",
        f"/dogitops apply local {DIGEST}",
        f"/dogitops acknowledge local {DIGEST[:11]}",
        f"> /dogitops acknowledge local {DIGEST}",
        "/dogitops acknowledge",
    ],
)
def test_other_commands_do_not_acknowledge(place: Place, body: str) -> None:
    place.person("bob", "admin")
    place.comment("bob", body)
    assert commands.acknowledgement(place.github(), place.number, "local", DIGEST) is None


def test_the_first_that_counts_is_taken(place: Place) -> None:
    place.person("carol", "maintain")
    place.person("bob", "write")
    for login in ("bob", "carol", "alice"):
        place.comment(login, f"/dogitops acknowledge local {DIGEST}")
    found = commands.acknowledgement(place.github(), place.number, "local", DIGEST)
    assert found is not None
    assert found.author == "carol"


def test_who_opened_the_pull_request_may_and_it_is_shown(place: Place) -> None:
    place.person("alice", "admin")
    place.comment("alice", f"/dogitops acknowledge local {DIGEST}")
    github = place.github()
    found = commands.acknowledgement(github, place.number, "local", DIGEST)
    assert found is not None
    pull = github.pull_request(place.number)
    assert commands.acknowledged_by(found, pull) == "alice, who opened this pull request"
    assert commands.acknowledged_by(replace(found, author="bob"), pull) == "bob"


def test_a_command_that_does_not_count_is_refused_with_the_reason(place: Place) -> None:
    place.person("bob", "write")
    place.comment("bob", "/dogitops unlock local")
    github = place.github()
    (comment,) = github.comments(place.number)
    command = parse(comment.body)
    assert command is not None
    with pytest.raises(Refused, match="needs the permission 'maintain' or 'admin'"):
        commands.require(github, comment, command)
    place.person("bob", "maintain")
    commands.require(github, comment, command)
