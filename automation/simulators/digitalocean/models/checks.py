"""Checks and choices that several resources share."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import ApiError, unprocessable
from automation.simulators.digitalocean.models import projects

if TYPE_CHECKING:
    from automation.simulators.digitalocean.calls import Fields
    from automation.simulators.digitalocean.cloud import Cloud
    from automation.simulators.digitalocean.model import Resource


def region(cloud: Cloud, slug: str, error: ApiError | None = None) -> str:
    """Return the slug of an open region, in lower case. Raises ``error``, or a 422."""
    found = cloud.catalogue.regions.get(slug.lower())
    if found is None or not found.available:
        raise error or unprocessable(f"Region {slug} is not available")
    return found.slug


def numbers(fields: Fields, name: str) -> tuple[int, ...]:
    """Return a list of whole numbers, each once. Raises the 422."""
    values = fields.items(name)
    if not all(isinstance(it, int) and not isinstance(it, bool) for it in values):
        raise unprocessable(f"{name} must be an array of integers")
    return tuple(dict.fromkeys(values))


def project(cloud: Cloud, project_id: str | None) -> str:
    """Return the id of the project that a new resource belongs to. Raises the 422 of one that is not there."""
    try:
        return projects.chosen(cloud, project_id)
    except ApiError as error:
        raise unprocessable(f"project {project_id} not found") from error


def public_address(number: int) -> str:
    """Return an address that belongs to the ``number``: from 198.18.0.0/15, which nobody routes."""
    return str(ipaddress.IPv4Address("198.18.0.0") + number % (1 << 17))


def forget(cloud: Cloud, resource: Resource) -> None:
    """Remove a resource, and tell who listens."""
    cloud.state.remove(resource)
    events.tell(cloud, "resource.deleted", resource=resource)
