from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from automation.errors import DogitopsError
from automation.toolchain import catalogue, node_image, recipe

CONFIG = """\
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10"
  restrict_oom_score_adj = false
"""


@pytest.fixture
def kind(tmp_path: Path) -> Path:
    files = tmp_path / "kind" / "images" / "base" / "files"
    contents = {
        "etc/containerd/config.toml": CONFIG,
        "etc/systemd/system/kubelet.service": "[Service]\n",
        "kind/bin/mount-product-files.sh": "#!/bin/bash\n",
        "kind/README.txt": "read me\n",
        "usr/local/bin/entrypoint": "#!/bin/bash\n",
    }
    for name, text in contents.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text(text)
    return tmp_path / "kind"


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, Path]:
    names = ("containerd", "containerd-shim-runc-v2", "ctr", "kubelet", "kubeadm", "kubectl")
    for name in names:
        (tmp_path / name).write_text(name)
    return {name: tmp_path / name for name in names}


def test_the_node_has_kinds_files_and_our_programs(kind: Path, programs: dict[str, Path]) -> None:
    items = {item.path: item for item in node_image.items(programs, kind, restricted=False)}
    modes = {path: oct(item.mode) for path, item in items.items()}
    assert modes["/usr/local/bin/entrypoint"] == modes["/kind/bin/mount-product-files.sh"] == "0o755"
    assert modes["/kind/README.txt"] == modes["/etc/systemd/system/kubelet.service"] == "0o644"
    assert items["/usr/bin/kubelet"].source == programs["kubelet"]
    assert items["/usr/local/bin/containerd"].source == programs["containerd"]
    assert items["/kind/version"].content == f"v{catalogue.load().tool('kubernetes').version}".encode()


def test_kinds_storage_step_finds_a_harmless_object(kind: Path, programs: dict[str, Path]) -> None:
    items = {item.path: item for item in node_image.items(programs, kind, restricted=False)}
    storage = yaml.safe_load(items["/kind/manifests/default-storage.yaml"].content or b"")
    assert (storage["kind"], storage["metadata"]["name"]) == ("Namespace", "local-path-storage")


@pytest.mark.parametrize("restricted", [True, False])
def test_containerd_uses_our_pause_image_and_mirrors(*, restricted: bool) -> None:
    config = tomllib.loads(node_image.containerd_config(CONFIG, restricted=restricted))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["sandbox_image"] in recipe.load().images
    assert cri["restrict_oom_score_adj"] is restricted
    assert cri["registry"]["config_path"] == "/etc/containerd/certs.d"


def test_a_kind_whose_files_changed_is_told() -> None:
    with pytest.raises(DogitopsError, match="restrict_oom_score_adj"):
        node_image.containerd_config('  sandbox_image = "x"\n', restricted=True)


def test_leftovers_are_found_by_name_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A label would not do: ``docker commit`` hands labels on, and every cluster's node would look like a leftover."""
    (tmp_path / "docker").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n')
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    node_image._remove_leftovers()
    assert (tmp_path / "asked").read_text().splitlines() == [
        "rm --force --volumes dogitops-build-node",
        "image rm dogitops-build/node:base",
    ]
