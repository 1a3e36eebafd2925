from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from automation.errors import ChangesPending, ConfigurationError
from automation.gitops import vendor
from automation.toolchain import install

ROOT = Path(__file__).parents[3]

VELERO = """#!/bin/sh
[ "$*" = "install --crds-only --dry-run --output yaml" ] || exit 9
cat <<'EOF'
apiVersion: v1
kind: List
items:
- {kind: CustomResourceDefinition, metadata: {name: restores.velero.io, creationTimestamp: null}, spec: {}, status: {}}
- {kind: CustomResourceDefinition, metadata: {name: backups.velero.io, creationTimestamp: null}, spec: {}}
EOF
"""


@pytest.fixture
def sources(tmp_path: Path) -> vendor.Sources:
    manifests = tmp_path / "argo-cd" / "manifests"
    manifests.mkdir(parents=True)
    (manifests / "install.yaml").write_text(
        "# This is an auto-generated file. DO NOT EDIT\nimage: quay.io/argoproj/argocd:v3.1.9\n"
    )
    velero = tmp_path / "velero"
    velero.write_text(VELERO)
    velero.chmod(0o755)
    crds = tmp_path / "snapshots" / "config" / "crd"
    crds.mkdir(parents=True)
    for group in ("snapshot", "groupsnapshot"):
        crd = {"kind": "CustomResourceDefinition", "metadata": {"name": f"of.{group}"}, "spec": {}, "status": {}}
        (crds / f"{group}.storage.k8s.io_volumesnapshots.yaml").write_text(yaml.safe_dump(crd))
    return vendor.Sources(tmp_path / "argo-cd", "3.1.9", velero, "v1.18.3", tmp_path / "snapshots")


def test_generated_files_say_where_they_come_from(sources: vendor.Sources) -> None:
    generated = vendor.generate(sources)
    versions = {vendor.ARGOCD: "v3.1.9", vendor.VELERO: "v1.18.3", vendor.SNAPSHOTS: f"v{vendor.SNAPSHOT_VERSION}"}
    for path, version in versions.items():
        header = [line for line in generated[path].splitlines() if line.startswith("#")]
        assert any("dogitops gitops vendor" in line for line in header)
        assert any(line.startswith("# Origin: https://github.com/") for line in header)
        assert f"# Version: {version}" in header
        assert "# Licence: Apache-2.0" in header


def test_crds_come_sorted_and_without_what_a_server_writes(sources: vendor.Sources) -> None:
    crds = list(yaml.safe_load_all(vendor.generate(sources)[vendor.VELERO]))
    assert [crd["metadata"] for crd in crds] == [{"name": "backups.velero.io"}, {"name": "restores.velero.io"}]
    assert all("status" not in crd for crd in crds)


def test_of_snapshots_come_those_of_single_volumes(sources: vendor.Sources, tmp_path: Path) -> None:
    crds = list(yaml.safe_load_all(vendor.generate(sources)[vendor.SNAPSHOTS]))
    assert [crd["metadata"]["name"] for crd in crds] == ["of.snapshot"]
    assert "status" not in crds[0]
    with pytest.raises(ConfigurationError, match="not the module of snapshots"):
        vendor.generate(replace(sources, snapshots=tmp_path))


def test_the_kinds_of_snapshots_are_those_of_the_controller_that_runs() -> None:
    text = (ROOT / vendor.SNAPSHOTS.parent / "controller.yaml").read_text()
    assert f"snapshot-controller:v{vendor.SNAPSHOT_VERSION}\n" in text
    assert f"# Version: v{vendor.SNAPSHOT_VERSION}\n" in (ROOT / vendor.SNAPSHOTS).read_text()[:600]


def test_write_then_check(sources: vendor.Sources, tmp_path: Path) -> None:
    generated = vendor.generate(sources)
    with pytest.raises(ChangesPending, match=r"upstream\.yaml"):
        vendor.check(tmp_path, generated)
    assert vendor.write(tmp_path, generated) == [vendor.ARGOCD, vendor.VELERO, vendor.SNAPSHOTS]
    vendor.check(tmp_path, generated)
    assert vendor.write(tmp_path, generated) == []
    (tmp_path / vendor.VELERO).write_text("edited by hand")
    with pytest.raises(ChangesPending, match=r"crds\.yaml"):
        vendor.check(tmp_path, generated)


def test_another_version_of_argo_cd_is_refused(sources: vendor.Sources) -> None:
    with pytest.raises(ConfigurationError, match=r"another version of Argo CD than 3\.1"):
        vendor.generate(replace(sources, argocd_version="3.1"))


def test_a_folder_that_is_not_argo_cd_is_refused(sources: vendor.Sources, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no manifests/install\.yaml"):
        vendor.generate(replace(sources, argocd=tmp_path))


def test_the_vendored_files_are_those_of_the_catalogue() -> None:
    for path, tool in ((vendor.ARGOCD, "argocd"), (vendor.VELERO, "velero")):
        assert f"# Version: v{install.version(tool)}\n" in (ROOT / path).read_text()[:600]
