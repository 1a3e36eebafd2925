"""Load balancers. None of them balances anything: what they are asked for is kept, checked and shown.

Names need not be unique: a create that is sent twice makes two of them, as the real API does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import not_found, unprocessable
from automation.simulators.digitalocean.calls import Fields
from automation.simulators.digitalocean.faults import TROUBLES
from automation.simulators.digitalocean.model import Resource, kind
from automation.simulators.digitalocean.models import checks, tags, vpcs
from automation.simulators.digitalocean.models.droplets import Droplet

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

TROUBLES["load_balancer.active"] = "the load balancer stays new, and never becomes active"
TROUBLES["load_balancer.create"] = "the load balancer's creation ends errored"

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]*")
ENTRY = frozenset({"http", "https", "http2", "http3", "tcp", "udp"})
TARGET = frozenset({"http", "https", "http2", "tcp", "udp"})
UNITS = {"lb-small": 1, "lb-medium": 3, "lb-large": 6}
MOST_UNITS, HIGHEST_PORT = 200, 65_535
_HEALTH: dict[str, Any] = {
    "protocol": "http",
    "port": 80,
    "path": "/",
    "check_interval_seconds": 10,
    "response_timeout_seconds": 5,
    "healthy_threshold": 5,
    "unhealthy_threshold": 3,
}


@dataclass(frozen=True)
class Forwarding:
    """A forwarding rule."""

    entry_protocol: str
    entry_port: int
    target_protocol: str
    target_port: int
    certificate_id: str = ""
    tls_passthrough: bool = False


@kind("load_balancers", urn="loadbalancer", tag="load_balancer")
@dataclass(slots=True)
class LoadBalancer(Resource):
    """A load balancer. ``settings`` is what else was asked for, as shown; ``region`` is empty for a global one."""

    id: str
    name: str
    region: str
    created_at: str
    project_id: str
    vpc_uuid: str = ""
    forwarding: tuple[Forwarding, ...] = ()
    ip: str = ""  # assigned when it becomes active
    status: str = "new"
    tag: str = ""  # it balances over the droplets that carry it
    droplet_ids: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    size_unit: int = 1
    settings: dict[str, Any] = field(default_factory=dict)


def one(cloud: Cloud, lb_id: str) -> LoadBalancer:
    """Return a load balancer. Raises the 404."""
    found = cloud.state.all(LoadBalancer).get(lb_id)
    if found is None:
        raise not_found()
    return found


def create(cloud: Cloud, fields: Fields) -> LoadBalancer:
    """Make a load balancer; it becomes active later. Raises the 422s."""
    kind_ = (fields.text("type", "REGIONAL") or "REGIONAL").upper()
    region = "" if kind_ == "GLOBAL" else checks.region(cloud, fields.needed("region"))
    made = LoadBalancer(
        cloud.new_uuid(), "", region, cloud.now(), checks.project(cloud, fields.text("project_id") or None)
    )
    wanted = fields.text("vpc_uuid") or None
    fill(cloud, made, fields)
    if region:
        made.vpc_uuid = vpcs.chosen(cloud, region, wanted).id
    made.tags = tags.ensure(cloud, fields.texts("tags"))
    cloud.state.add(made)
    cloud.later(cloud.delays.load_balancer, "load_balancer.ready", lb=made.id)
    return made


def fill(cloud: Cloud, lb: LoadBalancer, fields: Fields) -> None:
    """Make a load balancer what the fields say; what is not said goes back to its default. Raises the 422s."""
    name = fields.needed("name", limit=255, pattern=NAME)
    rules = tuple(rule(it) for it in fields.objects("forwarding_rules"))
    if not rules and lb.region:
        raise unprocessable("forwarding_rules must have at least one forwarding rule")
    if len({(it.entry_port, it.entry_protocol == "udp") for it in rules}) < len(rules):
        raise unprocessable("forwarding_rules must not have two rules for one entry port")
    slug = fields.text("size", choices=UNITS)
    units = fields.number("size_unit", low=1, high=MOST_UNITS) or UNITS[slug or "lb-small"]
    tag, droplets = fields.text("tag", "") or "", checks.numbers(fields, "droplet_ids")
    if tag and droplets:
        raise unprocessable("Load Balancer can have either a tag or droplet_ids, not both")
    _reachable(cloud, lb, droplets)
    settings = _settings(fields)
    lb.project_id = checks.project(cloud, fields.text("project_id") or lb.project_id)
    lb.name, lb.forwarding, lb.size_unit, lb.tag, lb.droplet_ids = name, rules, units, tag, droplets
    lb.settings = settings


def rule(sent: Fields) -> Forwarding:
    """Return a forwarding rule that was sent. Raises the 422."""
    ports = [sent.number(name, low=1, high=HIGHEST_PORT) for name in ("entry_port", "target_port")]
    if None in ports:
        raise unprocessable("forwarding_rules need an entry_port and a target_port")
    entry = sent.needed("entry_protocol", choices=ENTRY)
    certificate = sent.text("certificate_id", "") or ""
    passthrough = sent.flag("tls_passthrough")
    if entry in {"https", "http2"} and not certificate and not passthrough:
        raise unprocessable("forwarding_rules with HTTPS need a certificate_id or tls_passthrough")
    target = sent.needed("target_protocol", choices=TARGET)
    return Forwarding(entry, ports[0] or 0, target, ports[1] or 0, certificate, passthrough)


def set_droplets(cloud: Cloud, lb: LoadBalancer, droplets: tuple[int, ...]) -> None:
    """Balance over these droplets, and no others. Raises the 422."""
    if lb.tag:
        raise unprocessable("Load Balancer uses a tag, so that its Droplets can't be set one by one")
    _reachable(cloud, lb, droplets)
    lb.droplet_ids = droplets


def behind(cloud: Cloud, lb: LoadBalancer) -> list[int]:
    """Return the droplets that it balances over."""
    if not lb.tag:
        return list(lb.droplet_ids)
    return [it.id for it in cloud.state.all(Droplet).values() if lb.tag in it.tags and it.region == lb.region]


def delete(cloud: Cloud, lb: LoadBalancer) -> None:
    """Delete a load balancer."""
    checks.forget(cloud, lb)


def _reachable(cloud: Cloud, lb: LoadBalancer, droplets: tuple[int, ...]) -> None:
    known = cloud.state.all(Droplet)
    for number in droplets:
        droplet = known.get(number)
        if droplet is None:
            raise unprocessable(f"Droplet {number} not found")
        if droplet.region != lb.region:
            raise unprocessable(f"Droplet {number} is not in region {lb.region}")


def _settings(fields: Fields) -> dict[str, Any]:
    health, sticky = fields.object("health_check"), fields.object("sticky_sessions")
    settings: dict[str, Any] = {
        "algorithm": fields.text("algorithm", choices={"round_robin", "least_connections"}) or "round_robin",
        "health_check": _HEALTH | ({k: v for k, v in health.sent.items() if v is not None} if health else {}),
        "sticky_sessions": dict(sticky.sent) if sticky else {"type": "none"},
        "http_idle_timeout_seconds": fields.number("http_idle_timeout_seconds", 60, low=30, high=600),
        "type": (fields.text("type") or "REGIONAL").upper(),
        "network": (fields.text("network") or "EXTERNAL").upper(),
        "network_stack": (fields.text("network_stack") or "IPV4").upper(),
        "tls_cipher_policy": (fields.text("tls_cipher_policy") or "DEFAULT").upper(),
    }
    if settings["health_check"]["protocol"] == "tcp":
        settings["health_check"].pop("path", None)
    for name in (
        "redirect_http_to_https",
        "enable_proxy_protocol",
        "enable_backend_keepalive",
        "disable_lets_encrypt_dns_records",
    ):
        settings[name] = fields.flag(name)
    firewall = fields.object("firewall")
    if firewall is not None:
        settings["firewall"] = {"allow": list(firewall.texts("allow")), "deny": list(firewall.texts("deny"))}
    for name in ("domains", "target_load_balancer_ids"):
        if fields.has(name):
            settings[name] = list(fields.items(name))
    glb = fields.object("glb_settings")
    if glb is not None:
        settings["glb_settings"] = dict(glb.sent)
    return settings


@events.step("load_balancer.ready")
def _ready(cloud: Cloud, lb: str) -> None:
    found = cloud.state.all(LoadBalancer).get(lb)
    if found is None or cloud.faults.troubled("load_balancer.active", found.name):
        return
    if cloud.faults.troubled("load_balancer.create", found.name):
        found.status = "errored"
        return
    found.ip, found.status = checks.public_address(cloud.new_id()), "active"


@events.listens("droplet.deleted")
def _droplet_gone(cloud: Cloud, droplet: Droplet) -> None:
    for lb in cloud.state.all(LoadBalancer).values():
        if droplet.id in lb.droplet_ids:
            lb.droplet_ids = tuple(it for it in lb.droplet_ids if it != droplet.id)


@events.shape(LoadBalancer)
def shape(cloud: Cloud, lb: LoadBalancer) -> dict[str, Any]:
    """Return it as the API shows it, with the droplets that it balances over now."""
    region = cloud.catalogue.regions.get(lb.region)
    slug = next((name for name, units in UNITS.items() if units == lb.size_unit), None)
    return {
        "id": lb.id,
        "name": lb.name,
        "ip": lb.ip,
        "ipv6": "2001:db8::" + lb.id[-4:] if lb.ip and lb.settings.get("network_stack") == "DUALSTACK" else "",
        **({"size": slug} if slug else {}),
        "size_unit": lb.size_unit,
        "status": lb.status,
        "created_at": lb.created_at,
        "forwarding_rules": [
            {
                "entry_protocol": it.entry_protocol,
                "entry_port": it.entry_port,
                "target_protocol": it.target_protocol,
                "target_port": it.target_port,
                "certificate_id": it.certificate_id,
                "tls_passthrough": it.tls_passthrough,
            }
            for it in lb.forwarding
        ],
        **({"region": region.json} if region else {}),
        "tag": lb.tag,
        "tags": list(lb.tags),
        "droplet_ids": behind(cloud, lb),
        **({"vpc_uuid": lb.vpc_uuid} if lb.vpc_uuid else {}),
        "project_id": lb.project_id,
        **lb.settings,
    }
