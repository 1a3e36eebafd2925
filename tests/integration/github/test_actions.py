from __future__ import annotations

from pathlib import Path

import pytest

from automation.errors import ConfigurationError, DogitopsError
from automation.github import actions
from automation.github.actions import Annotation
from automation.secret import Secret


@pytest.fixture
def in_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")


def outputs(text: str) -> dict[str, str]:
    """Read a file of outputs as the runner does: ``name<<DELIMITER``, lines, ``DELIMITER``."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, _, delimiter = line.partition("<<")
        value = []
        for inner in lines:
            if inner == delimiter:
                break
            value.append(inner)
        else:
            raise AssertionError(f"{name} has no end")
        found[name] = "\n".join(value)
    return found


@pytest.mark.usefixtures("in_actions")
def test_annotations_are_escaped_as_the_runner_reads_them(capsys: pytest.CaptureFixture[str]) -> None:
    actions.annotate([Annotation("error", "100 %\r\nof: it, all", title="a: b, c%", file="x,y.tf", line=3, end_line=4)])
    assert capsys.readouterr().out == (
        "::error title=a%3A b%2C c%25,file=x%2Cy.tf,line=3,endLine=4::100 %25%0D%0Aof: it, all\n"
    )


@pytest.mark.usefixtures("in_actions")
def test_a_message_cannot_become_a_command_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    actions.annotate([Annotation("warning", "x\n::set-output name=a::b", file="a::b")])
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1
    assert printed[0].startswith("::warning file=a%3A%3Ab::x%0A")


@pytest.mark.usefixtures("in_actions")
def test_more_than_ten_of_a_level_are_counted_and_not_lost_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    given = [Annotation("warning", f"w{n}") for n in range(12)] + [Annotation("error", f"e{n}") for n in range(10)]
    assert actions.annotate(given) == 3
    printed = capsys.readouterr().out.splitlines()
    assert printed[:10] == [f"::error::e{n}" for n in range(10)]
    assert printed[10:19] == [f"::warning::w{n}" for n in range(9)]
    assert printed[19].startswith("::warning::3 more")
    assert len(printed) == 20


@pytest.mark.usefixtures("in_actions")
def test_secrets_are_masked_in_annotations_and_each_line_of_one_for_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    secret = Secret("first-line-of-key\n  second%line-of-key  \n\n")
    actions.mask(secret)
    assert capsys.readouterr().out == "::add-mask::first-line-of-key\n::add-mask::second%25line-of-key\n"
    actions.annotate([Annotation("notice", "it is first-line-of-key", title="second%line-of-key")])
    assert capsys.readouterr().out == "::notice title=***::it is ***\n"


def test_nothing_is_told_outside_of_actions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    actions.mask(Secret("outside-of-actions"))
    actions.annotate([Annotation("error", "x")])
    actions.output("a", "b", {})
    assert actions.summary("x", {})
    assert capsys.readouterr() == ("", "")


def test_outputs_keep_their_lines_and_cannot_set_others(tmp_path: Path) -> None:
    where = {"GITHUB_OUTPUT": str(tmp_path / "out")}
    actions.output("plain", "one", where)
    actions.output("nasty", "a\nplain<<EOF\nstolen\nEOF\n", where)
    assert outputs((tmp_path / "out").read_text()) == {"plain": "one", "nasty": "a\nplain<<EOF\nstolen\nEOF\n"}


def test_an_output_with_a_secret_is_refused(tmp_path: Path) -> None:
    secret = Secret("output-canary-1234")
    with pytest.raises(DogitopsError, match="would hold a secret") as caught:
        actions.output("plan", f"x{secret.reveal()}y", {"GITHUB_OUTPUT": str(tmp_path / "out")})
    assert secret.reveal() not in caught.value.message
    assert not (tmp_path / "out").exists()


def test_outputs_beyond_githubs_limit_are_refused(tmp_path: Path) -> None:
    where = {"GITHUB_OUTPUT": str(tmp_path / "out")}
    actions.output("first", "x" * 600_000, where)
    with pytest.raises(DogitopsError, match="too long"):
        actions.output("second", "x" * 600_000, where)
    assert list(outputs((tmp_path / "out").read_text())) == ["first"]


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a<<b", "a\nb"])
def test_an_output_needs_a_name_that_the_runner_can_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError):
        actions.output(name, "x", {"GITHUB_OUTPUT": str(tmp_path / "out")})


def test_a_summary_is_cut_at_a_line_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    where = {"GITHUB_STEP_SUMMARY": str(path)}
    assert actions.summary("# Before", where)
    assert not actions.summary("é wide line\n" * 100_000, where)
    assert path.stat().st_size <= actions.SUMMARY
    lines = path.read_text().splitlines()
    assert lines[0] == "# Before"
    assert "Cut here" in lines[-1]
    assert set(lines[1:-2]) == {"é wide line", ""}
    assert not actions.summary("more\n" * 100, where)
    assert path.stat().st_size <= actions.SUMMARY


def test_a_summary_holds_no_secret(tmp_path: Path) -> None:
    secret = Secret("summary-canary-1234")
    actions.summary(f"value: {secret.reveal()}", {"GITHUB_STEP_SUMMARY": str(tmp_path / "s")})
    assert (tmp_path / "s").read_text() == "value: ***\n"
