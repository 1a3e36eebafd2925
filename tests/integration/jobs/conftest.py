"""A site whose cluster and S3 server belong to somebody else, with a script in tofu's place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.jobs.sites import open_site
from automation.opentofu.runner import Tofu
from automation.site import Site
from automation.workspace import Workspace
from tests.integration.s3 import S3, serving

# Answers from files beside it: `<verb>` on stdout, `<verb>.code` as the exit code; `calls` gets every command line.
SCRIPT = """#!/bin/sh
cd {folder}
echo "$@" >>calls
verb=$1
for word; do case "$word" in -out=*) echo "the plan" >"${{word#-out=}}";; esac; done
[ "$verb" = apply ] && [ -f state.after ] && cp state.after state
[ -f "$verb" ] && cat "$verb"
[ -f "$verb.error" ] && cat "$verb.error" >&2
[ -f "$verb.code" ] && exit "$(cat "$verb.code")"
exit 0
"""


@dataclass(frozen=True)
class FakeTofu:
    """What the script in tofu's place was asked, and what it shall answer."""

    folder: Path

    def answer(self, verb: str, out: Any = None, *, code: int = 0, error: str = "") -> None:
        if out is not None:
            (self.folder / verb).write_text(out if isinstance(out, str) else json.dumps(out))
        (self.folder / f"{verb}.code").write_text(str(code))
        (self.folder / f"{verb}.error").write_text(error)

    def resources(self, *addresses: str, after: tuple[str, ...] | None = None) -> None:
        """Hold these resources in the state, and others once something was applied."""
        self.answer("state", "\n".join(addresses))
        if after is not None:
            (self.folder / "state.after").write_text("\n".join(after))

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines() if (self.folder / "calls").exists() else []

    @property
    def verbs(self) -> list[str]:
        return [call.split()[0] for call in self.calls]


def change(address: str, *actions: str) -> dict[str, Any]:
    return {"address": address, "type": address.split(".", 1)[0], "change": {"actions": actions, "after": {}}}


@pytest.fixture
def s3() -> Iterator[S3]:
    with serving() as server:
        yield server


@pytest.fixture
def facts(tmp_path: Path, s3: S3) -> dict[str, Any]:
    (tmp_path / "theirs").write_text("their kubeconfig\n")
    return {
        "description": "Somebody else's",
        "cluster": {"provider": "existing", "name": "dogitops-there", "kubeconfig": str(tmp_path / "theirs")},
        "objectstore": {"endpoint": f"http://127.0.0.1:{s3.server_address[1]}"},
        "state": {"bucket": "dogitops-there-state"},
        "gitops": {"path": "gitops"},
        "backup": {"bucket": "dogitops-there-backups", "namespaces": ["app"]},
    }


@pytest.fixture
def workspace(tmp_path: Path, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Workspace:
    ours = ("DOGITOPS_STATE", "DOGITOPS_PROVIDER", "DOGITOPS_ROOT", "DOGITOPS_SECRETS_KEY")
    for name in (*ours, "GITHUB_ACTIONS", "SPACES_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPACES_ACCESS_KEY_ID", "access-key-3")
    monkeypatch.setenv("SPACES_SECRET_ACCESS_KEY", "canary-value-3")
    folder = tmp_path / "repository" / "opentofu" / "environments" / "there"
    folder.mkdir(parents=True)
    (folder / "environment.yaml").write_text(yaml.safe_dump(facts))
    return Workspace(tmp_path / "repository")


@pytest.fixture
def site(workspace: Workspace) -> Site:
    return open_site("there", workspace=workspace)


@pytest.fixture
def tofu(site: Site, tmp_path: Path) -> FakeTofu:
    folder = tmp_path / "tofu"
    folder.mkdir()
    binary = folder / "tofu"
    binary.write_text(SCRIPT.format(folder=folder))
    binary.chmod(0o755)
    root = site.workspace.environments / "there"
    site.__dict__["tofu"] = Tofu(binary, root, site.kept, site.store.variables())
    fake = FakeTofu(folder)
    fake.answer("show", {"format_version": "1.2", "resource_changes": []})
    fake.answer("output", {"cluster": {"value": "dogitops-there", "sensitive": False}})
    fake.resources()
    return fake


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what tells of GitHub and DigitalOcean."""
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL", "DIGITALOCEAN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
