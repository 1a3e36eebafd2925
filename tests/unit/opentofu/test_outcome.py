"""What became of each resource, from lines as `tofu apply -json` writes them."""

from __future__ import annotations

import json
from typing import Any

from automation.opentofu.outcome import Outcome, State, Step, parsed, read
from automation.secret import Secret


def planned(address: str, action: str) -> str:
    return line("planned_change", change={"resource": {"addr": address}, "action": action})


def started(address: str, action: str) -> str:
    return line("apply_start", hook={"resource": {"addr": address}, "action": action})


def completed(address: str, action: str, seconds: float = 0) -> str:
    return line("apply_complete", hook={"resource": {"addr": address}, "action": action, "elapsed_seconds": seconds})


def errored(address: str, action: str) -> str:
    return line("apply_errored", hook={"resource": {"addr": address}, "action": action, "elapsed_seconds": 1})


def diagnostic(summary: str, detail: str = "", *, severity: str = "error", **other: Any) -> str:
    return line("diagnostic", diagnostic={"severity": severity, "summary": summary, "detail": detail, **other})


def line(kind: str, **told: Any) -> str:
    return json.dumps({"@level": "info", "@message": "words", "type": kind, **told})


def states(outcome: Outcome) -> dict[str, State]:
    return {step.address: step.state for step in outcome.steps}


HALF_WAY = [
    line("version", tofu="1.12.6"),
    planned("a.one", "create"), planned("a.two", "update"), planned('a.three["x"]', "create"),
    planned("a.four", "create"), planned("a.same", "noop"),
    started("a.one", "create"), completed("a.one", "create", 12.5),
    started("a.two", "update"), errored("a.two", "update"),
    started('a.three["x"]', "create"),
    diagnostic(
        "Error updating two", "422 Unprocessable Entity\nmore", address="a.two",
        range={"filename": "main.tf", "start": {"line": 10}},
    ),
]  # fmt: skip


def test_an_apply_that_fails_half_way_says_what_became_of_everything() -> None:
    outcome = read(HALF_WAY, ok=False)
    assert not outcome.ok
    assert outcome.done == (Step("a.one", "create", State.DONE, 12.5),)
    assert outcome.failed == (Step("a.two", "update", State.FAILED, 1, "Error updating two: 422 Unprocessable Entity"),)
    assert states(outcome)['a.three["x"]'] == State.UNFINISHED
    assert [step.address for step in outcome.not_started] == ["a.four"]
    assert "a.same" not in states(outcome)
    assert outcome.errors == (
        "Error: Error updating two\n  with a.two,\n  on main.tf line 10\n\n422 Unprocessable Entity\nmore",
    )
    assert outcome.sentence().splitlines() == [
        "Done: a.one.", "Failed: a.two.", 'Not finished: a.three["x"].', "Not started: a.four.",
    ]  # fmt: skip


def test_a_whole_apply_did_everything_even_what_tofu_does_silently() -> None:
    lines = [planned("a.moved", "move"), planned("a.forgotten", "remove"), planned("a.in", "import"),
             planned("a.new", "create"), started("a.new", "create"), completed("a.new", "create")]  # fmt: skip
    outcome = read(lines, ok=True)
    assert set(states(outcome).values()) == {State.DONE}
    assert {step.action for step in outcome.steps} == {"move", "forget", "import", "create"}


def test_what_tofu_does_silently_is_not_claimed_after_a_failure() -> None:
    outcome = read([planned("a.forgotten", "remove"), diagnostic("no luck")], ok=False)
    assert states(outcome) == {"a.forgotten": State.NOT_KNOWN}
    assert outcome.errors == ("Error: no luck",)


def test_a_replacement_that_stops_in_the_middle_says_which_half_was_done() -> None:
    lines = [
        planned("a.gone", "replace"), started("a.gone", "delete"), completed("a.gone", "delete"),
        started("a.gone", "create"), errored("a.gone", "create"),
        planned("a.both", "replace"), started("a.both", "create"), completed("a.both", "create"),
        planned("a.whole", "replace"), started("a.whole", "delete"), completed("a.whole", "delete", 1),
        started("a.whole", "create"), completed("a.whole", "create", 2),
        planned("a.still", "replace"),
    ]  # fmt: skip
    outcome = read(lines, ok=False)
    assert {step.address: (step.state, step.note) for step in outcome.steps} == {
        "a.gone": (State.FAILED, "destroyed, and not made again"),
        "a.both": (State.UNFINISHED, "made anew, and the old one not destroyed"),
        "a.whole": (State.DONE, ""),
        "a.still": (State.NOT_STARTED, ""),
    }
    assert next(step.seconds for step in outcome.done) == 3
    assert "a.gone (destroyed, and not made again)" in outcome.sentence()


def test_a_failure_of_the_whole_is_told_without_a_resource() -> None:
    outcome = read([planned("a.one", "create"), diagnostic("Saved plan is stale", "The given plan …")], ok=False)
    assert outcome.errors == ("Error: Saved plan is stale\n\nThe given plan …",)
    assert states(outcome) == {"a.one": State.NOT_STARTED}
    assert read([], ok=False).sentence() == "Nothing was done."


def test_data_that_is_read_meanwhile_counts() -> None:
    lines = [started("data.a.one", "read"), errored("data.a.one", "read"), diagnostic("no", address="data.a.one")]
    assert [(step.address, step.action) for step in read(lines, ok=False).failed] == [("data.a.one", "read")]


def test_warnings_are_no_errors() -> None:
    outcome = read([diagnostic("Old argument", severity="warning")], ok=True)
    assert (outcome.errors, outcome.warnings) == ((), ("Warning: Old argument",))


def test_known_secrets_and_what_the_caller_knows_are_taken_out() -> None:
    Secret("canary-password-7")
    lines = [
        planned('a.b["canary-key"]', "create"), started('a.b["canary-key"]', "create"),
        errored('a.b["canary-key"]', "create"),
        diagnostic("denied for canary-password-7", "key canary-key\n", address='a.b["canary-key"]'),
    ]  # fmt: skip
    outcome = read(lines, ok=False, redact=lambda text: text.replace("canary-key", "(hidden)"))
    assert "canary" not in repr(outcome)
    assert outcome.failed[0].address == 'a.b["(hidden)"]'


def test_the_output_of_a_provisioner_stays_hidden_where_tofu_hid_it() -> None:
    """Tofu hides each line of it, and then puts the whole into the error."""
    progress = {"resource": {"addr": "a.b"}, "output": "(output suppressed due to sensitive value in config)"}
    lines = [
        planned("a.b", "create"), started("a.b", "create"), line("provision_progress", hook=progress),
        errored("a.b", "create"),
        diagnostic(
            "local-exec provisioner error",
            "Error running command 'x': exit status 3. Output: boom canary-1\ncanary-2\n", address="a.b",
        ),
    ]  # fmt: skip
    outcome = read(lines, ok=False)
    assert "canary" not in repr(outcome)
    assert "exit status 3. Its output is not shown: a sensitive value went into it." in outcome.errors[0]
    shown = read([text for text in lines if "suppressed" not in text], ok=False)
    assert "boom canary-1" in shown.errors[0]


def test_values_of_expressions_are_left_out() -> None:
    snippet = {"code": "x = var.y", "values": [{"traversal": "var.y", "statement": 'is "canary-value"'}]}
    assert "canary" not in repr(read([diagnostic("Invalid", snippet=snippet)], ok=False))


def test_lines_that_are_no_messages_are_passed_over() -> None:
    odd = ["", "words", "{", "[]", "{}", "null", '{"hook": 1}', '{"hook": {"resource": {}}}', '{"diagnostic": null}',
           '{"change": [], "type": "planned_change"}', "{" * 5000]  # fmt: skip
    assert read(odd, ok=True) == Outcome((), (), (), ok=True)
    assert parsed("{}") == {}


def test_odd_resources_do_not_end_the_reading() -> None:
    odd = ['{"hook": {"resource": []}}', '{"change": {"resource": null}}', '{"change": {"resource": "x"}}',
           '{"type": "apply_complete", "hook": {"resource": {"addr": "a.b"}, "elapsed_seconds": "soon"}}']  # fmt: skip
    assert isinstance(read(odd, ok=True), Outcome)
