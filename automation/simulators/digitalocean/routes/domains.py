"""/v2/domains and their records."""

from __future__ import annotations

from automation.simulators.digitalocean.answers import Answer, unprocessable
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import domains
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ONE, _RECORDS = "/v2/domains/{domain_name}", "/v2/domains/{domain_name}/records"
_RECORD = f"{_RECORDS}/{{domain_record_id}}"


def _found(cloud: Cloud, call: Call) -> domains.Domain:
    return domains.one(cloud, call.words["domain_name"])


def _record(cloud: Cloud, call: Call) -> domains.Record:
    return domains.record(cloud, _found(cloud, call), call.number("domain_record_id"))


@route("GET", "/v2/domains", "domain:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    found = cloud.state.all(domains.Domain).values()
    return page(cloud, call, "domains", [domains.shape(cloud, it) for it in found])


@route("POST", "/v2/domains", "domain:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    fields = call.fields
    made = domains.create(cloud, fields.needed("name"), fields.text("ip_address") or None)
    return Answer({"domain": {"name": made.id, "ttl": made.ttl, "zone_file": None}}, 201)


@route("GET", _ONE, "domain:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"domain": _found(cloud, call)})


@route("DELETE", _ONE, "domain:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    domains.delete(cloud, _found(cloud, call))
    return Answer(status=204)


@route("GET", _RECORDS, "domain:read")
def _records(cloud: Cloud, call: Call) -> Answer:
    found = domains.records(cloud, _found(cloud, call), call.query.get("type"), call.query.get("name"))
    return page(cloud, call, "domain_records", found)


@route("POST", _RECORDS, "domain:create")
def _add(cloud: Cloud, call: Call) -> Answer:
    return Answer({"domain_record": domains.add(cloud, _found(cloud, call), call.fields)}, 201)


@route("GET", _RECORD, "domain:read")
def _get_record(cloud: Cloud, call: Call) -> Answer:
    return Answer({"domain_record": _record(cloud, call)})


@route("PUT", _RECORD, "domain:update")
def _replace_record(cloud: Cloud, call: Call) -> Answer:
    record = _record(cloud, call)
    domains.change(cloud, record, call.fields, whole=True)
    return Answer({"domain_record": record})


@route("PATCH", _RECORD, "domain:update")
def _change_record(cloud: Cloud, call: Call) -> Answer:
    record = _record(cloud, call)
    domains.change(cloud, record, call.fields, whole=False)
    return Answer({"domain_record": record})


@route("DELETE", _RECORD, "domain:delete")
def _delete_record(cloud: Cloud, call: Call) -> Answer:
    record = _record(cloud, call)
    if record.type == "SOA":
        raise unprocessable("SOA records can't be deleted")
    cloud.state.remove(record)
    return Answer(status=204)
