from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.kube.cluster import Cluster
from tests.integration.verification.app import CONTAINER, KINDS, READY, RULES, App


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Cluster]:
    """Give a cluster in which all is well: an application of two Services, scaled, with a way in."""
    with Cluster(tmp_path / "kubeconfig") as server:
        server.kinds = {version: dict(kinds) for version, kinds in KINDS.items()}
        server.objects["/version"] = {"kind": "Version", "metadata": {"name": ""}, "gitVersion": "v1.34.4"}
        for name in ("one", "two", "three"):
            server.put("v1", "Node", name, status=copy.deepcopy(READY))
        server.put("v1", "Namespace", "app")
        for name, port in (("api", 8000), ("web", 80)):
            labels = {"app": name}
            server.put(
                *("apps/v1", "Deployment", name, "app"),
                metadata={"generation": 2},
                spec={"replicas": 1, "template": {"spec": {"containers": [CONTAINER]}}},
                status={"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1},
            )
            server.put(
                *("v1", "Pod", f"{name}-1", "app"),
                metadata={"labels": labels},
                spec={"containers": [copy.deepcopy(CONTAINER)]},
                status={**copy.deepcopy(READY), "containerStatuses": [{"name": "web", "lastState": {}}]},
            )
            ports = [{"name": "http", "port": port}]
            server.put("v1", "Service", name, "app", spec={"selector": labels, "ports": ports})
            server.put(
                *("discovery.k8s.io/v1", "EndpointSlice", f"{name}-x", "app"),
                metadata={"labels": {"kubernetes.io/service-name": name}},
                endpoints=[{"conditions": {"ready": True}}],
            )
        conditions = [{"type": kind, "status": "True"} for kind in ("AbleToScale", "ScalingActive")]
        server.put(
            *("autoscaling/v2", "HorizontalPodAutoscaler", "web", "app"),
            spec={"minReplicas": 1, "maxReplicas": 3},
            status={"currentReplicas": 1, "conditions": conditions},
        )
        tls = [{"hosts": ["app.test"], "secretName": "app-tls"}]
        spec = {"ingressClassName": "traefik", "rules": copy.deepcopy(RULES), "tls": tls}
        server.put("networking.k8s.io/v1", "Ingress", "app", "app", spec=spec)
        server.put("networking.k8s.io/v1", "IngressClass", "traefik")
        server.put("v1", "Secret", "app-tls", "app")
        balanced = {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}
        server.put("v1", "Service", "traefik", "ingress", status=balanced)
        status = {"status": "time: now\nautoscalerStatus: Running\n"}
        server.put("v1", "ConfigMap", "cluster-autoscaler-status", "kube-system", data=status)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def app() -> Iterator[App]:
    with App() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
