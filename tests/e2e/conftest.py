"""End-to-end tests run the command line as a user does, on a clone of this repository of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from automation.errors import DogitopsError
from automation.kube import Kube
from automation.toolchain import engine, install
from tests.e2e.pulls import make_tree

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = "dogitops-e2e"


@dataclass(frozen=True)
class Ran:
    code: int
    output: str
    seconds: float


@dataclass
class Clone:
    """A clone of the repository in ``root``, with ports and a cluster name of its own."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> Path:
        return self.root / ".dogitops" / "local"

    @property
    def kube(self) -> Kube:
        return Kube(self.kept / "kubeconfig")

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "automation", *arguments],
            cwd=self.root,
            env={**os.environ, **self.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, timeout: float = 1200, **variables: str) -> Ran:
        """Run a command to its end, showing its output as it comes."""
        began = time.monotonic()
        _say(f"\n$ dogitops {' '.join(arguments)}")
        child = self.start(*arguments, **variables)
        lines = _follow(child, timeout)
        return Ran(child.returncode, "".join(lines), time.monotonic() - began)

    def ok(self, *arguments: str, timeout: float = 1200) -> str:
        """Run a command that must succeed; return its output."""
        done = self.run(*arguments, timeout=timeout)
        assert done.code == 0, f"dogitops {' '.join(arguments)} exited with {done.code}:\n{done.output}"
        return done.output

    def kill_when(self, seen: Callable[[str], bool], *arguments: str, sign: int = signal.SIGKILL) -> Ran:
        """Run a command and kill it (with all that it started, or itself alone) once a line of output is ``seen``."""
        began = time.monotonic()
        _say(f"\n$ dogitops {' '.join(arguments)}   (to be killed)")
        child = self.start(*arguments)
        assert child.stdout is not None
        lines: list[str] = []
        for line in child.stdout:
            lines.append(line)
            _say(line.rstrip())
            if seen(line):
                child.send_signal(sign)
                break
        else:
            pytest.fail(f"the command ended before it could be killed:\n{''.join(lines)}")
        lines += child.stdout.readlines()
        child.wait(timeout=120)
        return Ran(child.returncode, "".join(lines), time.monotonic() - began)

    def kubectl(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(install.path("kubectl")), "--kubeconfig", str(self.kept / "kubeconfig"), *arguments],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self, message: str) -> str:
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "-m", message)
        return git(self.root, "rev-parse", "HEAD")


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def make_clone(root: Path, cluster: str, ports: int, **cluster_options: object) -> Clone:
    """Clone this repository with what is not committed yet, and give it ports and names of its own."""
    git(ROOT, "clone", "-q", "--no-hardlinks", str(ROOT), str(root))
    if git(root, "rev-parse", "--is-shallow-repository") == "true":  # clusters can't fetch from one: start a history
        shutil.rmtree(root / ".git")
        git(root, "init", "-q")
    tracked = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in tracked:
        source, target = ROOT / name, root / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        else:
            target.unlink(missing_ok=True)
    file = root / "opentofu/environments/local/environment.yaml"
    told = yaml.safe_load(file.read_text())
    told["cluster"].update({"name": cluster, **cluster_options})
    told["objectstore"]["port"], told["gitops"]["port"], told["images"]["port"] = ports, ports + 1, ports + 2
    told["drill"]["file_mib"] = 8
    file.write_text(yaml.safe_dump(told, sort_keys=False))
    clone = Clone(root, {"DOGITOPS_ROOT": str(root), "PYTHONPATH": str(ROOT), "COLUMNS": "120"})
    clone.commit("As tested")
    return clone


def remove(clone: Clone) -> None:
    """Take away what a clone's environment left, whatever state it is in."""
    clone.run("cluster", "delete", "local", "--yes")
    clone.run("down", "local")


@pytest.fixture(scope="session")
def docker() -> None:
    """Docker, or a reason why not."""
    try:
        engine.ensure_docker()
    except DogitopsError as error:
        pytest.skip(f"docker can't be had here: {error.message}")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what commands read of this repository; who uses it makes a project of a copy."""
    folder = tmp_path_factory.mktemp("tree") / "tree"
    make_tree(folder)
    return folder


@pytest.fixture(scope="module")
def clone(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """Make the clone in which the main job runs; what an earlier, killed run left under its names goes first."""
    clone = make_clone(tmp_path_factory.mktemp("main") / "repository", CLUSTER, 17480)
    remove(clone)
    yield clone
    remove(clone)


def _follow(child: subprocess.Popen[str], timeout: float) -> list[str]:
    assert child.stdout is not None
    lines = []
    deadline = time.monotonic() + timeout
    for line in child.stdout:
        lines.append(line)
        _say(line.rstrip())
        if time.monotonic() > deadline:
            os.killpg(child.pid, signal.SIGKILL)
            pytest.fail(f"not finished within {timeout} s:\n{''.join(lines[-30:])}")
    child.wait(timeout=60)
    return lines


def _say(text: str) -> None:
    """Show progress past pytest's capture: a run takes minutes."""
    sys.__stderr__.write(text + "\n")  # type: ignore[union-attr]
    sys.__stderr__.flush()  # type: ignore[union-attr]
