"""The droplet metadata service, /metadata/v1: what a droplet asks about itself at 169.254.169.254, without a token.

Which droplet asks is told by the address that it asks from, where a test said so (``cloud.state.notes["metadata"]``:
droplets' ids by address), else by the header ``X-Simulated-Droplet``, else there is but one droplet.
"""

from __future__ import annotations

from typing import Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import Answer, not_found
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models.droplets import Droplet, networks
from automation.simulators.digitalocean.models.keys import Key
from automation.simulators.digitalocean.routing import route

_TEXT = {"content-type": "text/plain; charset=utf-8"}
_RESOLVERS = ["67.207.67.2", "67.207.67.3"]
_DEPTH = 9  # the longest path below /metadata/v1, such as interfaces/public/0/anchor_ipv4/address


def _asking(cloud: Cloud, call: Call) -> Droplet:
    every = cloud.state.all(Droplet)
    told = cloud.state.notes.get("metadata", {}).get(call.address) or call.headers.get("x-simulated-droplet", "")
    if told:
        found = every.get(int(told)) if str(told).isascii() and str(told).isdigit() else None
    else:
        found = next(iter(every.values())) if len(every) == 1 else None
    if found is None:
        raise not_found("no droplet asks from there")
    return found


def document(cloud: Cloud, droplet: Droplet) -> dict[str, Any]:
    """Return all that is told about a droplet."""
    shown = networks(droplet)
    found: dict[str, Any] = {
        "droplet_id": droplet.id,
        "hostname": droplet.name,
        "user_data": droplet.user_data,
        "vendor_data": "",
        "public_keys": [key.public_key for key in cloud.state.all(Key).values() if key.id in droplet.ssh_keys],
        "auth_key": "",
        "region": droplet.region,
        "interfaces": {},
        "floating_ip": {"ipv4": {"active": False}},
        "reserved_ip": {"ipv4": {"active": False}},
        "dns": {"nameservers": _RESOLVERS},
        "features": {"dhcp_enabled": False},
        "tags": list(droplet.tags),
    }
    for index, it in enumerate(shown["v4"]):
        ipv4 = {"ip_address": it["ip_address"], "netmask": it["netmask"], "gateway": it["gateway"]}
        card = {"ipv4": ipv4, "mac": f"02:00:00:00:{droplet.id % 256:02x}:{index:02x}", "type": it["type"]}
        found["interfaces"].setdefault(it["type"], []).append(card)
    for it in shown["v6"]:
        ipv6 = {"ip_address": it["ip_address"], "cidr": it["netmask"], "gateway": it["gateway"]}
        if "public" in found["interfaces"]:
            found["interfaces"]["public"][0]["ipv6"] = ipv6
    address = events.ask(cloud, "reserved_ip.of_droplet", None, droplet=droplet)
    if address:
        active = {"ipv4": {"active": True, "ip_address": address}}
        found["floating_ip"], found["reserved_ip"] = active, active
    return found


@route("GET", "/metadata/v1.json", open_=True)
def _json(cloud: Cloud, call: Call) -> Answer:
    return Answer(document(cloud, _asking(cloud, call)))


def _tree(cloud: Cloud, droplet: Droplet) -> dict[str, Any]:
    """Return the document as paths show it: by other names at its top."""
    found = document(cloud, droplet)
    renamed = {"droplet_id": "id", "user_data": "user-data", "vendor_data": "vendor-data"}
    renamed |= {"public_keys": "public-keys", "auth_key": "auth-key"}
    return {renamed.get(name, name): value for name, value in found.items()}


def _walk(cloud: Cloud, call: Call) -> Answer:
    value: Any = _tree(cloud, _asking(cloud, call))
    for word in call.path.removeprefix("/metadata/v1").strip("/").split("/"):
        if not word:
            continue
        inner = {"address": "ip_address"}.get(word, word)
        if isinstance(value, dict) and inner in value:
            value = value[inner]
        elif isinstance(value, list) and word.isascii() and word.isdigit() and int(word) < len(value):
            value = value[int(word)]
        else:
            raise not_found()
    return Answer(_listed(value).encode(), headers=_TEXT)


def _listed(value: Any) -> str:
    """Return a value as text; a folder is a list of what is in it, folders with a slash."""
    if isinstance(value, dict):
        return "\n".join(f"{name}/" if isinstance(it, dict) or _folder(it) else name for name, it in value.items())
    if _folder(value):
        return "\n".join(f"{index}/" for index in range(len(value)))
    if isinstance(value, list):
        return "\n".join(str(it) for it in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _folder(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


for _depth in range(_DEPTH):
    route("GET", "/metadata/v1" + "".join(f"/{{word{index}}}" for index in range(_depth)), open_=True)(_walk)
