from __future__ import annotations

import re
from typing import Any

import pytest

from automation.opentofu.guard import PROTECTED, judge
from automation.opentofu.plan import parse

from .plans import change, fixture, planned

CLUSTER = "digitalocean_kubernetes_cluster.main"


def judged(
    *changes: dict[str, Any], protect: tuple[str, ...] = (), unprotect: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    return [(f.address, f.what) for f in judge(planned(*changes), protect, unprotect)]


@pytest.mark.parametrize(
    ("actions", "what"),
    [
        (("delete",), "destroy"),
        (("delete", "create"), "replace"),
        (("create", "delete"), "replace"),
        (("forget", "create"), "replace"),
        (("forget",), "forget"),
    ],
)
@pytest.mark.parametrize("kind", ["digitalocean_volume", "digitalocean_vpc", "digitalocean_database_cluster"])
def test_losing_what_holds_state_is_found(kind: str, actions: tuple[str, ...], what: str) -> None:
    address = f"module.a[0].{kind}.x"
    assert judged(change(address, *actions, before={"id": "1"}, after={})) == [(address, what)]


@pytest.mark.parametrize("actions", [("create",), ("update",), ("read",)])
def test_what_loses_nothing_is_not(actions: tuple[str, ...]) -> None:
    assert judged(change(CLUSTER, *actions, before={"a": 1}, after={"a": 2})) == []
    assert judged(change("digitalocean_tag.x", "delete", before={})) == []
    assert judged(change("digitalocean_volume.b", "no-op", previous_address="digitalocean_volume.a")) == []


def test_a_nested_block_that_goes_is_found() -> None:
    pools = [{"name": "a", "size": "s-1"}, {"name": "b", "size": "s-2"}]
    changes = change(CLUSTER, before={"id": 1, "node_pool": pools}, after={"id": 1, "node_pool": pools[:1]})
    (found,) = judge(planned(changes))
    assert (found.address, found.what) == (CLUSTER, "removes block")
    assert "node_pool[1]" in found.detail
    assert judged(change(CLUSTER, before={"node_pool": pools[:1]}, after={"node_pool": pools})) == []
    resized = [{"name": "a", "size": "s-4"}, pools[1]]
    assert judged(change(CLUSTER, before={"node_pool": pools}, after={"node_pool": resized})) == []
    assert judged(change("digitalocean_tag.x", before={"node_pool": pools}, after={"node_pool": []})) == []


def test_blocks_in_blocks_are_seen() -> None:
    before = {"spec": [{"service": [{"name": "web", "env": [{"key": "A", "value": "1"}, {"key": "B", "value": "2"}]}]}]}
    after = {"spec": [{"service": [{"name": "web", "env": [{"key": "A", "value": "1"}]}]}]}
    assert judged(change(CLUSTER, before=before, after=after)) == [(CLUSTER, "removes block")]


def test_a_deposed_object_is_told_as_such() -> None:
    (found,) = judge(planned(change(CLUSTER, "delete", before={}, deposed="1a2b3c4d")))
    assert "deposed object 1a2b3c4d" in found.detail


def test_why_a_replacement_is_needed_is_told() -> None:
    values = {"before": {"region": "a"}, "after": {"region": "b"}, "replace_paths": [["region"]]}
    (found,) = judge(planned(change(CLUSTER, "delete", "create", **values)))
    assert "because of region" in found.detail


@pytest.mark.parametrize(
    ("protect", "unprotect", "address", "found"),
    [
        (("terraform_data",), (), "terraform_data.a", True),
        (("terraform_data.a",), (), "terraform_data.a", True),
        (("terraform_data.a",), (), "terraform_data.a[3]", True),
        (("terraform_data.a[3]",), (), "terraform_data.a[4]", False),
        (("terraform_data.a",), (), "terraform_data.ab", False),
        (("module.m",), (), "module.m.terraform_data.a", True),
        (("module.m",), (), "module.m[0].module.n.terraform_data.a", True),
        (("module.m",), (), "module.mm.terraform_data.a", False),
        ((), ("digitalocean_volume",), "digitalocean_volume.a", False),
        ((), ("digitalocean_volume.a",), "digitalocean_volume.a", False),
        ((), ("digitalocean_volume.a",), "digitalocean_volume.b", True),
        ((), ("module.m",), "module.m.digitalocean_volume.b", False),
        (("digitalocean_volume.a",), ("digitalocean_volume",), "digitalocean_volume.a", True),
        (("digitalocean_volume.a",), ("digitalocean_volume",), "digitalocean_volume.b", False),
        (("module.m",), ("module.m.digitalocean_volume.a",), "module.m.digitalocean_volume.a", False),
        (("digitalocean_volume",), ("digitalocean_volume",), "digitalocean_volume.a", True),
    ],
)
def test_what_is_protected_can_be_told(
    protect: tuple[str, ...], unprotect: tuple[str, ...], address: str, found: bool
) -> None:
    assert bool(judged(change(address, "delete", before={}), protect=protect, unprotect=unprotect)) is found


def test_a_move_does_not_end_protection() -> None:
    moved = change("terraform_data.new", "delete", before={}, previous_address="terraform_data.old")
    assert judged(moved, protect=("terraform_data.old",))


def test_data_and_drift_are_not_judged() -> None:
    gone = change(CLUSTER, "delete", before={})
    assert judge(planned(resource_drift=[gone])) == ()
    assert judged({**gone, "mode": "data"}) == []


def test_a_plan_that_destroys_everything() -> None:
    plan = parse(fixture("destroy"))
    assert len(judge(plan, ("terraform_data",))) == len(plan.resources) > 5


def test_the_built_in_list_has_types_in_it() -> None:
    assert all(re.fullmatch("(digitalocean|kubernetes)_[a-z0-9_]+", name) for name in PROTECTED)
