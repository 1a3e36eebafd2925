from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from automation.errors import ConfigurationError, VerificationFailed
from automation.kube import KubernetesError
from automation.recovery.inventory import Difference, Inventory, changes, compare, take
from automation.secret import Secret
from tests.integration.kube.cluster import Cluster, Fault, Manifest

KEY = Secret("key-for-tests")

leaves = st.booleans() | st.integers(-3, 3) | st.text('ab"./', max_size=3) | st.none()
names = st.text("ab./", min_size=1, max_size=3)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(names, inner, max_size=3)
        | st.lists(st.fixed_dictionaries({"name": names, "x": inner}), max_size=3)
    ),
    max_leaves=10,
)
objects = st.dictionaries(names, st.dictionaries(names, trees, max_size=3), max_size=4)


def inventory(held: dict[str, Manifest], **changed: Any) -> Inventory:
    return Inventory(**{"taken": "now", "namespaces": ("n",), "key_id": "k", "objects": held, **changed})


@settings(deadline=None)
@given(objects)
def test_nothing_differs_from_itself_after_a_round_trip(held: dict[str, Manifest]) -> None:
    one = inventory(held)
    again = Inventory.from_json(one.to_json())
    assert again == one
    assert compare(one, again) == ()


@settings(deadline=None)
@given(objects, st.data())
def test_an_object_that_is_lost_or_comes_is_found(held: dict[str, Manifest], data: st.DataObject) -> None:
    assume(held)
    lost = data.draw(st.sampled_from(sorted(held)))
    fewer = {name: thing for name, thing in held.items() if name != lost}
    assert compare(inventory(held), inventory(fewer)) == (Difference("missing", lost),)
    assert compare(inventory(fewer), inventory(held)) == (Difference("unexpected", lost),)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each leaf and each whole branch of a JSON value."""
    if way:
        yield way
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*way, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*way, index))


def same(one: Any, other: Any) -> bool:
    """Equality in which 1 and True differ."""
    return repr(one) == repr(other)


@settings(deadline=None)
@given(objects, leaves, st.data())
def test_a_change_anywhere_is_found(held: dict[str, Manifest], fresh: Any, data: st.DataObject) -> None:
    ways = [way for way in places(held) if len(way) > 1]
    assume(ways)
    way = data.draw(st.sampled_from(ways))
    after = copy.deepcopy(held)
    where: Any = after
    for step in way[:-1]:
        where = where[step]
    if data.draw(st.booleans()):
        assume(not same(where[way[-1]], fresh))
        where[way[-1]] = fresh
    else:
        del where[way[-1]]
    found = compare(inventory(held), inventory(after))
    assert found
    assert {one.identity for one in found} == {way[0]}
    assert {one.kind for one in found} == {"changed"}


@settings(deadline=None)
@given(trees, trees)
def test_changes_are_the_same_seen_from_the_other_side(one: Any, other: Any) -> None:
    forth = [(path, new, old) for path, old, new in changes(one, other)]
    assert forth == list(changes(other, one))
    assert bool(forth) == (not same_tree(one, other))


def same_tree(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_tree(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_tree, one, other))
    return type(one) is type(other) and bool(one == other)


def test_paths_and_values_are_told_as_people_write_them() -> None:
    before = {
        "d": {
            "metadata": {"labels": {"app.kubernetes.io/name": "a"}},
            "spec": {"containers": [{"name": "redis", "image": "redis:7"}, {"name": "gone"}], "list": [1]},
        }
    }
    after = {"d": {"metadata": {"labels": {"app.kubernetes.io/name": "b"}},
                   "spec": {"containers": [{"name": "redis", "image": "redis:8"}], "list": [1, 2]}}}  # fmt: skip
    assert [str(one) for one in compare(inventory(before), inventory(after))] == [
        'changed: d .metadata.labels["app.kubernetes.io/name"]: "a" -> "b"',
        'changed: d .spec.containers[gone]: {"name": "gone"} -> (absent)',
        'changed: d .spec.containers[redis].image: "redis:7" -> "redis:8"',
        "changed: d .spec.list[1]: (absent) -> 2",
    ]


def test_a_change_of_order_is_told_once() -> None:
    first, second = {"name": "a"}, {"name": "b"}
    assert list(changes([first, second], [second, first], ".x")) == [(".x", ["a", "b"], ["b", "a"])]


def test_inventories_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(VerificationFailed, match="different keys"):
        compare(inventory({}), inventory({}, key_id="other"))
    with pytest.raises(VerificationFailed, match="different namespaces: n and m"):
        compare(inventory({}), inventory({}, namespaces=("m",)))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 9}', '{"version": 1, "namespaces": [], "x": 1}'])
def test_what_is_no_inventory_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="inventory"):
        Inventory.from_json(text)


def fill(cluster: Cluster) -> None:
    cluster.put("v1", "Namespace", "ledger")
    cluster.put("v1", "Namespace", "other")
    cluster.put("v1", "ConfigMap", "settings", "ledger", data={"a": "b"})
    cluster.put("v1", "ConfigMap", "kube-root-ca.crt", "ledger")
    cluster.put("v1", "ConfigMap", "settings", "other")
    cluster.put("v1", "Secret", "password", "ledger", data={"password": base64.b64encode(b"hunter2").decode()})
    cluster.put("v1", "Event", "happened", "ledger")
    cluster.put("v1", "PersistentVolumeClaim", "data", "ledger", spec={"volumeName": "pv-1"})
    cluster.put("v1", "PersistentVolume", "pv-1", spec={"capacity": {"storage": "1Gi"}, "hostPath": {}})
    cluster.put("v1", "PersistentVolume", "pv-2", spec={"capacity": {"storage": "2Gi"}})
    cluster.put("apps/v1", "Deployment", "writer", "ledger", spec={"replicas": 1})
    cluster.put("velero.io/v1", "Backup", "b1", "ledger")
    cluster.put("rbac.authorization.k8s.io/v1", "ClusterRole", "ours")


def test_an_inventory_holds_what_a_restore_must_bring_back(cluster: Cluster) -> None:
    fill(cluster)
    told: list[str] = []
    taken = take(cluster.kube, ["ledger"], key=KEY, progress=told.append)
    assert sorted(taken.objects) == [
        "ConfigMap ledger/settings",
        "Namespace ledger",
        "PersistentVolume of ledger/data",
        "PersistentVolumeClaim ledger/data",
        "Secret ledger/password",
        "apps/Deployment ledger/writer",
    ]
    assert taken.objects["PersistentVolume of ledger/data"] == {"capacity": {"storage": "1Gi"}}
    assert "hunter2" not in taken.to_json()
    assert base64.b64encode(b"hunter2").decode() not in taken.to_json()
    assert "listing Deployment" in told


def test_cluster_scoped_objects_come_when_asked_for(cluster: Cluster) -> None:
    fill(cluster)
    taken = take(cluster.kube, ["ledger"], key=KEY, include_cluster_scoped=True)
    assert "rbac.authorization.k8s.io/ClusterRole ours" in taken.objects
    assert "Namespace other" not in taken.objects


def test_a_restored_cluster_differs_only_where_something_was_lost(cluster: Cluster) -> None:
    fill(cluster)
    before = take(cluster.kube, ["ledger"], key=KEY)
    cluster.objects.clear()
    fill(cluster)  # as a rebuilt cluster has them: with other uids, and Velero's labels
    cluster.find("Deployment", "writer")["metadata"]["labels"] = {"velero.io/restore-name": "r1"}
    cluster.find("PersistentVolumeClaim", "data")["spec"]["volumeName"] = "pv-9"
    cluster.put("v1", "PersistentVolume", "pv-9", spec={"capacity": {"storage": "1Gi"}})
    assert compare(before, take(cluster.kube, ["ledger"], key=KEY)) == ()
    cluster.find("Secret", "password")["data"]["password"] = base64.b64encode(b"other").decode()
    cluster.kube.delete("apps/v1", "Deployment", "writer", "ledger")
    found = compare(before, take(cluster.kube, ["ledger"], key=KEY))
    assert found == (
        Difference("changed", "Secret ledger/password", ".data.password", "***", "***"),
        Difference("missing", "apps/Deployment ledger/writer"),
    )


def test_a_kind_that_cannot_be_listed_is_an_error_not_an_empty_list(cluster: Cluster) -> None:
    fill(cluster)
    kube = cluster.kube
    take(kube, ["ledger"], key=KEY)
    cluster.faults = [Fault(403, "forbidden")]
    with pytest.raises(KubernetesError, match="403"):
        take(kube, ["ledger"], key=KEY)
