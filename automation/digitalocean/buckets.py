"""Buckets of Spaces that are ours. They hold states and backups, so they are looked at only when somebody says so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from automation import prices
from automation.digitalocean import ownership
from automation.digitalocean.inventory import Item
from automation.errors import ConfigurationError
from automation.objectstore import ObjectStore
from automation.secret import Secret

# Where Spaces are offered: https://docs.digitalocean.com/products/spaces/details/availability/ (2026-08).
REGIONS = ("ams3", "atl1", "blr1", "fra1", "lon1", "nyc3", "ric1", "sfo2", "sfo3", "sgp1", "syd1", "tor1")
_SIGNED_FOR = "us-east-1"  # whatever the region


@dataclass(frozen=True)
class Buckets:
    """The stores, by region: a listing shows the buckets of one region alone."""

    stores: Mapping[str, ObjectStore]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Buckets:
        """Return all regions of Spaces, or the one at SPACES_ENDPOINT_URL. Raises ConfigurationError."""
        access, secret = environ.get("SPACES_ACCESS_KEY_ID", ""), environ.get("SPACES_SECRET_ACCESS_KEY", "")
        if not access or not secret:
            raise ConfigurationError(
                "Buckets are reached with keys of their own, and there are none.",
                hint="Set SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY to a key with full access.",
            )
        keys = Secret(access), Secret(secret)
        endpoint = environ.get("SPACES_ENDPOINT_URL", "")
        if endpoint:
            return cls({"": ObjectStore(endpoint.rstrip("/"), _SIGNED_FOR, *keys)})
        return cls({
            region: ObjectStore(f"https://{region}.digitaloceanspaces.com", _SIGNED_FOR, *keys) for region in REGIONS
        })  # fmt: skip

    def look(self) -> list[Item]:
        """Return the buckets whose names say that they are ours."""
        each = prices.price("digitalocean_spaces_bucket", {})
        return [
            Item("bucket", name, name, region, (), ownership.expiry(name), each.amount, each.note)
            for region, store in self.stores.items()
            for name in store.buckets()
            if ownership.is_named(name)
        ]

    def delete(self, item: Item) -> bool:
        """Delete a bucket with all objects and all their versions; return whether it was there."""
        ownership.refuse_foreign("bucket", item.name)
        return self.stores[item.region].delete_bucket(item.name, with_objects=True)
