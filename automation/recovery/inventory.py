"""An inventory of a cluster's objects, and the comparison of two: what was lost, what came, what changed."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from automation.errors import ConfigurationError, VerificationFailed
from automation.kube import Kind, Kube, Manifest
from automation.recovery import normalise
from automation.secret import MASK, Secret

_VERSION: Final = 1
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ABSENT: Final = "(absent)"
_NOTHING: Final = object()


@dataclass(frozen=True)
class Inventory:
    """The objects of some namespaces at one time: ``objects`` by identity (``apps/Deployment ledger/writer``).

    Objects are normalised (see normalise.py) and Secrets' values are keyed digests; ``key_id`` tells which key
    made them without telling the key.
    """

    taken: str
    namespaces: tuple[str, ...]
    key_id: str
    objects: Mapping[str, Manifest]

    def to_json(self) -> str:
        """Return the inventory as JSON, the same text for the same inventory."""
        return json.dumps({"version": _VERSION, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Inventory:
        """Return the inventory that ``to_json`` wrote; raise ConfigurationError for anything else."""
        try:
            read = json.loads(text)
            if read.pop("version") != _VERSION:
                raise ConfigurationError("The inventory is of another version.", hint="Take it again.")
            return cls(**{**read, "namespaces": tuple(read["namespaces"])})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"This is no inventory: {error}.", hint="Take it again.") from error


@dataclass(frozen=True)
class Difference:
    """One difference: a whole object, or the value at ``path`` in one."""

    kind: Literal["missing", "unexpected", "changed"]
    identity: str
    path: str = ""
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        if self.kind != "changed":
            return f"{self.kind}: {self.identity}"
        return f"changed: {self.identity} {self.path}: {shown(self.before)} -> {shown(self.after)}"


def take(
    kube: Kube,
    namespaces: Sequence[str],
    *,
    key: Secret,
    include_cluster_scoped: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Inventory:
    """List every object in ``namespaces`` (and of the whole cluster, if asked) that a restore must bring back.

    ``key`` is for the digests that stand for Secrets' values: two inventories can be compared when the same
    key was used for both. Raises KubernetesError when anything cannot be listed: nothing is skipped in silence.
    """
    found: list[tuple[str, Manifest]] = []
    claims: dict[str, str] = {}
    for kind in kube.resources():
        if not normalise.is_compared(kind.group, kind.kind):
            continue
        if progress is not None:
            progress(f"listing {kind.kind}")
        for thing in _listed(kube, kind, namespaces, include_cluster_scoped=include_cluster_scoped):
            if normalise.is_original(thing):
                found.append((kind.group, thing))
            if kind.kind == "PersistentVolumeClaim" and (thing.get("spec") or {}).get("volumeName"):
                claims[thing["spec"]["volumeName"]] = f"{thing['metadata']['namespace']}/{thing['metadata']['name']}"
    objects: dict[str, Manifest] = {}
    kept = normalise.without_scaled_replicas(thing for _, thing in found)
    for (group, _), thing in zip(found, kept, strict=True):
        name = identity(group, thing)
        objects[name] = normalise.normalised(thing, normalise.digester(key, name))
    for volume in kube.list("v1", "PersistentVolume") if claims else ():
        claim = claims.get(volume["metadata"]["name"])
        if claim:
            objects[f"PersistentVolume of {claim}"] = normalise.volume_essentials(volume)
    return Inventory(
        taken=datetime.now(UTC).isoformat(timespec="seconds"),
        namespaces=tuple(sorted(namespaces)),
        key_id=_key_id(key),
        objects=objects,
    )


def made_with(inventory: Inventory, key: Secret) -> bool:
    """Whether an inventory's digests were made with this key."""
    return hmac.compare_digest(inventory.key_id, _key_id(key))


def compare(before: Inventory, after: Inventory) -> tuple[Difference, ...]:
    """Return every difference between two inventories, in the order of the objects' identities.

    Raises VerificationFailed where they cannot be compared: other namespaces, or digests by another key.
    """
    if before.key_id != after.key_id:
        raise VerificationFailed("The two inventories were taken with different keys.", hint="Take both again.")
    if before.namespaces != after.namespaces:
        raise VerificationFailed(
            f"The two inventories are of different namespaces: {', '.join(before.namespaces)} and "
            f"{', '.join(after.namespaces)}.",
            hint="Take both of the same namespaces.",
        )
    found: list[Difference] = []
    for name in sorted({*before.objects, *after.objects}):
        if name not in after.objects:
            found.append(Difference("missing", name))
        elif name not in before.objects:
            found.append(Difference("unexpected", name))
        else:
            for path, old, new in changes(before.objects[name], after.objects[name]):
                hidden = name.startswith("Secret ") and path.startswith((".data", ".stringData"))
                found.append(Difference("changed", name, path, *((MASK, MASK) if hidden else (old, new))))
    return tuple(found)


def identity(group: str, thing: Manifest) -> str:
    """Return what names an object in every cluster: ``group/Kind namespace/name``, without the version."""
    metadata = thing["metadata"]
    where = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{group + '/' if group else ''}{thing['kind']} {where}{metadata['name']}"


def changes(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield ``(path, before, after)`` for each place where two JSON values differ.

    Lists whose items have names are compared by name (``.containers[redis].image``), and a change of their
    order is one difference; others are compared by position.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from changes(before.get(key, _NOTHING), after.get(key, _NOTHING), path + _step(key))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _changes_of_lists(before, after, path)
    elif type(before) is not type(after) or before != after:
        yield path or ".", _told(before), _told(after)


def _changes_of_lists(before: list[Any], after: list[Any], path: str) -> Iterator[tuple[str, Any, Any]]:
    old, new = _by_name(before), _by_name(after)
    if old is None or new is None:
        for index in range(max(len(before), len(after))):
            pair = [side[index] if index < len(side) else _NOTHING for side in (before, after)]
            yield from changes(pair[0], pair[1], f"{path}[{index}]")
        return
    for name in sorted({*old, *new}):
        yield from changes(old.get(name, _NOTHING), new.get(name, _NOTHING), f"{path}[{name}]")
    common = [[name for name in side if name in old and name in new] for side in (old, new)]
    if common[0] != common[1]:
        yield path, common[0], common[1]


def _by_name(items: list[Any]) -> dict[str, Any] | None:
    """Return the items by their names, or None where not each has one of its own."""
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        return None
    return dict(zip(map(str, names), items, strict=True))


def _told(value: Any) -> Any:
    return _ABSENT if value is _NOTHING else value


def _step(key: str) -> str:
    return f".{key}" if _PLAIN.fullmatch(key) else f"[{json.dumps(key)}]"


def shown(value: Any) -> str:
    """Return a value of a difference as short JSON."""
    text = value if value in (_ABSENT, MASK) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004 - a screen's width


def _listed(kube: Kube, kind: Kind, namespaces: Sequence[str], *, include_cluster_scoped: bool) -> Iterator[Manifest]:
    if kind.kind == "Namespace" and not kind.group:
        yield from (thing for thing in kube.list("v1", "Namespace") if thing["metadata"]["name"] in namespaces)
    elif kind.namespaced:
        for namespace in namespaces:
            yield from kube.list(kind.api_version, kind.kind, namespace)
    elif include_cluster_scoped:
        yield from kube.list(kind.api_version, kind.kind)


def _key_id(key: Secret) -> str:
    return hmac.new(key.reveal().encode(), b"key id", hashlib.sha256).hexdigest()[:12]
