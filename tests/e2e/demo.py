"""The life of a pull request, to watch: the project's own workflows, run by act, on a GitHub that is simulated.

``python -m tests.e2e.demo``; scripts/demo shows it as its first act. Nothing is left behind.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from automation import report
from automation.errors import DogitopsError, VerificationFailed
from automation.simulators.github import GitHubSimulator
from tests.e2e.pulls import NAME, Project, make_project, make_tree, served_store

_DATABASE = re.compile(r'resource "terraform_data" "database" \{.*?\n\}\n', re.DOTALL)
_SHOWN = 24  # lines of a comment


def main() -> int:
    """Play it, and say what is seen."""
    try:
        with tempfile.TemporaryDirectory(prefix="dogitops-demo-") as folder:
            place = Path(folder)
            with report.phase("Setting the stage: a repository on a simulated GitHub, a store, an environment"):
                make_tree(place / "tree")
            with served_store(place / "store") as store, GitHubSimulator() as hub:
                (place / "project").mkdir()
                project = make_project(place / "project", place / "tree", hub, store)
                project.terminal("plan", "sandbox")
                project.terminal("apply", "sandbox")
                play(project)
    except DogitopsError as error:
        report.failure(error)
        return error.exit_code
    return 0


def play(project: Project) -> None:
    """Play the life of one pull request, and drift after it."""
    hub = project.hosted.hub
    text = _DATABASE.sub("", project.main.replace('"hello"', '"good morning"'))
    with report.phase("A pull request changes one resource and drops a protected one: plan.yml"):
        number = project.propose("tidy", text, "Say good morning, drop the database")
        refused = project.one()
    header, body = project.plan_comment(number)
    _expect(refused.exit_code("plan", environment="sandbox") == 3, "the guard refuses the plan", refused.told)
    _show(f"comment on #{number}", body)
    with report.phase("A maintainer acknowledges this very plan in a comment: comment-commands.yml"):
        project.comment(number, f"/dogitops acknowledge sandbox {header['digest'][:12]}", "grace")
        answered = project.one()
    _expect(project.status(number) == "success", "the status dogitops/sandbox turns green", answered.told)
    with report.phase("The merge: apply.yml"):
        hub.merge(NAME, number, login="ada")
        applied = project.one()
    now = project.inputs()
    _expect(now.get("greeting") == "good morning" and "database" not in now, "exactly that is applied", applied.told)
    applied_header, body = project.apply_comment(number)
    _expect(applied_header["digest"] == header["digest"], "the plan that was read is the plan that was applied", body)
    _show(f"comment on #{number}", body)
    _expect(not project.envelopes() and project.holder() is None, "the sealed plan is gone, the lock given back", body)
    by_hand = project.main.replace('"good morning"', '"changed by hand"')
    project.terminal("plan", "sandbox", main=by_hand)
    project.terminal("apply", "sandbox", main=by_hand)
    with report.phase("Somebody changes it by hand, and the next morning comes: drift.yml"):
        hub.schedule(NAME, ".github/workflows/drift.yml")
        drifted = project.one()
    _expect(len(project.hosted.issues()) == 1, f"an issue is opened: {project.hosted.issues()[0][1]}", drifted.told)
    project.terminal("plan", "sandbox")
    project.terminal("apply", "sandbox")
    with report.phase("It is put right, and another morning comes: drift.yml"):
        hub.schedule(NAME, ".github/workflows/drift.yml")
        quiet = project.one()
    _expect(project.hosted.issues() == [], "the issue is closed", quiet.told)
    _expect(project.leaks() == [], "no planted secret shows in any comment, log, summary or sealed plan", "")


def _expect(held: bool, what: str, told: str) -> None:
    if not held:
        raise VerificationFailed(f"Not seen: {what}.\n{told}")
    report.note(what)


def _show(title: str, body: str) -> None:
    lines = [line for line in body.splitlines() if not line.startswith("<!--")]
    left = f"\n  ┆ … {len(lines) - _SHOWN} lines more" if len(lines) > _SHOWN else ""
    report.say(f"  ┌ {title}\n" + "\n".join(f"  │ {line}" for line in lines[:_SHOWN]) + left)


if __name__ == "__main__":
    sys.exit(main())
