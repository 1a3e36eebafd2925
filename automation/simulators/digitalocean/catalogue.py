"""Regions, sizes and public images, as ``catalogue.json`` lists them (with its date), at the prices of prices.yaml.

The lists hold slugs, memory, processors and disks as the API gave them. Not known, and so made up: the transfer
allowance, features and availability by region, and ids and dates of images.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.prices import prices

_FILE = Path(__file__).with_name("catalogue.json")
_FEATURES = ("backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer")
_GPU_REGIONS = frozenset({"atl1", "nyc2", "ric1", "tor1"})
# The only regions that the API's description allows for an image.
_IMAGE_REGIONS = ["ams1", "ams2", "ams3", "blr1", "fra1", "lon1", "nyc1", "nyc2", "nyc3", "sfo1", "sfo2", "sfo3"]
_IMAGE_REGIONS += ["sgp1", "syd1", "tor1"]
_HOURS = 672  # in a month, as prices by the hour count it
_FIRST_IMAGE, _FIRST_APPLICATION = 195_000_001, 196_000_001
_FAMILIES = {
    "s": "Basic",
    "c": "CPU-Optimized",
    "c2": "CPU-Optimized 2x SSD",
    "c5": "CPU-Optimized 5x SSD",
    "g": "General Purpose",
    "gd": "General Purpose 2x SSD",
    "m": "Memory-Optimized",
    "m3": "Memory-Optimized 3x SSD",
    "m6": "Memory-Optimized 6x SSD",
    "so": "Storage-Optimized",
    "so1_5": "Storage-Optimized 1.5x SSD",
    "gpu": "GPU",
}


@dataclass(frozen=True)
class Size:
    """A size of droplets: memory in MiB, disk in GB, price in USD a month."""

    slug: str
    memory: int
    vcpus: int
    disk: int
    price_monthly: float
    regions: tuple[str, ...]

    @property
    def json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "slug": self.slug,
            "memory": self.memory,
            "vcpus": self.vcpus,
            "disk": self.disk,
            "transfer": min(max(self.memory / 1024, 0.5), 11.0),
            "price_monthly": self.price_monthly,
            "price_hourly": round(self.price_monthly / _HOURS, 5),
            "regions": list(self.regions),
            "available": True,
            "description": _description(self.slug),
            "networking_throughput": 10_000 if self.memory > 65_536 else 2_000,  # noqa: PLR2004 - MiB
            "disk_info": [{"type": "local", "size": {"amount": self.disk, "unit": "gib"}}],
        }


@dataclass(frozen=True)
class Region:
    """A data centre."""

    slug: str
    name: str
    available: bool
    sizes: tuple[str, ...]

    @property
    def json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "name": self.name,
            "slug": self.slug,
            "features": list(_FEATURES),
            "available": self.available,
            "sizes": list(self.sizes),
        }

    @property
    def brief(self) -> dict[str, Any]:
        """Return it as it is shown inside of other resources: with basic sizes alone.

        The real API repeats all sizes there, which makes half of a list of droplets; no client is known to read them.
        """
        return self.json | {"sizes": [slug for slug in self.sizes if slug.startswith("s-")]}


@dataclass(frozen=True)
class PublicImage:
    """A distribution, or an application of the marketplace."""

    id: int
    slug: str
    name: str
    distribution: str
    application: bool = False
    min_disk: int = 10

    @property
    def json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "distribution": self.distribution,
            "slug": self.slug,
            "public": True,
            "regions": list(_IMAGE_REGIONS),
            "created_at": "2026-06-01T12:00:00Z",
            "min_disk_size": self.min_disk,
            "type": "snapshot" if self.application else "base",
            "size_gigabytes": 2.5,
            "description": self.name,
            "tags": [],
            "status": "available",
        }


@dataclass(frozen=True)
class Catalogue:
    """All of them, by slug."""

    regions: dict[str, Region]
    sizes: dict[str, Size]
    images: dict[str, PublicImage]

    def image(self, wanted: int | str) -> PublicImage | None:
        """Return the public image of that slug or id."""
        if isinstance(wanted, str) and not wanted.isdigit():
            return self.images.get(wanted)
        return _by_id().get(int(wanted))


@functools.cache
def catalogue() -> Catalogue:
    """Read the lists, once."""
    found = json.loads(_FILE.read_text())
    monthly = prices()["sizes"]
    open_regions = [slug for slug, _, available in found["regions"] if available]
    sizes = {}
    for slug, memory, vcpus, disk in found["sizes"]:
        where = [it for it in open_regions if it in _GPU_REGIONS] if slug.startswith("gpu-") else open_regions
        sizes[slug] = Size(slug, memory, vcpus, disk, float(monthly[slug]), tuple(where))
    regions = {
        slug: Region(slug, name, available, tuple(it.slug for it in sizes.values() if slug in it.regions))
        for slug, name, available in found["regions"]
    }
    images = {
        slug: PublicImage(_FIRST_IMAGE + index, slug, name, distribution)
        for index, (slug, distribution, name) in enumerate(found["images"])
    }
    for index, (slug, name) in enumerate(found["applications"]):
        distribution = next((it for it in ("Debian", "CentOS", "Fedora", "AlmaLinux") if it in name), "Ubuntu")
        distribution = "Unknown" if distribution == "AlmaLinux" else distribution
        images[slug] = PublicImage(_FIRST_APPLICATION + index, slug, name, distribution, application=True, min_disk=25)
    return Catalogue(regions, sizes, images)


@functools.cache
def _by_id() -> dict[int, PublicImage]:
    return {image.id: image for image in catalogue().images.values()}


def _description(slug: str) -> str:
    family = slug.partition("-")[0]
    name = _FAMILIES.get(family, "Basic")
    if family == "s":
        return "Premium AMD" if slug.endswith("-amd") else "Premium Intel" if slug.endswith("-intel") else name
    return f"{name} Premium Intel" if slug.endswith("-intel") else name
