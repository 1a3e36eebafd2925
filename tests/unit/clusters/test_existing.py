from __future__ import annotations

from pathlib import Path

import pytest

from automation.clusters.base import ClusterSpec, write_private
from automation.clusters.existing import ExistingProvider
from automation.errors import ConfigurationError, Refused


@pytest.fixture
def provider(tmp_path: Path) -> ExistingProvider:
    (tmp_path / "theirs").write_text("their kubeconfig\n")
    return ExistingProvider(tmp_path / "theirs")


def test_their_kubeconfig_is_taken_over_and_kept_private(provider: ExistingProvider, tmp_path: Path) -> None:
    provider.create(ClusterSpec("dogitops-x"), tmp_path / "kept" / "kubeconfig")
    taken = tmp_path / "kept" / "kubeconfig"
    assert taken.read_text() == "their kubeconfig\n"
    assert taken.stat().st_mode & 0o777 == 0o600
    assert provider.exists("dogitops-x")


def test_a_cluster_of_somebody_else_is_never_deleted(provider: ExistingProvider) -> None:
    with pytest.raises(Refused, match="not made by dogitops") as caught:
        provider.delete("dogitops-x")
    assert caught.value.exit_code == 3
    assert provider.source.exists()


def test_images_are_not_put_into_foreign_nodes(provider: ExistingProvider) -> None:
    with pytest.raises(Refused, match="not ours"):
        provider.load_images("dogitops-x", ["a:1", "b:1"])
    assert provider.nodes("dogitops-x") == []


def test_a_missing_kubeconfig_says_where_it_is_configured(tmp_path: Path) -> None:
    provider = ExistingProvider(tmp_path / "nowhere")
    assert not provider.exists("dogitops-x")
    with pytest.raises(ConfigurationError, match="nowhere") as caught:
        provider.create(ClusterSpec("dogitops-x"), tmp_path / "kubeconfig")
    assert "environment.yaml" in (caught.value.hint or "")


def test_specs_tell_clusters_apart() -> None:
    spec = ClusterSpec("dogitops-x", 1, 2, (("quay.io/hosts.toml", "a"),))
    assert spec.nodes == 3
    assert spec.digest == ClusterSpec("dogitops-x", 1, 2, (("quay.io/hosts.toml", "a"),)).digest
    others = [
        ClusterSpec("dogitops-y", 1, 2, spec.mirrors),
        ClusterSpec("dogitops-x", 1, 1, spec.mirrors),
        ClusterSpec("dogitops-x", 1, 2),
    ]
    assert len({spec.digest, *(other.digest for other in others)}) == 4


def test_what_is_private_was_never_readable_by_others_and_replaces_in_one_step(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text("old, and open to all")
    file.chmod(0o644)
    write_private(file, "new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
