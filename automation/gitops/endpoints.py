"""Stable names, inside the cluster, for the servers on this machine: manifests in Git are the same everywhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, Final

from automation.errors import ConfigurationError

Manifest = dict[str, Any]

NAMESPACE: Final = "dogitops-system"
REPOSITORY_URL: Final = f"http://git.{NAMESPACE}.svc.cluster.local/repository.git"
OBJECTSTORE_URL: Final = f"http://objectstore.{NAMESPACE}.svc.cluster.local"
_LABELS: Final = {"app.kubernetes.io/managed-by": "dogitops"}


def namespace() -> Manifest:
    """Return the namespace that is ours in every cluster; nothing runs in it."""
    labels = {**_LABELS, "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def endpoints(host_address: str, git_port: int | None, objectstore_port: int | None) -> list[Manifest]:
    """Return Services ``git`` and ``objectstore`` (port 80) that lead to ports of ``host_address``.

    ``host_address`` is this machine's address as pods reach it. A server without a port is not on this machine, and
    gets no Service: the manifests of such a cluster name its public address. Raises ConfigurationError where the
    address is none that a pod could reach.
    """
    try:
        address = ipaddress.ip_address(host_address)
    except ValueError as error:
        raise ConfigurationError(
            f"{host_address!r} is not an IP address, and pods need one to reach this machine.",
            hint="Give the address of the docker bridge.",
        ) from error
    if address.is_loopback or address.is_unspecified or address.is_link_local:
        raise ConfigurationError(
            f"{host_address} means something else inside a pod, so it can't lead to this machine.",
            hint="Give the address of the docker bridge.",
        )
    labels = _LABELS
    ports = {"git": git_port, "objectstore": objectstore_port}
    here = {name: port for name, port in ports.items() if port is not None}
    return [namespace(), *(one for name, port in here.items() for one in _service(name, address, port, labels))]


def _service(
    name: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, labels: dict[str, str]
) -> Iterator[Manifest]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": port}]},
    }
    yield {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**metadata, "labels": {**labels, "kubernetes.io/service-name": name}},
        "addressType": f"IPv{address.version}",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [str(address)], "conditions": {"ready": True}}],
    }
