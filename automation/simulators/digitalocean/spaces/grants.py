"""What a key may do, by its grants.

A grant with an empty bucket and ``fullaccess`` opens everything. ``read`` and ``readwrite`` open the objects of one
bucket, and nothing of the bucket itself: such a key neither lists, makes, configures nor removes buckets
(docs.digitalocean.com/products/spaces/how-to/manage-access).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

FULL, READ, READ_WRITE = "fullaccess", "read", "readwrite"
PERMISSIONS = (READ, READ_WRITE, FULL)

_OF_LISTING = frozenset(
    {"list-type", "prefix", "delimiter", "marker", "max-keys", "start-after", "continuation-token", "encoding-type",
     "fetch-owner", "versions", "uploads", "key-marker", "version-id-marker", "upload-id-marker", "max-uploads",
     "location", "x-id"}
)  # fmt: skip
_OF_BUCKETS = frozenset(
    {"acl", "cors", "lifecycle", "policy", "versioning", "logging", "website", "tagging", "notification",
     "object-lock", "ownershipControls", "encryption", "replication", "policyStatus"}
)  # fmt: skip


def needed(method: str, bucket: str, key: str, query: Iterable[str]) -> str:
    """Return the least permission for a request: ``read``, ``readwrite`` or ``fullaccess``."""
    names = {name for name in query if not name.startswith("X-Amz-")}
    if not bucket:
        return FULL
    if key:
        return READ if method in {"GET", "HEAD"} else READ_WRITE
    if method == "POST" and "delete" in names:
        return READ_WRITE
    if method in {"GET", "HEAD"} and not names & _OF_BUCKETS and names <= _OF_LISTING:
        return READ
    return FULL


def allows(grants: Sequence[tuple[str, str]], bucket: str, need: str) -> bool:
    """Whether any of the grants, each ``(bucket, permission)``, opens what is needed in the bucket."""
    for granted, permission in grants:
        if permission == FULL and granted in {"", bucket}:
            return True
        if bucket and granted == bucket and need != FULL and PERMISSIONS.index(permission) >= PERMISSIONS.index(need):
            return True
    return False
