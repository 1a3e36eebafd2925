"""Images of the account: snapshots, backups and custom images. The public ones are in the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.catalogue import PublicImage
from automation.simulators.digitalocean.model import Resource, kind

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud


@kind("images", tag="image")
@dataclass(slots=True)
class Image(Resource):
    """``type`` is snapshot, backup or custom; ``droplet`` is what a snapshot was taken of."""

    id: int
    name: str
    type: str
    distribution: str
    regions: tuple[str, ...]
    created_at: str
    min_disk: int
    size_gigabytes: float
    droplet: int | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    status: str = "available"
    deleted: bool = False  # droplets made of it still name it


def find(cloud: Cloud, wanted: int | str) -> Image | PublicImage | None:
    """Return the image of that id, or the public one of that slug."""
    found = None
    if isinstance(wanted, int) or (wanted.isascii() and wanted.isdigit()):
        found = cloud.state.all(Image).get(int(wanted))
    if found is not None and not found.deleted:
        return found
    return cloud.catalogue.image(wanted)


def own(cloud: Cloud) -> list[Image]:
    """Return the account's images."""
    return [it for it in cloud.state.all(Image).values() if not it.deleted]


def json_of(cloud: Cloud, identifier: int) -> dict[str, Any]:
    """Return the JSON of an image, even of one that was deleted."""
    found = cloud.state.all(Image).get(identifier)
    if found is not None:
        return _shape(cloud, found)
    public = cloud.catalogue.image(identifier)
    return public.json if public else {}


def delete(cloud: Cloud, image: Image) -> None:
    """Delete an image."""
    image.deleted = True
    image.tags = ()
    events.tell(cloud, "resource.deleted", resource=image)


@events.shape(Image)
def _shape(cloud: Cloud, image: Image) -> dict[str, Any]:  # noqa: ARG001 - all shapes take the cloud
    return {
        "id": image.id,
        "name": image.name,
        "distribution": image.distribution,
        "slug": None,
        "public": False,
        "regions": list(image.regions),
        "created_at": image.created_at,
        "min_disk_size": image.min_disk,
        "type": image.type,
        "size_gigabytes": image.size_gigabytes,
        "description": image.description,
        "tags": list(image.tags),
        "status": image.status,
        "error_message": "",
    }
