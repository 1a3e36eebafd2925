"""What a plan would lose of things that hold state: refused, unless somebody acknowledges it for this very plan."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from automation.opentofu import diff
from automation.opentofu.plan import Action, Plan, ResourceChange

# Names as in the provider's documentation (docs/resources of digitalocean/terraform-provider-digitalocean) and in that
# of the Kubernetes provider, whose types exist with and without a version.
PROTECTED: Final = frozenset(
    {
        "digitalocean_container_registry",
        "digitalocean_custom_image",
        "digitalocean_database_cluster",
        "digitalocean_database_db",
        "digitalocean_database_kafka_topic",
        "digitalocean_database_replica",
        "digitalocean_droplet",
        "digitalocean_droplet_autoscale",
        "digitalocean_droplet_snapshot",
        "digitalocean_kubernetes_cluster",
        "digitalocean_kubernetes_node_pool",
        "digitalocean_nfs",
        "digitalocean_nfs_attachment",
        "digitalocean_nfs_snapshot",
        "digitalocean_spaces_bucket",
        "digitalocean_spaces_bucket_object",
        "digitalocean_volume",
        "digitalocean_volume_attachment",
        "digitalocean_volume_snapshot",
        "digitalocean_vpc",
        "kubernetes_namespace",
        "kubernetes_namespace_v1",
        "kubernetes_persistent_volume",
        "kubernetes_persistent_volume_claim",
        "kubernetes_persistent_volume_claim_v1",
        "kubernetes_persistent_volume_v1",
    }
)
What = Literal["destroy", "replace", "forget", "removes block"]


@dataclass(frozen=True)
class Finding:
    """Something protected that a plan would lose; ``detail`` is a phrase for people, without secrets."""

    address: str
    what: What
    detail: str


def judge(plan: Plan, protect: Collection[str] = (), unprotect: Collection[str] = ()) -> tuple[Finding, ...]:
    """Return what the plan would lose of protected resources, in the plan's order.

    ``protect`` and ``unprotect`` hold resource types, addresses (of one instance or of all), or modules
    (``module.name``). The more exact of two that fit counts; of two that are as exact, ``protect`` does.
    """
    return tuple(
        finding
        for change in plan.resources
        if change.mode == "managed" and _is_protected(change, protect, unprotect)
        for finding in _findings(change)
    )


def _findings(change: ResourceChange) -> Iterator[Finding]:
    why = f": {change.reason}" if change.reason else ""
    if change.action is Action.DELETE:
        object_ = f"its deposed object {change.deposed}" if change.deposed else change.type
        yield Finding(change.address, "destroy", f"{object_} would be destroyed{why}")
    elif change.action is Action.REPLACE:
        forced = ", ".join(dict.fromkeys(map(diff.dotted, change.replace_paths)))
        cause = f" because of {forced}" if forced else why
        lost = "left behind, unmanaged," if change.abandons else "destroyed"
        yield Finding(change.address, "replace", f"{change.type} would be {lost} and made anew{cause}")
    elif change.action is Action.FORGET:
        yield Finding(change.address, "forget", f"{change.type} would no longer be managed{why}")
    elif change.action is Action.UPDATE:
        for item in diff.attributes(change):
            if item.block and item.kind == "removed":
                yield Finding(
                    change.address, "removes block", f"the nested block {item.path} would be removed: {item.before}"
                )


def _is_protected(change: ResourceChange, protect: Collection[str], unprotect: Collection[str]) -> bool:
    wanted = max((_fits(word, change, moved=True) for word in protect), default=_NOT)
    unwanted = max((_fits(word, change, moved=False) for word in unprotect), default=_NOT)
    if wanted > _NOT and wanted >= unwanted:
        return True
    return change.type in PROTECTED and unwanted == _NOT


_NOT, _TYPE, _MODULE = 0, 1, 2  # an address counts more than a module, the longer one more than the shorter one


def _fits(word: str, change: ResourceChange, *, moved: bool) -> int:
    """Return how exactly ``word`` names what changes. A move does not take a resource out of its protection."""
    if word == change.type:
        return _TYPE
    addresses = [change.address, *([change.previous_address] if moved and change.previous_address else [])]
    if any(address == word or address.startswith((f"{word}.", f"{word}[")) for address in addresses):
        return _MODULE + len(word)
    return _NOT
