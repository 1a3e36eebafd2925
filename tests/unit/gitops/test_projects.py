"""Projects, ApplicationSets and backups of every cluster: what they allow, and no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from automation.gitops.endpoints import OBJECTSTORE_URL, REPOSITORY_URL
from automation.gitops.manifests import Manifest
from tests.unit.gitops.everything import (
    CLUSTERS,
    GITOPS,
    ZONES,
    described,
    everything,
    group,
    listed_in,
    made,
    own,
)

CLUSTER_SCOPED = {
    *("Namespace", "CustomResourceDefinition", "APIService", "StorageClass", "ClusterRole", "ClusterRoleBinding"),
    *("PersistentVolume", "PriorityClass", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"),
    *("CSIDriver", "IngressClass", "ClusterIssuer", "VolumeSnapshotClass"),
}


def projects(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one["spec"] for one in manifests if one["kind"] == "AppProject"}


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_projects_allow_the_addresses_that_are_read_and_no_more(
    cluster: str, kustomize: Path, rendered: dict[str, list[Manifest]]
) -> None:
    git = described(cluster).gitops.repository or REPOSITORY_URL
    listed = listed_in(kustomize, cluster)
    for zone, project in projects(rendered[cluster]).items():
        bounds = {key: value for key, value in project.items() if key != "roles"}
        assert "*" not in json.dumps(bounds), zone
        charts = {entry.chart.repository for entry in listed if entry.zone == zone and entry.chart}
        assert set(project["sourceRepos"]) == {git, *charts}, zone


def test_projects_allow_what_some_cluster_needs_and_no_more(
    kustomize: Path, rendered: dict[str, list[Manifest]]
) -> None:
    allowed = projects(rendered["gitops/clusters/base"])
    assert set(allowed) == set(ZONES)
    every = {entry for cluster in CLUSTERS for entry in listed_in(kustomize, cluster)}
    for zone, project in allowed.items():
        listed = [entry for entry in every if entry.zone == zone]
        if not listed:
            continue
        kinds: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
        namespaces = {entry.namespace for entry in listed}
        for entry in listed:
            for api_group, kind, namespace in made(entry, rendered):
                kinds[kind in CLUSTER_SCOPED].add((api_group, kind))
                namespaces |= {namespace}
        told = {
            True: {(one["group"], one["kind"]) for one in project["clusterResourceWhitelist"]},
            False: {(one["group"], one["kind"]) for one in project["namespaceResourceWhitelist"]},
        }
        assert told == kinds, zone
        assert {one["namespace"] for one in project["destinations"]} == namespaces, zone


def test_the_apps_zone_can_change_nothing_outside_its_namespaces(rendered: dict[str, list[Manifest]]) -> None:
    allowed = projects(rendered["gitops/clusters/base"])
    assert allowed["apps"]["clusterResourceWhitelist"] == []
    zones = {
        one["metadata"]["name"]: one["metadata"]["labels"]["dogitops.io/zone"]
        for _, one in everything(rendered)
        if one["kind"] == "Namespace"
    }
    assert {zones[one["namespace"]] for one in allowed["apps"]["destinations"]} == {"apps"}


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_bootstrap_project_allows_what_the_root_brings_and_no_more(
    cluster: str, rendered: dict[str, list[Manifest]]
) -> None:
    project = yaml.safe_load((GITOPS / "bootstrap" / "project.yaml").read_text())["spec"]
    root = yaml.safe_load((GITOPS / "bootstrap" / "root.yaml").read_text())
    assert root["spec"]["project"] == "bootstrap"
    assert project["clusterResourceWhitelist"] == []
    told = {(one["group"], one["kind"]) for one in project["namespaceResourceWhitelist"]}
    assert told == {(group(one), one["kind"]) for one in rendered[cluster]}
    assert {one["metadata"]["namespace"] for one in rendered[cluster]} == {"argocd"}
    assert [one["namespace"] for one in project["destinations"]] == ["argocd"]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_application_sets_switch_as_they_say(cluster: str, rendered: dict[str, list[Manifest]]) -> None:
    sets = {one["metadata"]["name"]: one["spec"] for one in rendered[cluster] if one["kind"] == "ApplicationSet"}
    assert set(sets) == {"platform", "charts", "apps"}
    for name, spec in sets.items():
        assert spec["goTemplate"] is True
        assert spec["goTemplateOptions"] == ["missingkey=error"]
        assert spec["template"]["spec"]["project"] == ("apps" if name == "apps" else "{{ .zone }}")
        assert "ServerSideApply=true" in spec["template"]["spec"]["syncPolicy"]["syncOptions"]
    for name in ("platform", "charts"):
        automated = sets[name]["template"]["spec"]["syncPolicy"]["automated"]
        assert automated == {"enabled": True, "prune": True, "selfHeal": True}
        assert sets[name]["syncPolicy"]["preserveResourcesOnDeletion"] is True
    assert "automated" not in sets["apps"]["template"]["spec"]["syncPolicy"]
    assert 'index .metadata.annotations "dogitops.io/apps-automation"' in sets["apps"]["templatePatch"]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_schedule_covers_the_apps_zone(cluster: str, kustomize: Path, rendered: dict[str, list[Manifest]]) -> None:
    [schedule] = [one for one in own(cluster, kustomize, rendered) if one["kind"] == "Schedule"]
    apps = {entry.namespace for entry in listed_in(kustomize, cluster) if entry.zone == "apps"}
    assert set(schedule["spec"]["template"]["includedNamespaces"]) >= apps
    assert schedule["spec"]["template"]["defaultVolumesToFsBackup"] is True
    assert schedule["spec"]["template"]["snapshotVolumes"] is False


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_backups_go_where_the_environment_says(
    cluster: str, kustomize: Path, rendered: dict[str, list[Manifest]]
) -> None:
    """By a stable name to the server on this machine, by its public address to one elsewhere."""
    told = described(cluster)
    manifests = own(cluster, kustomize, rendered)
    [location] = [one["spec"] for one in manifests if one["kind"] == "BackupStorageLocation"]
    assert location["config"]["s3Url"] == (told.objectstore.endpoint or OBJECTSTORE_URL)
    assert location["config"]["region"] == told.objectstore.region
    assert location["config"]["checksumAlgorithm"] == ""
    assert location["config"]["s3ForcePathStyle"] == "true"
    assert location["objectStorage"] == {"bucket": told.backup.bucket, "prefix": told.backup.prefix}
    [schedule] = [one["spec"] for one in manifests if one["kind"] == "Schedule"]
    assert schedule["template"]["includedNamespaces"] == list(told.backup.namespaces)
