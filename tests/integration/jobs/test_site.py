from __future__ import annotations

from typing import Any

import pytest
import yaml

from automation.clusters.existing import ExistingProvider
from automation.errors import ConfigurationError, Refused
from automation.jobs.sites import open_site
from automation.site import Site
from automation.workspace import Workspace


def test_what_is_kept_is_ours_alone(site: Site) -> None:
    assert site.kept == site.workspace.root / ".dogitops" / "there"
    assert site.kept.stat().st_mode & 0o077 == 0
    assert site.kubeconfig.is_relative_to(site.kept)


def test_an_existing_cluster_is_reached_by_its_kubeconfig(site: Site) -> None:
    assert isinstance(site.provider, ExistingProvider)
    with pytest.raises(ConfigurationError, match="has no cluster yet") as caught:
        site.kube  # noqa: B018 - the property is what is tested
    assert "dogitops plan there" in (caught.value.hint or "")


@pytest.mark.parametrize("how", ["option", "variable"])
def test_an_unknown_provider_is_refused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "variable":
        monkeypatch.setenv("DOGITOPS_PROVIDER", "kindd")
    with pytest.raises(ConfigurationError, match=r"'kindd'\. Did you mean 'kind'\?") as caught:
        open_site("there", provider="kindd" if how == "option" else None, workspace=workspace)
    assert "auto, kind, k3d, existing" in (caught.value.hint or "")


def test_a_cluster_stays_with_the_provider_that_made_it(site: Site, workspace: Workspace) -> None:
    (site.kept / "provider").write_text("existing")
    with pytest.raises(ConfigurationError, match="was made by existing, not by kind") as caught:
        open_site("there", provider="kind", workspace=workspace).provider  # noqa: B018
    assert "dogitops destroy there" in (caught.value.hint or "")
    assert open_site("there", provider="auto", workspace=workspace).provider.kind == "existing"


def test_a_foreign_cluster_is_not_deleted_but_can_be_forgotten(site: Site) -> None:
    site.kubeconfig.write_text("theirs")
    (site.kept / "provider").write_text("existing")
    with pytest.raises(Refused):
        site.delete_cluster()
    assert site.kubeconfig.exists()
    assert not site.delete_cluster(keep_foreign=True)
    assert not site.kubeconfig.exists()
    assert not (site.kept / "provider").exists()


@pytest.mark.parametrize("variable", ["SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY"])
def test_keys_of_a_foreign_store_come_from_variables(
    site: Site, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(ConfigurationError, match=variable) as caught:
        site.store  # noqa: B018
    assert f"Set {variable}" in (caught.value.hint or "")


@pytest.fixture
def with_secrets(workspace: Workspace, facts: dict[str, Any]) -> Workspace:
    declared = [
        {"namespace": "a", "name": "from-variable", "keys": {"token": {"variable": "A_TOKEN"}}},
        {"namespace": "a", "name": "made", "keys": {"password": {"generate": 24}}},
        {"namespace": "b", "name": "store", "keys": {"cloud": {"objectstore": "aws-credentials"}}},
    ]
    file = workspace.environments / "there" / "environment.yaml"
    file.write_text(yaml.safe_dump({**facts, "secrets": declared}))
    return workspace


def test_secrets_come_from_where_they_are_declared(with_secrets: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "canary-value-4")
    token, made, store = open_site("there", workspace=with_secrets).secrets()
    assert token.data["token"].reveal() == "canary-value-4"
    assert len(made.data["password"].reveal()) == 24
    assert "aws_access_key_id=access-key-3" in store.data["cloud"].reveal()
    assert "canary" not in f"{token}{made}{store}"


def test_generated_secrets_outlive_the_cluster(with_secrets: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "canary-value-4")
    site = open_site("there", workspace=with_secrets)
    before = site.secrets()[1].data["password"]
    site.delete_cluster(keep_foreign=True)
    assert open_site("there", workspace=with_secrets).secrets()[1].data["password"] == before
    kept = [path for path in (site.kept / "secrets").iterdir() if path.is_file()]
    assert kept
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)


def test_a_secret_without_its_variable_is_named(with_secrets: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_TOKEN", raising=False)
    told = r"environment.yaml:\d+: a/from-variable token: the variable A_TOKEN is not set"
    with pytest.raises(ConfigurationError, match=told):
        open_site("there", workspace=with_secrets).secrets()


def test_ending_what_does_not_run_is_no_error(site: Site) -> None:
    assert site.down() == []
