"""/v2/registry (the account's only one) and /v2/registries (several). There are never repositories in them."""

from __future__ import annotations

from automation.simulators.digitalocean.answers import Answer, not_found
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import registries
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ONE, _OLD = "/v2/registries/{registry_name}", "/v2/registry/{registry_name}"


def _found(cloud: Cloud, call: Call) -> registries.Registry:
    return registries.one(cloud, call.words["registry_name"])


def _make(cloud: Cloud, call: Call) -> registries.Registry:
    fields = call.fields
    tier, region = fields.text("subscription_tier_slug") or None, fields.text("region") or None
    return registries.create(cloud, fields.needed("name"), tier, region)


@route("GET", "/v2/registry", "registry:read")
def _only(cloud: Cloud, call: Call) -> Answer:  # noqa: ARG001 - all handlers take the call
    return Answer({"registry": registries.with_subscription(cloud, registries.only(cloud))})


@route("POST", "/v2/registry", "registry:create")
def _create_only(cloud: Cloud, call: Call) -> Answer:
    return Answer({"registry": registries.with_subscription(cloud, _make(cloud, call))}, 201)


@route("DELETE", "/v2/registry", "registry:delete")
def _delete_only(cloud: Cloud, call: Call) -> Answer:  # noqa: ARG001
    registries.delete(cloud, registries.only(cloud))
    return Answer(status=204)


@route("GET", "/v2/registries", "registry:read")
def _list(cloud: Cloud, call: Call) -> Answer:  # noqa: ARG001
    found = list(cloud.state.all(registries.Registry).values())
    total = sum(it.storage_usage_bytes for it in found)
    return Answer({"registries": found, "total_storage_usage_bytes": total})


@route("POST", "/v2/registries", "registry:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    return Answer({"registry": _make(cloud, call)}, 201)


@route("GET", _ONE, "registry:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"registry": _found(cloud, call)})


@route("DELETE", _ONE, "registry:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    registries.delete(cloud, _found(cloud, call))
    return Answer(status=204)


# what both have


@route("GET", "/v2/registry/subscription", "registry:read")
@route("GET", "/v2/registries/subscription", "registry:read")
def _subscription(cloud: Cloud, call: Call) -> Answer:  # noqa: ARG001
    held = registries.subscription(cloud)
    if held is None:
        raise not_found("subscription does not exist")
    return Answer({"subscription": held})


@route("POST", "/v2/registry/subscription", "registry:update")
@route("POST", "/v2/registries/subscription", "registry:update")
def _subscribe(cloud: Cloud, call: Call) -> Answer:
    return Answer({"subscription": registries.subscribe(cloud, call.fields.needed("tier_slug"))})


@route("GET", "/v2/registry/options", "registry:read")
@route("GET", "/v2/registries/options", "registry:read")
def _options(cloud: Cloud, call: Call) -> Answer:  # noqa: ARG001
    count = len(cloud.state.all(registries.Registry))
    tiers = []
    for tier in registries.TIERS.values():
        fits = count <= tier.registries
        reasons = {} if fits else {"eligibility_reasons": ["OverRepositoryLimit"]}
        tiers.append({**tier.json, "eligible": fits, **reasons})
    return Answer({"options": {"available_regions": list(registries.REGIONS), "subscription_tiers": tiers}})


@route("POST", "/v2/registry/validate-name", "registry:create")
@route("POST", "/v2/registries/validate-name", "registry:create")
def _validate(cloud: Cloud, call: Call) -> Answer:
    registries.valid(cloud, call.fields.needed("name"))
    return Answer(status=204)


@route("GET", "/v2/registry/docker-credentials", "registry:read")
def _credentials_of_only(cloud: Cloud, call: Call) -> Answer:
    registries.only(cloud)
    return Answer(registries.docker_credentials(cloud, read_write=call.query.get("read_write") == "true"))


@route("GET", f"{_ONE}/docker-credentials", "registry:read")
def _credentials(cloud: Cloud, call: Call) -> Answer:
    _found(cloud, call)
    return Answer(registries.docker_credentials(cloud, read_write=call.query.get("read_write") == "true"))


@route("GET", f"{_OLD}/repositories", "registry:read")
@route("GET", f"{_OLD}/repositoriesV2", "registry:read")
@route("GET", f"{_ONE}/repositoriesV2", "registry:read")
def _repositories(cloud: Cloud, call: Call) -> Answer:
    _found(cloud, call)
    return page(cloud, call, "repositories", [])


@route("GET", f"{_OLD}/garbage-collection", "registry:read")
@route("GET", f"{_ONE}/garbage-collection", "registry:read")
def _collection(cloud: Cloud, call: Call) -> Answer:
    running = registries.current(cloud, _found(cloud, call))
    if running is None:
        raise not_found()
    return Answer({"garbage_collection": running})


@route("POST", f"{_OLD}/garbage-collection", "registry:update")
@route("POST", f"{_ONE}/garbage-collection", "registry:update")
def _collect(cloud: Cloud, call: Call) -> Answer:
    return Answer({"garbage_collection": registries.collect(cloud, _found(cloud, call))}, 201)


@route("GET", f"{_OLD}/garbage-collections", "registry:read")
@route("GET", f"{_ONE}/garbage-collections", "registry:read")
def _collections(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "garbage_collections", registries.collections(cloud, _found(cloud, call)))


@route("PUT", f"{_OLD}/garbage-collection/{{garbage_collection_uuid}}", "registry:update")
@route("PUT", f"{_ONE}/garbage-collection/{{garbage_collection_uuid}}", "registry:update")
def _cancel(cloud: Cloud, call: Call) -> Answer:
    registry = _found(cloud, call)
    return Answer({"garbage_collection": registries.cancel(cloud, registry, call.words["garbage_collection_uuid"])})
