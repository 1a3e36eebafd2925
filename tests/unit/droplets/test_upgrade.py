"""Whether a cluster may go to another version of Kubernetes: judged from what it runs, before anything is touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from automation.droplets.upgrade import Node, Releases, Version, check
from automation.errors import ConfigurationError, Refused

ROOT = Path(__file__).parents[3]
SHIPPED = Releases.read(ROOT)
V = Version.parse
CONTROL_PLANE = Node("control-plane-1", V("1.34.4"), "containerd://2.2.9", True, V("1.34.4"))
WORKER = Node("worker-1", V("1.34.4"), "containerd://2.2.9", True)
CALICO = {"calico": "3.32.0"}


def refused(to: str, *nodes: Node, running: dict[str, str] | None = None, releases: Releases = SHIPPED) -> str:
    with pytest.raises(Refused) as caught:
        check(nodes or (CONTROL_PLANE, WORKER), V(to), releases, CALICO if running is None else running)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("Nothing was changed.")
    return caught.value.message


@pytest.mark.parametrize("to", ["1.34.4", "1.34.11", "1.35.8"])
def test_a_patch_and_the_next_minor_version_are_let_through(to: str) -> None:
    check((CONTROL_PLANE, WORKER), V(to), SHIPPED, CALICO)


def test_what_was_cut_off_goes_on() -> None:
    first = replace(CONTROL_PLANE, api=V("1.35.8"))  # its kubelet was not renewed any more
    check((first, replace(CONTROL_PLANE, name="control-plane-2"), WORKER), V("1.35.8"), SHIPPED, CALICO)


def test_two_minor_versions_at_once_are_refused() -> None:
    assert "From 1.34.4 to 1.36.4 are more minor versions than one: go to 1.35 first." in refused("1.36.4")


def test_an_older_version_is_refused() -> None:
    newer = replace(CONTROL_PLANE, api=V("1.35.8"))
    assert "The cluster has 1.35.8, and is never taken back to an older version." in refused("1.34.11", newer)


def test_a_version_whose_checksums_are_unknown_is_refused() -> None:
    assert "The checksums of 1.34.99 are not known here (releases.yaml has 1.34.11, 1.34.4" in refused("1.34.99")


def test_a_node_that_is_not_ready_is_named() -> None:
    assert "  worker-1 is not Ready." in refused("1.34.11", CONTROL_PLANE, replace(WORKER, ready=False))


def test_a_kubelet_that_was_left_behind_is_named() -> None:
    told = refused("1.35.8", CONTROL_PLANE, replace(WORKER, kubelet=V("1.31.2")))
    assert "The kubelet of worker-1 has 1.31.2: it may be 3 minor versions behind the API." in told


def test_a_kubelet_that_is_ahead_is_named() -> None:
    assert "newer than the API would be" in refused("1.34.11", CONTROL_PLANE, replace(WORKER, kubelet=V("1.35.0")))


def test_a_component_that_does_not_support_it_is_named() -> None:
    old = SHIPPED.networks["calico"].model_copy(update={"kubernetes": ("1.33", "1.34")})
    releases = SHIPPED.model_copy(update={"networks": {"calico": old}})
    assert "calico 3.32.0 works with Kubernetes 1.33, 1.34, and not with 1.35." in refused("1.35.8", releases=releases)


@pytest.mark.parametrize(
    ("running", "node"), [({"calico": "3.29.1"}, WORKER), ({}, replace(WORKER, runtime="cri-o://1.34.0"))]
)
def test_a_component_of_which_nothing_is_known_is_named(running: dict[str, str], node: Node) -> None:
    told = refused("1.35.8", CONTROL_PLANE, node, running=running)
    assert "whether it works with 1.35 is not known." in told


def test_all_reasons_are_told_at_once() -> None:
    told = refused("1.36.4", CONTROL_PLANE, replace(WORKER, ready=False))
    assert len(told.splitlines()) >= 4


def test_a_cluster_without_control_planes_is_none() -> None:
    assert "No control plane tells its version." in refused("1.34.11", WORKER)


@pytest.mark.parametrize("text", ["1.34", "latest", "v1.34.x", ""])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no version of Kubernetes"):
        Version.parse(text)


def test_versions_are_compared_as_numbers() -> None:
    assert V("1.34.4") < V("v1.34.11") < V("1.35.0")
