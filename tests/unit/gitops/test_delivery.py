"""How every cluster is delivered: order, health of custom kinds, pruning and healing, and commits that are pinned."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.gitops import promotion
from automation.gitops.manifests import Manifest
from tests.unit.gitops.everything import CLUSTERS, ROOT, group, renderings

# Groups of Kubernetes itself, whose objects Argo CD knows, or which have no state (a role, a class).
BUILT_IN = re.compile(r"^$|^(apps|batch|policy|autoscaling|[a-z0-9.]+\.k8s\.io)$")
# What Argo CD 3.1 brings a health check for (resource_customizations in its source).
KNOWN = {
    *(("cert-manager.io", kind) for kind in ("Certificate", "ClusterIssuer", "Issuer")),
    *(("kafka.strimzi.io", kind) for kind in ("Kafka", "KafkaTopic", "KafkaUser")),
    *(("argoproj.io", kind) for kind in ("ApplicationSet", "Application")),
}
# Settings: whoever reads them writes no state into them.
SETTINGS = {
    ("argoproj.io", "AppProject"),
    ("dapr.io", "Component"),
    ("dapr.io", "Configuration"),
    ("dapr.io", "Resiliency"),
    ("dapr.io", "Subscription"),
    ("helm.cattle.io", "HelmChartConfig"),
    ("snapshot.storage.k8s.io", "VolumeSnapshotClass"),
}


@pytest.fixture(scope="module")
def rendered(kustomize: Path) -> dict[str, list[Manifest]]:
    return renderings(kustomize)


def sets(manifests: list[Manifest]) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == "ApplicationSet"}


def test_argo_cd_knows_when_each_custom_kind_is_well(rendered: dict[str, list[Manifest]]) -> None:
    [settings] = [one for one in rendered["gitops/platform/argocd"] if one["metadata"]["name"] == "argocd-cm"]
    own = {
        tuple(match)
        for key in settings["data"]
        for match in re.findall(r"^resource\.customizations\.health\.([a-z0-9.]+)_(\w+)$", key)
    }
    custom = {
        (group(one), one["kind"])
        for manifests in rendered.values()
        for one in manifests
        if not BUILT_IN.match(group(one))
    }
    assert custom - own - KNOWN - SETTINGS == set()
    assert own <= custom, "a health check of a kind that nobody uses"


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_pruning_and_healing_are_said(cluster: str, rendered: dict[str, list[Manifest]]) -> None:
    """Of the platform always; of applications by the template that follows the switch of a restore."""
    for name, one in sets(rendered[cluster]).items():
        policy = one["spec"]["template"]["spec"]["syncPolicy"]
        if name == "apps":
            patch = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "true", one["spec"]["templatePatch"]))
            policy = {**policy, **patch["spec"]["syncPolicy"]}
        assert policy["automated"] == {"enabled": True, "prune": True, "selfHeal": True}, name
        assert policy["retry"]["limit"] >= 5, name  # for what waits for a kind that another application brings


def test_the_root_prunes_and_heals_but_never_an_application_set_or_a_project(
    rendered: dict[str, list[Manifest]],
) -> None:
    root = yaml.safe_load((ROOT / "gitops" / "bootstrap" / "root.yaml").read_text())
    assert root["spec"]["syncPolicy"]["automated"] == {"enabled": True, "prune": True, "selfHeal": True}
    for cluster in CLUSTERS:
        for one in rendered[cluster]:
            options = one["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]
            assert options == "Prune=false,Delete=false", f"{cluster}: {one['metadata']['name']}"


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_projects_are_there_before_what_needs_them(cluster: str, rendered: dict[str, list[Manifest]]) -> None:
    waves = {
        kind: {
            int((one["metadata"].get("annotations") or {}).get("argocd.argoproj.io/sync-wave", 0))
            for one in rendered[cluster]
            if one["kind"] == kind
        }
        for kind in ("AppProject", "ApplicationSet")
    }
    assert max(waves["AppProject"]) < min(waves["ApplicationSet"])


def test_an_object_of_a_kind_that_its_own_application_brings_comes_after_it(
    rendered: dict[str, list[Manifest]],
) -> None:
    """Within a wave Argo CD applies CustomResourceDefinitions first; none stands in a later wave than its objects."""
    for folder, manifests in rendered.items():
        wave = {
            (group(one), one["kind"], one["metadata"]["name"]): int(
                (one["metadata"].get("annotations") or {}).get("argocd.argoproj.io/sync-wave", 0)
            )
            for one in manifests
        }
        crds = {
            (one["spec"]["group"], one["spec"]["names"]["kind"]): wave[group(one), one["kind"], one["metadata"]["name"]]
            for one in manifests
            if one["kind"] == "CustomResourceDefinition"
        }
        late = [key for key, at in wave.items() if crds.get(key[:2], at) > at]
        assert late == [], folder


def test_the_first_stage_follows_its_branch_and_the_later_ones_can_be_pinned() -> None:
    first, *later = promotion.stages(ROOT)
    texts = {name: (ROOT / "gitops/clusters" / name / "kustomization.yaml").read_text() for name in (first, *later)}
    assert promotion.pin_of(texts[first]) is None
    for name in later:
        pin = promotion.Pin("0" * 40, first, "1" * 40)
        assert promotion.pin_of(promotion.pinned(texts[name], pin)) == pin


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_all_of_a_cluster_is_read_at_one_commit(cluster: str, rendered: dict[str, list[Manifest]]) -> None:
    values = [
        (inner["clusters"]["values"]["revision"], cluster)
        for one in sets(rendered[cluster]).values()
        for inner in one["spec"]["generators"][0]["matrix"]["generators"]
        if "clusters" in inner
    ]
    assert len(values) == 3
    assert len(set(values)) == 1
