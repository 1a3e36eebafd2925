"""Domains and their records. Nothing answers DNS queries.

DigitalOcean's own words: "Data needs to end with a dot (.)" (api-v2, issue 130) and "Data can't be blank" (dnscontrol,
issue 536). Those for a domain that is there already and for other data that can't be are assumptions.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import not_found, unprocessable
from automation.simulators.digitalocean.calls import Fields
from automation.simulators.digitalocean.model import Resource, kind
from automation.simulators.digitalocean.models import checks

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

TTL, LEAST_TTL = 1800, 30
TYPES = frozenset({"A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"})
_NAMES = frozenset({"CNAME", "MX", "NS", "SRV"})  # their data is a name
_NUMBERS = {"MX": ("priority",), "SRV": ("priority", "port", "weight"), "CAA": ("flags",)}
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])")
_LABELS = re.compile(r"(@|\*|(\*\.)?[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_])?)\.?")
_SERVERS = ("ns1.digitalocean.com", "ns2.digitalocean.com", "ns3.digitalocean.com")


@kind("domains", urn="domain")
@dataclass(slots=True)
class Domain(Resource):
    """A domain. Its id is its name."""

    id: str
    ttl: int = TTL

    @property
    def name(self) -> str:
        """Its name."""
        return self.id


@kind("domain_records")
@dataclass(slots=True)
class Record(Resource):
    """A record. ``data`` that is a name has no dot at its end; ``@`` is the domain itself."""

    id: int
    domain: str
    type: str
    name: str
    data: str
    ttl: int = TTL
    priority: int | None = None
    port: int | None = None
    weight: int | None = None
    flags: int | None = None
    tag: str | None = None


def one(cloud: Cloud, name: str) -> Domain:
    """Return a domain. Raises the 404."""
    found = cloud.state.all(Domain).get(name.lower())
    if found is None:
        raise not_found()
    return found


def create(cloud: Cloud, name: str, ip_address: str | None) -> Domain:
    """Make a domain with the records that each has, and an A record where an address is given. Raises the 422s."""
    name = name.lower().removesuffix(".")
    if not _DOMAIN.fullmatch(name):
        raise unprocessable("Name Only valid hostname characters are allowed. (a-z, A-Z, 0-9, ., _ and -)")
    if name in cloud.state.all(Domain):
        raise unprocessable("Name already exists")
    if ip_address is not None:
        _address(ip_address, 4)
    domain = cloud.state.add(Domain(name))
    given = [("SOA", str(TTL)), *(("NS", server) for server in _SERVERS)]
    if ip_address is not None:
        given.append(("A", ip_address))
    for type_, data in given:
        cloud.state.add(Record(cloud.new_id(), name, type_, "@", data))
    return domain


def delete(cloud: Cloud, domain: Domain) -> None:
    """Delete a domain with its records."""
    for record in records(cloud, domain):
        cloud.state.remove(record)
    checks.forget(cloud, domain)


def records(cloud: Cloud, domain: Domain, type_: str | None = None, name: str | None = None) -> list[Record]:
    """Return a domain's records, of a type and of a full name where they are given."""
    return [
        it
        for it in cloud.state.all(Record).values()
        if it.domain == domain.id
        and type_ in {None, it.type}
        and (name is None or full_name(it) == name.lower().removesuffix("."))
    ]


def record(cloud: Cloud, domain: Domain, number: int) -> Record:
    """Return a record. Raises the 404."""
    found = cloud.state.all(Record).get(number)
    if found is None or found.domain != domain.id:
        raise not_found()
    return found


def full_name(found: Record) -> str:
    """Return a record's name with its domain, in lower case."""
    return found.domain if found.name == "@" else f"{found.name}.{found.domain}".lower()


def add(cloud: Cloud, domain: Domain, fields: Fields) -> Record:
    """Make a record. Raises the 422s."""
    type_ = fields.needed("type").upper()
    if type_ not in TYPES:
        raise unprocessable("Type is not included in the list")
    if type_ == "SOA":
        raise unprocessable("SOA records can't be created")
    made = Record(0, domain.id, type_, "@", "")
    _fill(cloud, made, fields, data_needed=True)
    made.id = cloud.new_id()
    cloud.state.add(made)
    _one_ttl(cloud, made)
    return made


def change(cloud: Cloud, found: Record, fields: Fields, *, whole: bool) -> None:
    """Change a record. ``whole`` (PUT): a name in its data must be sent again, with its dot (doctl, issue 919)."""
    if found.type == "SOA":
        ttl = fields.number("ttl", low=LEAST_TTL)
        found.ttl = ttl or found.ttl
        return
    _fill(cloud, found, fields, data_needed=whole and found.type in _NAMES)
    _one_ttl(cloud, found)


def _fill(cloud: Cloud, into: Record, fields: Fields, *, data_needed: bool) -> None:
    name = _relative(fields.text("name", into.name) or "@", into.domain)
    data = into.data
    if fields.has("data") or data_needed:
        data = _data(into.type, fields.text("data"), into.domain, known=bool(into.data))
    numbers = {
        "priority": fields.number("priority", into.priority, high=65_535),
        "port": fields.number("port", into.port, high=65_535),
        "weight": fields.number("weight", into.weight, high=65_535),
        "flags": fields.number("flags", into.flags, high=255),
    }
    # A zero that a client leaves out (godo does) is a zero.
    for needed in _NUMBERS.get(into.type, ()):
        numbers[needed] = numbers[needed] or 0
    tag = fields.text("tag") or into.tag
    if into.type == "CAA" and tag not in {"issue", "issuewild", "iodef"}:
        raise unprocessable("Tag must be one of issue, issuewild, or iodef")
    ttl = fields.number("ttl", into.ttl) or into.ttl
    if ttl < LEAST_TTL:
        raise unprocessable(f"Ttl must be at least {LEAST_TTL}")
    _alone(cloud, into, name)
    into.name, into.data, into.ttl, into.tag = name, data, ttl, tag
    into.priority, into.port, into.weight, into.flags = numbers.values()


def _relative(name: str, domain: str) -> str:
    if not _LABELS.fullmatch(name):
        raise unprocessable("Name Only valid hostname characters are allowed. (a-z, A-Z, 0-9, ., _ and -)")
    if not name.endswith("."):
        return name
    bare = name.removesuffix(".")
    if bare == domain:
        return "@"
    if not bare.endswith(f".{domain}"):
        raise unprocessable("Name must be relative to the domain, or end with it and a dot")
    return bare.removesuffix(f".{domain}")


def _data(type_: str, data: str | None, domain: str, *, known: bool) -> str:
    if not data:
        raise unprocessable("Data needs to end with a dot (.)" if known else "Data can't be blank")
    if type_ == "A":
        return _address(data, 4)
    if type_ == "AAAA":
        return _address(data, 6)
    if type_ in _NAMES or (type_ == "CAA" and data != ";" and "@" not in data and ":" not in data):
        if data == "@":
            return data
        if not data.endswith("."):
            raise unprocessable("Data needs to end with a dot (.)")
        bare = data.removesuffix(".")
        return "@" if bare == domain else bare
    return data


def _address(data: str, version: int) -> str:
    try:
        return str(ipaddress.IPv4Address(data) if version == 4 else ipaddress.IPv6Address(data))  # noqa: PLR2004
    except ValueError as error:
        raise unprocessable(f"IP address is not a valid IPv{version} address") from error


def _alone(cloud: Cloud, wanted: Record, name: str) -> None:
    same = [
        it
        for it in cloud.state.all(Record).values()
        if it.domain == wanted.domain and it.name == name and it is not wanted
    ]
    if same and (wanted.type == "CNAME" or any(it.type == "CNAME" for it in same)):
        raise unprocessable("CNAME records cannot share a name with other records")


def _one_ttl(cloud: Cloud, changed: Record) -> None:
    """Give records of one name and type one TTL, as RFC 2181 demands and DigitalOcean does by itself."""
    for it in cloud.state.all(Record).values():
        if (it.domain, it.name, it.type) == (changed.domain, changed.name, changed.type) and it.ttl != changed.ttl:
            it.ttl = changed.ttl


def zone_file(cloud: Cloud, domain: Domain) -> str:
    """Return a domain as a zone file."""
    lines = [f"$ORIGIN {domain.id}.", f"$TTL {domain.ttl}"]
    for it in records(cloud, domain):
        if it.type == "SOA":
            data = f"{_SERVERS[0]}. hostmaster.{domain.id}. 1 10800 3600 604800 {it.data}"
        else:
            name = f"{domain.id}." if it.data == "@" else f"{it.data}." if it.type in _NAMES else it.data
            data = f'"{it.data}"' if it.type == "TXT" else name
        words = [str(getattr(it, word)) for word in _NUMBERS.get(it.type, ())]
        words = [words[0], words[2], words[1]] if it.type == "SRV" else words  # a zone file has the weight first
        lines.append(" ".join([f"{full_name(it)}.", str(it.ttl), "IN", it.type, *words, *filter(None, [it.tag]), data]))
    return "\n".join(lines) + "\n"


@events.shape(Domain)
def shape(cloud: Cloud, domain: Domain) -> dict[str, Any]:
    """Return it as the API shows it, with its zone file as it is now."""
    return {"name": domain.id, "ttl": domain.ttl, "zone_file": zone_file(cloud, domain)}


@events.shape(Record)
def _record(cloud: Cloud, found: Record) -> dict[str, Any]:  # noqa: ARG001 - all shapes take the cloud
    return {
        "id": found.id,
        "type": found.type,
        "name": found.name,
        "data": found.data,
        "priority": found.priority,
        "port": found.port,
        "ttl": found.ttl,
        "weight": found.weight,
        "flags": found.flags,
        "tag": found.tag,
    }
