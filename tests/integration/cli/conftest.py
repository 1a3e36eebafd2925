"""Commands are run as a user runs them: in a process of their own, in a repository of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """Both streams as one line: what is told must not depend on where lines are broken."""
        return " ".join((self.out + " " + self.err).split())


@dataclass
class Place:
    """A repository with the environment ``there``: a cluster and an S3 server of somebody else."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> Path:
        return self.root / ".dogitops" / "there"

    @property
    def file(self) -> Path:
        return self.root / "opentofu/environments/there/environment.yaml"

    def change(self, **keys: object) -> None:
        self.file.write_text(yaml.safe_dump({**yaml.safe_load(self.file.read_text()), **keys}))

    def start(self, *arguments: str, before: tuple[str, ...] = (), **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*before, sys.executable, "-m", "automation", *arguments],
            cwd=self.root,
            env={**os.environ, **self.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, before: tuple[str, ...] = (), **variables: str) -> Ran:
        """Run a command to its end; no command may ever end in a traceback."""
        child = self.start(*arguments, before=before, **variables)
        out, err = child.communicate(timeout=60)
        assert "Traceback" not in out + err, err
        return Ran(child.returncode, out, err)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = tmp_path / "repository"
    folder = root / "opentofu" / "environments" / "there"
    folder.mkdir(parents=True)
    (tmp_path / "kubeconfig").write_text("their kubeconfig\n")
    facts = {
        "description": "Somebody else's",
        "cluster": {"provider": "existing", "name": "dogitops-there", "kubeconfig": str(tmp_path / "kubeconfig")},
        "objectstore": {"endpoint": "http://127.0.0.1:9"},
        "state": {"bucket": "dogitops-there-state"},
        "gitops": {"path": "gitops"},
        "backup": {"bucket": "dogitops-there-backups", "namespaces": ["app"]},
    }
    (folder / "environment.yaml").write_text(yaml.safe_dump(facts))
    clean = {"DOGITOPS_ROOT": str(root), "DOGITOPS_STATE": str(root / ".dogitops"), "PYTHONPATH": str(ROOT)}
    keys = {"SPACES_ACCESS_KEY_ID": "access-key-1", "SPACES_SECRET_ACCESS_KEY": "canary-value-1"}
    return Place(root, {**clean, **keys, "COLUMNS": "100", "GITHUB_ACTIONS": "", "DOGITOPS_PROVIDER": ""})


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """Return a PATH on which there is git, and nothing to run or install containers with."""
    folder = tmp_path / "bin"
    folder.mkdir()
    git = shutil.which("git")
    assert git is not None
    (folder / "git").symlink_to(git)
    return str(folder)


@pytest.fixture(scope="session")
def own_namespace() -> tuple[str, ...]:
    """Return the words that run a command as root of a user namespace with mounts of its own."""
    words = ("unshare", "--user", "--map-root-user", "--mount")
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no user namespaces")
    return words
