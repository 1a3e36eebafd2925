"""What linters do not look at in the workflow files: forks, queues, time limits, and commands that exist."""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from automation.cli import app
from automation.jobs.pull_requests import merge
from automation.jobs.recovery import evidence
from automation.jobs.status import changes as status_changes

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
SETUP = ROOT / ".github/actions/setup/action.yml"
OURS = "github.event.pull_request.head.repo.full_name == github.repository"
ALL = [*FILES, SETUP]
CHECKOUT = "actions/checkout@"


@dataclass(frozen=True)
class Job:
    """A job of a workflow, with the workflow."""

    file: Path
    name: str
    told: dict[str, Any]
    workflow: dict[Any, Any]

    def __str__(self) -> str:
        return f"{self.file.stem}.{self.name}"

    @property
    def text(self) -> str:
        return yaml.safe_dump(self.told)

    @property
    def ours(self) -> list[str]:
        """What the steps run that run commands of ours."""
        runs = [step.get("run", "").strip() for step in self.told.get("steps", [])]
        return [run for run in runs if "scripts/dogitops " in run]

    @property
    def events(self) -> set[str]:
        return set(self.workflow[True])  # YAML 1.1 reads the key "on" as true

    def needed(self) -> Iterator[Job]:
        """Yield the jobs that this one waits for, and those that they wait for."""
        needs = self.told.get("needs", [])
        for name in [needs] if isinstance(needs, str) else needs:
            job = Job(self.file, name, self.workflow["jobs"][name], self.workflow)
            yield job
            yield from job.needed()


def jobs() -> list[Job]:
    found = []
    for file in FILES:
        workflow = yaml.safe_load(file.read_text())
        found += [Job(file, name, told, workflow) for name, told in workflow["jobs"].items()]
    return found


JOBS = jobs()
COMMANDS = sorted(
    {
        (file.name, line.strip().removeprefix("exec "))
        for file in ALL
        for line in file.read_text().replace("run: ", "\n").splitlines()
        if line.strip().removeprefix("exec ").startswith("scripts/dogitops ")
    }
)


@pytest.mark.parametrize("job", JOBS, ids=str)
def test_every_job_ends_and_is_granted_what_it_needs_by_itself(job: Job) -> None:
    assert job.workflow["permissions"] == {}
    assert "permissions" in job.told
    assert 0 < job.told["timeout-minutes"] <= 180
    assert job.told["runs-on"] == "ubuntu-24.04"


@pytest.mark.parametrize("job", [job for job in JOBS if "secrets." in job.text], ids=str)
def test_secrets_are_those_of_an_environment_and_no_fork_gets_them(job: Job) -> None:
    name = job.told["environment"]["name"]
    assert "matrix.environment" in name or "needs.read.outputs.environment" in name
    if "pull_request" in job.events:
        assert name.endswith("-plan"), "code of a pull request may not hold the keys that change infrastructure"
        assert any(OURS in one.told.get("if", "") for one in job.needed())


@pytest.mark.parametrize("job", [job for job in JOBS if job.ours], ids=str)
def test_who_cancels_a_job_reaches_the_command_and_not_only_its_shell(job: Job) -> None:
    """A runner's signals go to the step's own process, and a shell passes none on: tofu would be killed as it works.

    Only what reads, or is about to be cleaned up, may be one of several lines.
    """
    for text in job.ours:
        alone = text.startswith("exec scripts/dogitops ") and "\n" not in text
        words = {line.split()[1] for line in text.splitlines() if line.strip().startswith("scripts/dogitops ")}
        assert alone or words <= {"changed", "status", "reap"}, text


def test_there_are_jobs_with_secrets() -> None:
    assert {str(job) for job in CHANGING} == {"apply.apply", "comment-commands.apply"}
    assert {str(job) for job in MAKING} == {"e2e.life", "e2e.reap", "drill.drill"}
    assert {str(job) for job in JOBS if "secrets." in job.text} >= {"plan.plan", "apply.apply", "drift.drift"}


PAGES = "github-pages"  # GitHub's own environment; it holds no keys
KEYLESS = ("-plan", PAGES)
HOLDING = [job for job in JOBS if not job.told.get("environment", {}).get("name", "-plan").endswith(KEYLESS)]
MAKING = [job for job in HOLDING if not job.events & {"push", "issue_comment"}]  # and destroying, all by themselves
CHANGING = [job for job in HOLDING if job not in MAKING]


@pytest.mark.parametrize("job", CHANGING, ids=str)
def test_what_changes_infrastructure_waits_in_one_queue_and_takes_nothing_from_a_cache(job: Job) -> None:
    queue = job.told.get("concurrency") or job.workflow["concurrency"]
    assert queue == {"group": "apply", "queue": "max"}
    takes_nothing_from_a_cache(job)


def takes_nothing_from_a_cache(job: Job) -> None:
    for one in (job, *job.needed()):
        for step in one.told["steps"]:
            if step.get("uses") == "./.github/actions/setup":
                assert step["with"]["cache"] == "false"


@pytest.mark.parametrize("job", MAKING, ids=str)
def test_two_jobs_never_make_the_same_environment_at_a_time(job: Job) -> None:
    group = job.told["concurrency"]["group"]
    environments = job.told["strategy"]["matrix"].get("environment", [])
    assert group == "makes-${{ matrix.environment }}" or [group] == [f"makes-{name}" for name in environments]
    assert job.told["concurrency"]["queue"] == "max"
    assert job.events <= {"schedule", "workflow_dispatch"}, "nobody's proposal starts it"
    takes_nothing_from_a_cache(job)


@pytest.mark.parametrize("job", [job for job in MAKING if job.name != "reap"], ids=str)
def test_what_a_job_makes_it_destroys_whatever_happens_and_then_reaps(job: Job) -> None:
    steps = job.told["steps"]
    made = next(index for index, step in enumerate(steps) if " apply " in step.get("run", ""))
    [destroyed] = [index for index, step in enumerate(steps) if " destroy " in step.get("run", "")]
    assert made < destroyed
    assert steps[destroyed]["if"] == "${{ always() }}"
    after = [*steps[destroyed + 1 :], *(step for one in JOBS if job in one.needed() for step in one.told["steps"])]
    told = "\n".join(step.get("run", "") for step in after).splitlines()
    reaping = [line for line in told if "dogitops reap" in line]
    assert ["--yes" in line for line in reaping] == [True, False]
    assert reaping[0].replace("--yes", "--check") == reaping[1], "a second look, at the same"
    for one in JOBS:
        if job in one.needed():
            assert one.told["if"] == "${{ always() }}"


def test_the_age_of_evidence_is_looked_at_by_a_schedule_of_its_own() -> None:
    [job] = [job for job in JOBS if "--max-days" in job.text]
    assert job.file.name != "drill.yml"
    assert "schedule" in job.events
    assert "secrets." not in job.text
    assert job.told["permissions"] == {"contents": "read", "actions": "read"}
    drill = next(one for one in JOBS if str(one) == "drill.drill")
    [kept] = [step for step in drill.told["steps"] if "upload-artifact" in step.get("uses", "")]
    assert kept["if"] == "${{ !cancelled() }}", "a failed drill leaves evidence, too"
    assert kept["with"]["retention-days"] > 8


STATUS = {job.name: job for job in JOBS if job.file.name == "status.yml"}


def test_the_page_is_published_by_a_job_that_runs_nothing_of_ours_and_only_where_that_is_asked_for() -> None:
    job = STATUS["publish"]
    assert [one for one in JOBS if "pages" in one.told["permissions"] or "id-token" in one.told["permissions"]] == [job]
    assert job.told["permissions"] == {"pages": "write", "id-token": "write"}
    assert [step["uses"].partition("@")[0] for step in job.told["steps"]] == ["actions/deploy-pages"]
    assert "vars.STATUS_PAGES == 'true'" in job.told["if"]
    assert "github.ref_name == 'main'" in job.told["if"]
    assert job.told["environment"]["name"] == PAGES
    [kept] = [step for step in STATUS["page"].told["steps"] if "upload-pages-artifact" in step.get("uses", "")]
    assert kept["if"] == "vars.STATUS_PAGES == 'true'"


def test_the_page_is_made_without_keys_of_what_jobs_saw_that_may_write_nothing() -> None:
    for name in ("look", "page"):
        assert set(STATUS[name].told["permissions"].values()) == {"read"}
    assert "secrets." not in STATUS["page"].text
    assert "environment" not in STATUS["page"].told
    assert STATUS["look"].told["environment"]["name"] == "${{ matrix.environment }}-plan"
    made, taken = (
        next(step["with"] for step in STATUS[job].told["steps"] if action in step.get("uses", ""))
        for job, action in (("look", "upload-artifact"), ("page", "download-artifact"))
    )
    assert fnmatch.fnmatch(made["name"], taken["pattern"])
    assert "STATUS_PAGES" in (ROOT / "docs/security.md").read_text()


def test_no_workflow_starts_on_the_end_of_another() -> None:
    assert [job for job in JOBS if job.events & {"workflow_run", "pull_request_target"}] == []


def test_drift_is_looked_for_by_jobs_that_the_status_knows_by_name() -> None:
    [job] = [job for job in JOBS if job.file.name == status_changes.DRIFT_WORKFLOW and "matrix" in job.text]
    assert job.told["name"] == status_changes.DRIFT_JOB + "${{ matrix.environment }}"


def test_the_workflow_that_evidence_is_taken_from_exists() -> None:
    assert ROOT / evidence.WORKFLOW in FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_run_at_work_with_the_keys_of_an_environment_is_never_cancelled(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    if "secrets." in file.read_text():
        assert workflow["concurrency"].get("cancel-in-progress", False) is False


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.stem)
def test_actions_are_pinned_to_commits_and_say_their_version(file: Path) -> None:
    for line in file.read_text().splitlines():
        used = re.match(r"\s*(?:- )?uses: (.*)", line)
        if used and not used[1].startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used[1]), line


def test_one_action_is_pinned_in_one_way() -> None:
    used = {one for file in ALL for one in re.findall(r"uses: ([\w.-]+/[\w.-]+@\w+ # v[\d.]+)", file.read_text())}
    assert len(used) == len({one.partition("@")[0] for one in used})


@pytest.mark.parametrize("job", JOBS, ids=str)
def test_checkouts_leave_no_credentials(job: Job) -> None:
    for step in job.told["steps"]:
        if step.get("uses", "").startswith(CHECKOUT):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.stem)
def test_no_expression_stands_in_a_script(file: Path) -> None:
    told = yaml.safe_load(file.read_text())
    groups = [told["runs"]["steps"]] if "runs" in told else [job["steps"] for job in told["jobs"].values()]
    assert [step["run"] for steps in groups for step in steps if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize(("name", "line"), COMMANDS, ids=str)
def test_the_commands_exist(name: str, line: str) -> None:
    command, rest = typer.main.get_command(app), shlex.split(re.split(r" *[;|>]", line)[0])[1:]
    if rest == ["--version"]:
        return
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    command.make_context(command.name, [word.replace("${tools[@]}", "tofu") for word in rest])


def test_there_are_commands() -> None:
    assert {line.split()[1] for _, line in COMMANDS} >= {"changed", "plan", "apply", "answer", "drift", "release"}


def test_manifests_of_a_fork_are_compared_where_nothing_can_be_written() -> None:
    comparing = {str(job): job for job in JOBS if "gitops compare" in job.text}
    assert set(comparing) == {"plan.manifests", "ci.validate"}
    ours, theirs = comparing["plan.manifests"], comparing["ci.validate"]
    assert OURS in ours.told["if"]
    assert ours.told["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert theirs.told["permissions"] == {"contents": "read"}
    assert "github.token" not in theirs.text
    [step] = [step for step in theirs.told["steps"] if "gitops compare" in step.get("run", "")]
    assert OURS.replace("==", "!=") in step["if"]
    for job in (ours, theirs):  # a cluster may be pinned to any commit
        assert job.told["steps"][0]["with"]["fetch-depth"] == 0
        assert "secrets." not in job.text


def test_plans_are_taken_from_workflows_that_exist() -> None:
    assert {ROOT / path for path in merge.MAKERS} <= set(FILES)
