"""Runs the project's workflow files on this machine with act, as GitHub would: same files, events and contexts.

Nothing of act's is faked, and it needs neither docker nor a network: jobs run on the host, in folders of their own;
actions of others are small stand-ins (tests/e2e/actions), among them a checkout that fetches the commit of the run
from a Git repository on disk. What act 0.2.89 does not do, and what stands in for it here:

- it refuses two keys that are newer than it (:data:`UNKNOWN_TO_ACT`); they are taken out of the copy that it reads;
- it expands the matrix of a job though the job that it needs was skipped, and stumbles over the output that is not
  there; in the copy that matrix is empty then;
- it ignores ``concurrency``, ``permissions``, ``environment`` and the filters of ``on``: a test starts the runs that
  GitHub would start, one after another, and :func:`granted` tells the permissions to give to the token;
- it gives every job all secrets: tests hand over those that GitHub would give to the run.

The log is not masked, so that a test sees what GitHub's masking would only cover.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import py_compile
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from automation import daemon
from automation.toolchain import install
from automation.workspace import cache_folder

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STAND_INS = HERE / "actions"
RUNNER = "ubuntu-24.04"
UNKNOWN_TO_ACT = ("queue: max", "deployment: false")
PASSED_ON = ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "GOPROXY", "GOFLAGS", "GOSUMDB")
"""The only variables of the test's own that jobs see: a secret must reach them as a secret or not at all."""

_BYTECODE = tempfile.TemporaryDirectory(prefix="dogitops-bytecode-")
_MATRIX = re.compile(r"fromJSON\(needs\.(\w+)\.outputs\.(\w+)\)")
JobKey = tuple[str, str]  # the job's id, and its matrix as "name=value", empty without one


@dataclass(frozen=True)
class Annotation:
    """A workflow command of a step that GitHub shows as an annotation."""

    level: str
    message: str
    properties: Mapping[str, str]


@dataclass
class Outcome:
    """What became of a run. ``text`` is all that it left: log, commands, outputs, summaries; act's own messages too."""

    code: int = -1
    text: str = ""
    log: list[str] = field(default_factory=list)
    results: dict[JobKey, str] = field(default_factory=dict)
    exits: dict[JobKey, int] = field(default_factory=dict)
    annotations: list[Annotation] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def conclusion(self) -> str:
        """What GitHub says of the run."""
        return "success" if self.code == 0 else "failure"

    @property
    def told(self) -> str:
        """The end of the log, for a person who looks why a test failed."""
        noise = ("⭐", "✅", "LocalRepositoryCache", "⚙")
        return "\n" + "\n".join([line for line in self.log if not any(mark in line for mark in noise)][-70:])

    def job(self, name: str, **matrix: str) -> str:
        """Return what became of a job: success, failure, or skipped."""
        return self.results.get(_key(name, matrix), "skipped")

    def exit_code(self, name: str, **matrix: str) -> int:
        """Return the exit code of the step that a job failed with; 0 where none failed."""
        return self.exits.get(_key(name, matrix), 0)

    def _read(self, line: str) -> None:
        self.text += line
        try:
            told = json.loads(line)
        except ValueError:
            self.log.append(line.rstrip("\n"))
            return
        message = str(told.get("msg", "")).rstrip("\n")
        self.log.append(f"[{told.get('job', 'act')}] {message}" if not told.get("raw_output") else message)
        if "jobID" not in told:
            return
        key = _key(told["jobID"], told.get("matrix") or {})
        if told.get("stepResult") == "failure":
            self.results[key] = "failure"
        elif told.get("jobResult") and told["jobResult"] != "skipped":
            self.results.setdefault(key, "success")
        if code := re.fullmatch(r"exit status (\d+)", message):
            self.exits.setdefault(key, int(code[1]))
        command = told.get("command")
        if command in {"error", "warning", "notice"}:
            self.annotations.append(Annotation(command, told.get("arg", ""), told.get("kvPairs") or {}))
        elif command == "summary":
            self.summaries.append(told.get("content", ""))
        elif command == "set-output":
            self.outputs[told.get("name", "")] = told.get("arg", "")


class Running:
    """A run at work."""

    def __init__(self, child: subprocess.Popen[str], title: str, seen: Callable[[str], None] | None) -> None:
        self._child, self._title = child, title
        self.outcome = Outcome()
        self._reader = threading.Thread(target=self._follow, args=(seen,), daemon=True)
        self._reader.start()

    def _follow(self, seen: Callable[[str], None] | None) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self.outcome._read(line)
            if seen is not None:
                seen(self.outcome.log[-1])

    def wait(self, timeout: float = 600) -> Outcome:
        """Wait for the end of the run."""
        try:
            self.outcome.code = self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            told = "\n".join(self.outcome.log[-40:])
            raise AssertionError(f"{self._title} did not end within {timeout} s:\n{told}") from None
        self._reader.join(timeout=10)
        return self.outcome

    def cancel(self, work: str) -> Outcome:
        """Cancel as GitHub's runner does: the process of the step, and that alone, gets SIGINT, then SIGTERM.

        ``work`` stands on the command line of what the step runs. What is not at its end 10 seconds later is killed.
        """
        (step,) = [
            pid for pid in children(self._child.pid) if any(work in words(each) for each in (pid, *descendants(pid)))
        ]
        for sign, patience in ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5)):
            _signal(step, sign)
            try:
                self.outcome.code = self._child.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                continue
            self._reader.join(timeout=10)
            return self.outcome
        return self.kill()

    def kill(self) -> Outcome:
        """Take the runner's power away: act and everything that it started is killed at once."""
        pids = [self._child.pid, *descendants(self._child.pid)]
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        for pid in {*pids, *descendants(self._child.pid)}:
            _signal(pid, signal.SIGKILL)
        self.outcome.code = self._child.wait(timeout=30)
        self._reader.join(timeout=10)
        return self.outcome


@dataclass
class Act:
    """Runs workflows of the repository ``name`` whose commits are in the Git repository ``origin``.

    ``folder`` is where runs work; ``variables`` are set for every step of every run, ``settings`` are the variables of
    the repository (``vars``). ``matrix`` leaves of each job's matrix what has these values.
    """

    origin: Path
    name: str
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    matrix: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    _runs: int = 0

    @property
    def artifacts(self) -> Path:
        """Where uploaded artifacts lie, in a folder for each run and in it one for each name."""
        return self.folder / "artifacts"

    def workflow(self, path: str, sha: str) -> str:
        """Return a workflow file as it is in a commit."""
        return subprocess.run(
            ["git", "-C", str(self.origin), "show", f"{sha}:{path}"], check=True, capture_output=True, text=True
        ).stdout

    def start(
        self,
        path: str,
        event: str,
        payload: Mapping[str, Any],
        *,
        sha: str,
        ref: str,
        run_id: int = 1,
        attempt: int = 1,
        actor: str = "ada",
        secrets: Mapping[str, str] | None = None,
        seen: Callable[[str], None] | None = None,
    ) -> Running:
        """Start a run of the workflow file ``path`` of the commit ``sha`` for an event; ``seen`` gets log lines."""
        self._runs += 1
        place = self.folder / f"run-{self._runs:03d}"
        file = place / path
        file.parent.mkdir(parents=True)
        file.write_text(for_act(self.workflow(path, sha)))
        (place / "home").mkdir()
        self.artifacts.mkdir(exist_ok=True)
        (place / "event.json").write_text(json.dumps(payload))
        _private(place / "secrets", "".join(f"{name}={json.dumps(value)}\n" for name, value in (secrets or {}).items()))
        _private(place / "none", "")
        variables = {
            "GITHUB_REPOSITORY": self.name,
            "GITHUB_RUN_ID": str(run_id),
            "GITHUB_RUN_ATTEMPT": str(attempt),
            "GITHUB_REF": ref,
            "SHA_REF": sha,  # what act reads GITHUB_SHA from
            "GITHUB_WORKFLOW_REF": f"{self.name}/{path}@{ref}",
            "TTY_COMPATIBLE": "0",  # act gives steps a terminal, GitHub does not
            "E2E_ORIGIN": str(self.origin),
            "E2E_ARTIFACTS": str(self.artifacts),
            "E2E_BYTECODE": str(bytecode()),
            "DOGITOPS_CACHE": str(cache_folder()),
            "VIRTUAL_ENV": sys.prefix,
            daemon.END_WITH: str(os.getpid()),
            **self.variables,
        }
        words = [str(install.path("act")), event, "-C", str(place), "-W", path, "-e", str(place / "event.json")]
        words += ["-P", f"{RUNNER}=-self-hosted", "--no-skip-checkout", "--action-offline-mode", "--no-cache-server"]
        words += ["--json", "--actor", actor, "--action-cache-path", str(place / "act")]
        words += ["--secret-file", str(place / "secrets"), "--insecure-secrets"]
        for option in ("--env-file", "--var-file", "--input-file"):
            words += [option, str(place / "none")]
        for name, value in self.matrix.items():
            words += ["--matrix", f"{name}:{value}"]
        for name, value in self.settings.items():
            words += ["--var", f"{name}={value}"]
        for name, value in variables.items():
            words += ["--env", f"{name}={value}"]
        for action, stand_in in _stand_ins(self.origin, sha).items():
            words += ["--local-repository", f"{action}={stand_in}"]
        child = subprocess.Popen(
            words,
            env={
                **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
                "HOME": str(place / "home"),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Running(child, f"{path} for {event}", seen)

    def run(self, path: str, event: str, payload: Mapping[str, Any], **options: Any) -> Outcome:
        """Start a run and wait for its end."""
        return self.start(path, event, payload, **options).wait()


@functools.cache
def bytecode() -> Path:
    """Return a folder with our package's bytecode, for checkouts: each would compile it anew, for a second a job.

    Python takes such a file only where the source beside it has the hash that it was made from.
    """
    folder = Path(_BYTECODE.name)
    for source in (ROOT / "automation").rglob("*.py"):
        name = source.relative_to(ROOT)
        made = folder / name.parent / "__pycache__" / f"{name.stem}.{sys.implementation.cache_tag}.pyc"
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        py_compile.compile(str(source), str(made), str(name), doraise=True, invalidation_mode=mode)
    return folder


def for_act(workflow: str) -> str:
    """Return a workflow as act understands it: what is changed, and why, stands at the top of this file."""
    lines = [line for line in workflow.splitlines() if line.split("#")[0].strip() not in UNKNOWN_TO_ACT]
    return _MATRIX.sub(
        r"fromJSON(needs.\1.result == 'success' && needs.\1.outputs.\2 || '[]')", "\n".join(lines) + "\n"
    )


@functools.cache
def parsed(workflow: str) -> Any:
    """Return what a workflow's text says; the same few are asked for again and again."""
    return yaml.safe_load(workflow)


def granted(workflow: str) -> dict[str, str]:
    """Return the permissions that the jobs of a workflow have together, as an API token has them."""
    told: dict[str, str] = {}
    for job in parsed(workflow)["jobs"].values():
        for name, level in (job.get("permissions") or {}).items():
            key = name.replace("-", "_")
            told[key] = "write" if "write" in {level, told.get(key)} else level
    return told


def words(pid: int) -> str:
    """Return the command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:  # it ended meanwhile
        return ""


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    return _families().get(pid, [])


def _families() -> dict[int, list[int]]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):  # it ended meanwhile
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    return parents


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started, whatever group they are in."""
    parents = _families()
    found, left = [], [pid]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


def _stand_ins(origin: Path, sha: str) -> dict[str, Path]:
    """Return the stand-in of each ``owner/name@ref`` that the commit's workflows and actions use."""
    found = subprocess.run(
        ["git", "-C", str(origin), "grep", "-hoE", r"uses: [^./][^ ]*@[^ ]+", sha, "--", ".github"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    names = {line.removeprefix("uses: ") for line in found.splitlines()}
    return {name: STAND_INS / name.partition("@")[0].rpartition("/")[2] for name in names}


def _key(job: str, matrix: Mapping[str, Any]) -> JobKey:
    return job, ",".join(f"{name}={value}" for name, value in sorted(matrix.items()))


def _private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(text)


def _signal(pid: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)
