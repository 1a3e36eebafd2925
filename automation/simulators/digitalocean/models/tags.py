"""Tags: their names; which resources have one is written on the resources."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import unprocessable
from automation.simulators.digitalocean.model import Resource, kind, kinds

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

NAME = re.compile(r"[\w:\-]{1,255}", re.ASCII)
_INVALID = "Tag name may only contain letters, numbers, colons, dashes, and underscores, and at most 255 of them"
# What GET /v2/tags counts, whether there are such resources or not.
COUNTED = {
    "droplet": "droplets",
    "image": "images",
    "volume": "volumes",
    "volume_snapshot": "volume_snapshots",
    "database": "databases",
}


class Tagged(Protocol):
    """What has tags."""

    id: Any
    tags: tuple[str, ...]


@kind("tags")
@dataclass(slots=True)
class Tag(Resource):
    """A tag: its name is its id."""

    id: str


def checked(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of tags, each once. Raises the 422 of one that can't be."""
    found = tuple(dict.fromkeys(names))
    if not all(NAME.fullmatch(name) for name in found):
        raise unprocessable(_INVALID)
    return found


def ensure(cloud: Cloud, names: Iterable[str]) -> tuple[str, ...]:
    """Make the tags that are not there yet, and return their names as they were first written."""
    known = {name.lower(): name for name in map(str, cloud.state.all(Tag))}
    wanted = [known.get(name.lower(), name) for name in checked(names)]
    for name in wanted:
        if name not in cloud.state.all(Tag):
            cloud.state.add(Tag(name))
    return tuple(dict.fromkeys(wanted))


def tagged(cloud: Cloud, name: str) -> dict[str, list[Tagged]]:
    """Return the resources that have a tag, by resource_type."""
    return {
        cls.TAG: [cast("Tagged", it) for it in cloud.state.all(cls).values() if name in cast("Tagged", it).tags]
        for cls in kinds().values()
        if cls.TAG
    }


def find_resource(cloud: Cloud, resource_type: str, identifier: str) -> Tagged | None:
    """Return the resource that a request to tag names."""
    for cls in kinds().values():
        if cls.TAG and resource_type == cls.TAG:
            found = cloud.state.all(cls)
            number = int(identifier) if identifier.isascii() and identifier.isdigit() else None
            return cast("Tagged | None", found.get(identifier) or (found.get(number) if number is not None else None))
    return None


def drop(cloud: Cloud, name: str) -> None:
    """Delete a tag, off all resources."""
    for found in tagged(cloud, name).values():
        for it in found:
            it.tags = tuple(tag for tag in it.tags if tag != name)
    cloud.state.all(Tag).pop(name, None)


@events.shape(Tag)
def _shape(cloud: Cloud, tag: Tag) -> dict[str, Any]:
    found = tagged(cloud, tag.id)
    shown: dict[str, Any] = {
        plural: {"count": len(found.get(name, ())), **_last(name, found.get(name, []))}
        for name, plural in COUNTED.items()
    }
    total = sum(len(found.get(name, ())) for name in COUNTED)
    return {"name": tag.id, "resources": {"count": total, **shown}}


def _last(name: str, found: list[Tagged]) -> dict[str, str]:
    if not found:
        return {}
    path = {"volume_snapshot": "snapshots"}.get(name, f"{name}s")
    return {"last_tagged_uri": f"https://api.digitalocean.com/v2/{path}/{found[-1].id}"}
