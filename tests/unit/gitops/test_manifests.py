"""What gitops/ describes, rendered as Argo CD renders it and held against the rules of the house."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.errors import ConfigurationError, DogitopsError
from automation.gitops.manifests import Entry, Manifest, contents, entries, render
from tests.unit.gitops.everything import (
    CLUSTERS,
    FOLDERS,
    GITOPS,
    ROOT,
    ZONES,
    described,
    everything,
    listed_in,
    own,
)

WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"}


def containers(manifest: Manifest) -> Iterator[dict[str, Any]]:
    if manifest["kind"] in WORKLOADS:
        spec = manifest["spec"] if manifest["kind"] == "Pod" else manifest["spec"]["template"]["spec"]
        yield from (*spec.get("initContainers", ()), *spec["containers"])
    if manifest["kind"] == "ConfigMap" and "helperPod.yaml" in manifest.get("data", {}):
        yield from containers(yaml.safe_load(manifest["data"]["helperPod.yaml"]))


def test_images_are_pinned(rendered: dict[str, list[Manifest]]) -> None:
    wrong = {
        where: container["image"]
        for where, manifest in everything(rendered)
        for container in containers(manifest)
        if not re.search(r":v?\d[\w.-]*$", container["image"])
    }
    assert wrong == {}


def test_images_name_their_registry(rendered: dict[str, list[Manifest]]) -> None:
    names = {container["image"].split("/")[0] for _, one in everything(rendered) for container in containers(one)}
    assert all("." in name for name in names), names


def test_every_container_has_requests_and_limits(rendered: dict[str, list[Manifest]]) -> None:
    wrong = [
        f"{where} {container['name']}: {part} of {resource}"
        for where, manifest in everything(rendered)
        for container in containers(manifest)
        for part in ("requests", "limits")
        for resource in ("cpu", "memory")
        if resource not in container.get("resources", {}).get(part, {})
    ]
    assert wrong == []


def test_what_a_small_cluster_requests_fits_two_cores(kustomize: Path, rendered: dict[str, list[Manifest]]) -> None:
    for cluster in ("gitops/clusters/local", "gitops/clusters/ephemeral"):
        used = [entry.path for entry in listed_in(kustomize, cluster)]
        requested = sum(
            float(cpu.removesuffix("m")) if (cpu := container["resources"]["requests"]["cpu"]).endswith("m") else 9e9
            for folder in used
            for manifest in rendered[folder]
            for container in containers(manifest)
        )
        assert requested <= 500, cluster  # millicores: Kubernetes' own pods request 950 of 2000


def test_every_container_of_the_platform_and_the_apps_is_confined(rendered: dict[str, list[Manifest]]) -> None:
    wrong = [
        f"{where} {container['name']}"
        for where, manifest in everything(rendered)
        if manifest["kind"] in WORKLOADS and manifest["metadata"]["name"] not in {"node-agent", "csi-node"}
        for container in containers(manifest)
        for security in [container.get("securityContext", {})]
        if security.get("allowPrivilegeEscalation") is not False
        or security.get("readOnlyRootFilesystem") is not True
        or security.get("capabilities", {}).get("drop") != ["ALL"]
    ]
    assert wrong == []


def test_every_serving_container_has_a_readiness_probe(rendered: dict[str, list[Manifest]]) -> None:
    # The provisioner serves nothing and has no endpoint to ask, nor do the parts of the CSI driver, which speak by
    # sockets; the ApplicationSet controller comes so from upstream.
    known = {"local-path-provisioner", "argocd-applicationset-controller"}
    known |= {"csi-provisioner", "csi-attacher", "csi-snapshotter", "csi-resizer"}
    known |= {"csi-driver", "csi-node-driver-registrar"}
    wrong = {
        container["name"]
        for _, manifest in everything(rendered)
        if manifest["kind"] in WORKLOADS
        for container in manifest["spec"]["template"]["spec"]["containers"]
        if "readinessProbe" not in container
    }
    assert wrong == known


def test_namespaces_say_their_pod_security_and_are_never_pruned(rendered: dict[str, list[Manifest]]) -> None:
    namespaces = [(where, one["metadata"]) for where, one in everything(rendered) if one["kind"] == "Namespace"]
    assert namespaces
    for where, metadata in namespaces:
        assert metadata["labels"]["pod-security.kubernetes.io/enforce"] in {"restricted", "privileged"}, where
        assert metadata["labels"]["dogitops.io/zone"] in ZONES, where
        assert metadata["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false", where


def test_namespaces_of_the_apps_zone_are_restricted(rendered: dict[str, list[Manifest]]) -> None:
    levels = {
        one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for _, one in everything(rendered)
        if one["kind"] == "Namespace" and one["metadata"]["labels"]["dogitops.io/zone"] == "apps"
    }
    assert levels == {"restricted"}


def test_data_is_never_pruned(rendered: dict[str, list[Manifest]]) -> None:
    for where, manifest in everything(rendered):
        claims = manifest["spec"].get("volumeClaimTemplates", ()) if manifest["kind"] == "StatefulSet" else ()
        claims = [manifest] if manifest["kind"] in {"PersistentVolumeClaim", "Schedule"} else claims
        for claim in claims:
            options = claim["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]
            assert options == "Prune=false,Delete=false", where


def test_no_secret_values_stand_in_git(rendered: dict[str, list[Manifest]]) -> None:
    secrets = [(where, one) for where, one in everything(rendered) if one["kind"] == "Secret"]
    assert {where for where, one in secrets if one.get("data") or one.get("stringData")} == set()
    plain = [
        f"{where} {variable['name']}"
        for where, manifest in everything(rendered)
        for container in containers(manifest)
        for variable in container.get("env", ())
        if "value" in variable and re.search(r"PASSWORD|SECRET|TOKEN|AUTH", variable["name"])
    ]
    assert plain == []


def test_the_default_storage_class_is_seen_by_velero(rendered: dict[str, list[Manifest]]) -> None:
    [storage] = [one for one in rendered["gitops/platform/local-storage"] if one["kind"] == "StorageClass"]
    annotations = storage["metadata"]["annotations"]
    assert annotations["storageclass.kubernetes.io/is-default-class"] == "true"
    assert annotations["defaultVolumeType"] == "local"
    assert storage["volumeBindingMode"] == "WaitForFirstConsumer"
    [provisioner] = [one for one in rendered["gitops/platform/local-storage"] if one["kind"] == "Deployment"]
    [container] = containers(provisioner)
    assert {"name": "PROVISIONER_NAME", "value": storage["provisioner"]} in container["env"]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_volumes_name_a_class_that_the_cluster_makes(
    cluster: str, kustomize: Path, rendered: dict[str, list[Manifest]]
) -> None:
    """Or none, on clusters that come with one of their own, and where the one that it makes is the only default."""
    manifests = own(cluster, kustomize, rendered)
    made = [one["metadata"] for one in manifests if one["kind"] == "StorageClass"]
    classes = {one["name"] for one in made}
    if described(cluster).cluster.provider not in {"auto", "kind", "k3d"}:
        is_default = "storageclass.kubernetes.io/is-default-class"
        classes |= {None for one in made if one.get("annotations", {}).get(is_default) == "true"}
    claims = [claim for one in manifests for claim in one.get("spec", {}).get("volumeClaimTemplates", ())]
    claims += [one for one in manifests if one["kind"] == "PersistentVolumeClaim"]
    named = {claim["spec"].get("storageClassName") for claim in claims}
    assert named <= classes if classes else named <= {None}


def test_kubelet_certificates_go_unchecked_on_local_clusters_only(rendered: dict[str, list[Manifest]]) -> None:
    found = {
        folder
        for folder, manifests in rendered.items()
        for manifest in manifests
        for container in containers(manifest)
        if "--kubelet-insecure-tls" in container.get("args", ())
    }
    assert found == {"gitops/clusters/local/metrics-server"}


def test_argo_cd_leaves_alone_what_backups_make(rendered: dict[str, list[Manifest]]) -> None:
    [settings] = [one for one in rendered["gitops/platform/argocd"] if one["metadata"]["name"] == "argocd-cm"]
    excluded = {
        (api_group, kind)
        for rule in yaml.safe_load(settings["data"]["resource.exclusions"])
        for api_group in rule["apiGroups"]
        for kind in rule["kinds"]
    }
    assert ("snapshot.storage.k8s.io", "VolumeSnapshot") in excluded
    crds = [one for one in rendered["gitops/platform/velero"] if one["kind"] == "CustomResourceDefinition"]
    kinds = {one["spec"]["names"]["kind"] for one in crds}
    settings_of_velero = {"BackupStorageLocation", "VolumeSnapshotLocation", "Schedule"}
    assert {kind for api_group, kind in excluded if api_group == "velero.io"} == kinds - settings_of_velero
    # And everything that upstream excludes, which the patch replaces.
    text = (GITOPS / "platform" / "argocd" / "upstream.yaml").read_text()
    maps = [yaml.safe_load(one) for one in text.split("\n---\n") if "\nkind: ConfigMap\n" in one]
    [upstream] = [one for one in maps if one["metadata"]["name"] == "argocd-cm"]
    for rule in yaml.safe_load(upstream["data"]["resource.exclusions"]):
        assert {(api_group, kind) for api_group in rule["apiGroups"] for kind in rule["kinds"]} <= excluded


def test_network_policies_close_what_is_not_named(rendered: dict[str, list[Manifest]]) -> None:
    policies = {
        one["metadata"]["name"]: one["spec"] for one in rendered["gitops/apps/ledger"] if one["kind"] == "NetworkPolicy"
    }
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_selectors_of_the_ledger_meet_their_pods(rendered: dict[str, list[Manifest]]) -> None:
    manifests = rendered["gitops/apps/ledger"]
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in manifests if one["kind"] in WORKLOADS]
    selectors = [
        selector["matchLabels"]
        for one in manifests
        for selector in (one.get("spec", {}).get("selector"), one.get("spec", {}).get("podSelector"))
        if selector and "matchLabels" in selector
    ]
    assert len(selectors) >= 6
    for selector in selectors:
        assert any(selector.items() <= labels.items() for labels in pods), selector


def test_every_folder_is_reached_from_a_cluster(kustomize: Path) -> None:
    listed = [entry for cluster in CLUSTERS for entry in listed_in(kustomize, cluster)]
    used = {entry.path for entry in listed if entry.rendered_here} | set(CLUSTERS)
    waiting = list(used)
    while waiting:
        folder = waiting.pop()
        told = yaml.safe_load((ROOT / folder / "kustomization.yaml").read_text())
        for resource in (*told.get("resources", ()), *told.get("components", ())):
            target = (ROOT / folder / resource).resolve()
            if target.is_dir() and (name := target.relative_to(ROOT).as_posix()) not in used:
                used.add(name)
                waiting.append(name)
    optional = {
        "gitops/platform/tenants/external-dns",
        "gitops/platform/argocd/notify",
        "gitops/platform/argocd/oidc",
    }
    assert set(FOLDERS) - used == optional
    assert not [name for name in FOLDERS if fnmatch.fnmatch(name, "gitops/bootstrap*")]


def test_contents_are_read_as_they_stand(kustomize: Path) -> None:
    listed = contents(kustomize, ROOT, "gitops/clusters/local")
    assert Entry("ledger", "ledger", "gitops/clusters/local/ledger", "apps", "apps") in listed
    assert Entry("argocd", "argocd", "gitops/clusters/local/argocd", "platform") in listed


def test_an_incomplete_entry_is_named() -> None:
    generators = [
        {"matrix": {"generators": [{"list": {"elements": [{"application": "a", "zone": "apps", "path": "p"}]}}]}}
    ]
    with pytest.raises(ConfigurationError, match="apps lacks 'namespace'"):
        entries({"metadata": {"name": "apps"}, "spec": {"generators": generators}})


def test_a_missing_folder_and_a_broken_one_are_told_apart(kustomize: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no kustomization"):
        render(kustomize, tmp_path)
    (tmp_path / "kustomization.yaml").write_text("resources: [gone.yaml]\n")
    with pytest.raises(DogitopsError, match=r"gone\.yaml"):
        render(kustomize, tmp_path)
