"""Spaces: a real S3 server behind virtual-host names, which knows the keys and what they are granted.

In a test::

    with DigitalOceanSimulator() as cloud, spaces.serving(cloud, versitygw, tmp_path) as front:
        …                                    # keys of POST /v2/spaces/keys open front.url

The front listens on loopback, or on docker's bridge. ``http://BUCKET.HOST:PORT/KEY`` is a bucket's address, for every
HOST that is ``localhost`` or ``REGION.digitaloceanspaces.com``; ``http://HOST:PORT/BUCKET/KEY`` works, too. It also
answers as an HTTP proxy, so that a client on a machine whose resolver does not know ``*.localhost`` needs no name at
all: set ``HTTP_PROXY`` to the front's address for that client.

signature (who asks), grants (whether they may), chunks (bodies that are signed piece by piece), front, and server
(versitygw) are apart.
"""

from __future__ import annotations

from automation.simulators.digitalocean.spaces.front import Front, Keeper
from automation.simulators.digitalocean.spaces.serving import serving

__all__ = ["Front", "Keeper", "serving"]
