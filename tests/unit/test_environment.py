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


def there(**cluster: object) -> dict:
    """Return an environment at DigitalOcean."""
    told = local()
    del told["images"]
    told["cluster"] = {
        "provider": "doks", "name": "dogitops-x", "region": "fra1", "size": "s-2vcpu-4gb", "workers": 1, **cluster
    }  # fmt: skip
    told["objectstore"] = {"endpoint": "https://fra1.digitaloceanspaces.com"}
    told["gitops"] = {"path": "gitops/clusters/ephemeral", "repository": "https://github.com/acme/infra.git"}
    return told


def test_an_environment_at_digitalocean_is_read(workspace: Workspace) -> None:
    write(workspace, "there", yaml.safe_dump(there(time_to_live=4, version="1.34")))
    loaded = environment.load(workspace, "there")
    assert (loaded.cluster.region, loaded.cluster.size, loaded.cluster.time_to_live) == ("fra1", "s-2vcpu-4gb", 4)
    assert loaded.remote
    assert not loaded.shared, "no pull request plans what lives for hours"
    assert loaded.gitops.follow == "head"
    write(workspace, "longer", yaml.safe_dump(there()))
    assert environment.load(workspace, "longer").shared


@pytest.mark.parametrize(
    ("place", "change", "told"),
    [
        ("cluster", {"region": None}, "cluster: provider 'doks' needs 'region'"),
        ("cluster", {"region": None, "size": None}, "needs 'region' and 'size', such as region: fra1"),
        ("cluster", {"workers": 0}, "'workers' of at least 1"),
        ("cluster", {"kubeconfig": "x"}, "'kubeconfig' is for provider 'existing'"),
        ("cluster", {"provider": "kind"}, "'region' and 'size' is for provider 'doks' alone, and this one is 'kind'"),
        ("cluster", {"version": "newest"}, "cluster.version"),
        ("cluster", {"time_to_live": 0}, "cluster.time_to_live"),
        ("cluster", {"regoin": "fra1"}, "Did you mean 'region'?"),
        ("objectstore", {"endpoint": None}, "provider 'doks' needs 'objectstore.endpoint': a cluster at DigitalOcean"),
        ("gitops", {"repository": None}, "provider 'doks' needs 'gitops.repository'"),
        ("gitops", {"repository": "git@github.com:acme/infra.git"}, "an address such as https://github.com/OWNER"),
        ("gitops", {"repository": "https://me:word@github.com/acme/infra.git"}, "without a user or a password"),
        ("gitops", {"repository": "http://git.test/x.git", "token_variable": "T"}, "must begin with https://"),
        ("gitops", {"follow": "tag"}, "gitops.follow"),
        ("images", {"port": 7482}, "'images' is for clusters on this machine"),
        ("drill", {"public_key": "short"}, "drill.public_key"),
    ],
)
def test_what_does_not_fit_a_cluster_at_digitalocean_is_named(
    workspace: Workspace, place: str, change: dict, told: str
) -> None:
    raw = there()
    part = {**raw.get(place, {}), **change}
    raw[place] = {key: value for key, value in part.items() if value is not None}
    write(workspace, "bad", yaml.safe_dump(raw))
    with pytest.raises(ConfigurationError) as caught:
        environment.load(workspace, "bad")
    assert told in caught.value.message
    assert "word" not in caught.value.message.replace("password", "")


def test_the_local_git_server_has_neither_branch_nor_token(workspace: Workspace) -> None:
    raw = local()
    raw["gitops"]["token_variable"] = "GIT_TOKEN"
    write(workspace, "bad", yaml.safe_dump(raw))
    with pytest.raises(ConfigurationError, match="'token_variable' needs 'repository'"):
        environment.load(workspace, "bad")


def test_the_environments_that_dogitops_makes_itself_are_made_alike() -> None:
    roots = [ROOT / "opentofu/environments" / name for name in ("local", "ephemeral")]
    for file in ("main.tf", "outputs.tf"):
        assert len({(root / file).read_text() for root in roots}) == 1
    for root in roots:
        told = environment.load(Workspace(ROOT), root.name)
        assert f'bucket                      = "{told.state.bucket}"' in (root / "versions.tf").read_text()


def test_the_ephemeral_environment_ends_by_itself() -> None:
    told = environment.load(Workspace(ROOT), "ephemeral")
    assert told.cluster.provider == "doks"
    assert told.cluster.time_to_live
    assert told.gitops.follow == "commit"
    assert "ephemeral" not in environment.shared_names(Workspace(ROOT))


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
