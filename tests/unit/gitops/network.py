"""What NetworkPolicies allow: an evaluator of their rules, for tests of clusters whose network enforces none.

As documented for networking.k8s.io/v1: a pod that no policy selects is open; a selected one accepts what some policy
allows, in each direction for itself. Traffic from the pod's own node (probes, port-forward) is beyond policies.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]
NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Pod:
    """A pod by its namespace and labels; ``ports`` are its named ones."""

    namespace: str
    labels: Mapping[str, str]
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outside:
    """An address that is no pod's: the internet, a node, the API server."""

    address: str = "203.0.113.7"


Peer = Pod | Outside


@dataclass(frozen=True)
class Door:
    """Where a connection goes."""

    target: Peer
    port: int
    protocol: str


@dataclass(frozen=True)
class Cluster:
    """The policies of a cluster, and the labels of its namespaces."""

    policies: Sequence[Policy]
    namespaces: Mapping[str, Mapping[str, str]]

    def allows(self, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
        """Whether a connection can be made: its source may go there, and its target lets it in."""
        door = Door(target, port, protocol)
        return self._may("Egress", source, target, door) and self._may("Ingress", target, source, door)

    def isolated(self, pod: Pod, direction: str) -> bool:
        """Whether any policy selects the pod in that direction (``Ingress`` or ``Egress``)."""
        return bool(self._selecting(pod, direction))

    def _may(self, direction: str, own: Peer, other: Peer, door: Door) -> bool:
        if isinstance(own, Outside):
            return True
        selecting = self._selecting(own, direction)
        key, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
        return not selecting or any(
            self._peer(policy, rule.get(peers), other) and _opens(rule.get("ports"), door)
            for policy in selecting
            for rule in policy["spec"].get(key) or ()
        )

    def _selecting(self, pod: Pod, direction: str) -> list[Policy]:
        return [
            policy
            for policy in self.policies
            if policy["metadata"]["namespace"] == pod.namespace
            and direction in types(policy)
            and selects(policy["spec"].get("podSelector") or {}, pod.labels)
        ]

    def _peer(self, policy: Policy, peers: Sequence[Mapping[str, Any]] | None, other: Peer) -> bool:
        if not peers:
            return True
        return any(self._one(policy, peer, other) for peer in peers)

    def _one(self, policy: Policy, peer: Mapping[str, Any], other: Peer) -> bool:
        if "ipBlock" in peer:
            if isinstance(other, Pod):
                return False  # pods' addresses are not ours to know
            address = ipaddress.ip_address(other.address)
            block = peer["ipBlock"]
            return address in ipaddress.ip_network(block["cidr"]) and not any(
                address in ipaddress.ip_network(one) for one in block.get("except", ())
            )
        if isinstance(other, Outside):
            return False
        if (selector := peer.get("namespaceSelector")) is None:
            within = other.namespace == policy["metadata"]["namespace"]
        else:
            within = selects(selector, {**self.namespaces.get(other.namespace, {}), NAME: other.namespace})
        return within and selects(peer.get("podSelector") or {}, other.labels)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects; an empty one selects everything."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for one in selector.get("matchExpressions") or ():
        found, values = labels.get(one["key"]), one.get("values", ())
        match one["operator"]:
            case "In":
                held = found in values
            case "NotIn":
                held = found not in values
            case "Exists":
                held = found is not None
            case "DoesNotExist":
                held = found is None
            case unknown:
                raise ValueError(unknown)
        if not held:
            return False
    return True


def types(policy: Policy) -> list[str]:
    """Return the directions that a policy is about: as it says, else incoming, and outgoing where it has rules."""
    said: list[str] | None = policy["spec"].get("policyTypes")
    return ["Ingress", *(["Egress"] if policy["spec"].get("egress") else [])] if said is None else said


def _opens(ports: Sequence[Mapping[str, Any]] | None, door: Door) -> bool:
    if not ports:
        return True
    for one in ports:
        if one.get("protocol", "TCP") != door.protocol:
            continue
        wanted = one.get("port")
        if isinstance(wanted, str):
            wanted = door.target.ports.get(wanted) if isinstance(door.target, Pod) else None
            if wanted is None:
                continue
        if wanted is None or wanted <= door.port <= one.get("endPort", wanted):
            return True
    return False
