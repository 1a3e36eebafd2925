from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from automation import environment
from automation.errors import ConfigurationError
from automation.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "opentofu" / "environments").mkdir(parents=True)
    return Workspace(tmp_path)


def write(workspace: Workspace, name: str, text: str) -> None:
    folder = workspace.environments / name
    folder.mkdir(parents=True)
    (folder / "environment.yaml").write_text(text)


def local() -> dict:
    return yaml.safe_load((ROOT / "opentofu/environments/local/environment.yaml").read_text())


@pytest.mark.parametrize("name", environment.names(Workspace(ROOT)))
def test_every_environment_of_the_repository_is_valid(name: str) -> None:
    loaded = environment.load(Workspace(ROOT), name)
    assert loaded.name == name
    assert (ROOT / loaded.gitops.path).is_dir()


def test_unknown_environment_suggests_the_nearest(workspace: Workspace) -> None:
    write(workspace, "local", yaml.safe_dump(local()))
    with pytest.raises(ConfigurationError) as caught:
        environment.load(workspace, "locl")
    assert caught.value.exit_code == 2
    assert "Did you mean 'local'?" in caught.value.message
    assert "Known environments: local" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"clustr": {}}, "clustr: unknown key. Did you mean 'cluster'?"),
        ({"cluster": {"name": "dogitops-x", "provder": "kind"}}, "unknown key. Did you mean 'provider'?"),
        ({"backup": {"bucket": "dogitops-b", "namespaces": ["a"], "keep_hour": 1}}, "Did you mean 'keep_hours'?"),
        ({"cluster": {"name": "production"}}, "cluster.name"),
        ({"cluster": {"name": "dogitops-x", "provider": "minikube"}}, "cluster.provider"),
        ({"cluster": {"name": "dogitops-x", "workers": -1}}, "cluster.workers"),
        ({"cluster": {"name": "dogitops-x", "provider": "existing"}}, "kubeconfig"),
        ({"backup": {"bucket": "dogitops-b", "namespaces": []}}, "backup.namespaces"),
        ({"state": None}, "state"),
        ({"objectstore": {"port": 80}}, "objectstore.port"),
        (
            {"secrets": [{"namespace": "a", "name": "b", "keys": {"k": {"generate": 32, "variable": "X"}}}]},
            "exactly one of",
        ),
        ({"secrets": [{"namespace": "a", "name": "b", "keys": {"k": {"genrate": 32}}}]}, "Did you mean 'generate'?"),
    ],
)
def test_a_bad_value_is_named_with_its_place(workspace: Workspace, change: dict, told: str) -> None:
    write(workspace, "bad", yaml.safe_dump({**local(), **change}))
    with pytest.raises(ConfigurationError) as caught:
        environment.load(workspace, "bad")
    assert told in caught.value.message
    assert "opentofu/environments/bad/environment.yaml" in caught.value.message


def test_a_missing_key_is_named(workspace: Workspace) -> None:
    raw = local()
    del raw["cluster"]
    write(workspace, "bad", yaml.safe_dump(raw))
    with pytest.raises(ConfigurationError, match="cluster: is missing"):
        environment.load(workspace, "bad")


@pytest.mark.parametrize("text", ["a: [", "- just\n- a list", "", "\ttabs: no"])
def test_what_is_not_a_yaml_mapping_is_refused(workspace: Workspace, text: str) -> None:
    write(workspace, "bad", text)
    with pytest.raises(ConfigurationError):
        environment.load(workspace, "bad")


def test_no_repository_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOGITOPS_ROOT", raising=False)
    with pytest.raises(ConfigurationError, match="opentofu/environments"):
        Workspace.find(tmp_path)


def test_the_repository_is_found_from_below(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOGITOPS_ROOT", raising=False)
    below = workspace.root / "a" / "b"
    below.mkdir(parents=True)
    assert Workspace.find(below).root == workspace.root
