"""The evaluator of NetworkPolicies: its rules, and what must hold of any policies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gitops.network import Cluster, Outside, Peer, Pod, selects, types

DENY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def policy(namespace: str = "a", **spec: object) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "one"}, "spec": {"podSelector": {}, **spec}}


def cluster(*policies: dict[str, Any]) -> Cluster:
    return Cluster(policies, {"a": {"team": "x"}, "b": {"team": "y"}, "c": {}})


web = Pod("a", {"app": "web"}, {"http": 8080})
other = Pod("b", {"app": "other"})


def test_where_no_policy_is_everything_goes() -> None:
    assert cluster().allows(web, other, 1)
    assert cluster().allows(Outside(), web, 8080)


def test_a_denied_namespace_is_closed_in_both_directions() -> None:
    closed = cluster(policy(**DENY))
    assert not closed.allows(web, other, 1)
    assert not closed.allows(other, web, 1)
    assert not closed.allows(Outside(), web, 1)
    assert closed.allows(other, Pod("c", {}), 1)


def test_without_types_a_policy_with_egress_rules_is_of_both_directions() -> None:
    assert not cluster(policy(egress=[{}])).allows(other, web, 1)
    assert cluster(policy(egress=[{}])).allows(web, other, 1)
    assert cluster(policy(ingress=[{}])).allows(web, other, 1)
    assert cluster(policy()).allows(web, other, 1)
    assert not cluster(policy()).allows(other, web, 1)


@pytest.mark.parametrize(
    ("peer", "source", "allowed"),
    [
        ({"podSelector": {"matchLabels": {"app": "other"}}}, other, False),  # of its own namespace only
        ({"podSelector": {"matchLabels": {"app": "other"}}}, Pod("a", {"app": "other"}), True),
        ({"namespaceSelector": {}}, other, True),
        ({"namespaceSelector": {}}, Outside(), False),
        ({"namespaceSelector": {"matchLabels": {"team": "y"}}}, other, True),
        ({"namespaceSelector": {"matchLabels": {"team": "y"}}}, web, False),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "c"}}}, Pod("c", {}), True),
        ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}, other, False),
        ({"ipBlock": {"cidr": "203.0.113.0/24"}}, Outside(), True),
        ({"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.7/32"]}}, Outside(), False),
        ({"ipBlock": {"cidr": "0.0.0.0/0"}}, other, False),
    ],
)
def test_peers(peer: dict[str, Any], source: Peer, *, allowed: bool) -> None:
    assert cluster(policy(ingress=[{"from": [peer]}])).allows(source, web, 8080) is allowed


@pytest.mark.parametrize(
    ("told", "port", "protocol", "allowed"),
    [
        ({"port": 8080}, 8080, "TCP", True),
        ({"port": 8080}, 8080, "UDP", False),
        ({"port": "http"}, 8080, "TCP", True),
        ({"port": "unknown"}, 8080, "TCP", False),
        ({"port": 8000, "endPort": 9000}, 8080, "TCP", True),
        ({"port": 8000, "endPort": 8079}, 8080, "TCP", False),
        ({"protocol": "UDP"}, 1, "UDP", True),
    ],
)
def test_ports(told: dict[str, Any], port: int, protocol: str, *, allowed: bool) -> None:
    assert cluster(policy(ingress=[{"ports": [told]}])).allows(other, web, port, protocol) is allowed


@pytest.mark.parametrize(
    ("operator", "values", "selected"),
    [
        ("In", ["web"], True),
        ("NotIn", ["web"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ],
)
def test_expressions(operator: str, values: list[str], *, selected: bool) -> None:
    expression = {"key": "app", "operator": operator, "values": values}
    assert selects({"matchExpressions": [expression]}, {"app": "web"}) is selected


labels = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["x", "y"]), max_size=2)
selectors = st.fixed_dictionaries({"matchLabels": labels})
peers = st.fixed_dictionaries({}, optional={"podSelector": selectors, "namespaceSelector": selectors}).filter(bool)
ports = st.lists(st.fixed_dictionaries({"port": st.sampled_from([1, 2])}), max_size=2)
rules = st.lists(st.fixed_dictionaries({"from": st.lists(peers, max_size=2), "ports": ports}), max_size=2)
ways = st.lists(st.fixed_dictionaries({"to": st.lists(peers, max_size=2), "ports": ports}), max_size=2)
specs = st.fixed_dictionaries({"podSelector": selectors}, optional={"ingress": rules, "egress": ways})
policies = st.lists(st.builds(lambda where, spec: policy(where, **spec), st.sampled_from("abc"), specs), max_size=5)
pods = st.builds(Pod, st.sampled_from("abc"), labels)
ends = st.one_of(pods, st.just(Outside()))


@given(policies, ends, ends, st.sampled_from([1, 2]))
def test_order_does_not_matter(told: list[dict[str, Any]], source: Peer, target: Peer, port: int) -> None:
    assert cluster(*told).allows(source, target, port) is cluster(*reversed(told)).allows(source, target, port)


@given(policies, ends, ends, st.sampled_from([1, 2]), specs)
def test_where_all_is_denied_another_policy_only_opens(
    told: list[dict[str, Any]], source: Peer, target: Peer, port: int, spec: dict[str, Any]
) -> None:
    denied = [policy(where, **DENY) for where in "abc"]
    more = policy("a", **spec)
    if cluster(*denied, *told).allows(source, target, port):
        assert cluster(*denied, *told, more).allows(source, target, port)


@given(policies, pods, pods, st.sampled_from([1, 2]))
def test_what_is_allowed_is_said_by_both_sides(told: list[dict[str, Any]], source: Pod, target: Pod, port: int) -> None:
    def only(direction: str) -> Cluster:
        about = [one for one in told if direction in types(one)]
        return cluster(*({**one, "spec": {**one["spec"], "policyTypes": [direction]}} for one in about))

    both = only("Ingress").allows(source, target, port) and only("Egress").allows(source, target, port)
    assert cluster(*told).allows(source, target, port) is both


@given(policies, pods, st.sampled_from([1, 2]))
def test_a_pod_that_nothing_selects_is_open_to_the_outside(told: list[dict[str, Any]], pod: Pod, port: int) -> None:
    asked = cluster(*told)
    if not asked.isolated(pod, "Ingress"):
        assert asked.allows(Outside(), pod, port)
