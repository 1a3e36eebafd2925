"""What the entrance of each cluster believes of its load balancer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CLUSTERS = sorted(file.parent.parent.name for file in (ROOT / "gitops" / "clusters").glob("*/ingress/values.yaml"))


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_visitors_are_told_by_the_clusters_own_network_alone(cluster: str) -> None:
    values = yaml.safe_load((ROOT / "gitops/clusters" / cluster / "ingress/values.yaml").read_text())
    [network] = re.findall(r'ip_range +=\s*"([^"]+)"', (ROOT / f"opentofu/environments/{cluster}/main.tf").read_text())
    for port in ("web", "websecure"):
        assert values["ports"][port]["proxyProtocol"]["trustedIPs"] == [network]


def test_without_a_network_nobody_is_believed() -> None:
    values = yaml.safe_load((ROOT / "gitops/platform/ingress/values.yaml").read_text())
    assert [values["ports"][port]["proxyProtocol"]["trustedIPs"] for port in ("web", "websecure")] == [[], []]
    assert len(CLUSTERS) >= 4


def test_every_load_balancer_has_a_name_of_its_own() -> None:
    annotation = "service.beta.kubernetes.io/do-loadbalancer-name"
    files = [ROOT / "gitops/clusters" / cluster / "ingress/values.yaml" for cluster in CLUSTERS]
    names = [yaml.safe_load(file.read_text())["service"]["annotations"][annotation] for file in files]
    assert len(set(names)) == len(names)
