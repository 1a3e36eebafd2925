"""/v2/databases: clusters, users, databases and firewalls. Replicas, pools, topics and logs are not simulated."""

from __future__ import annotations

import base64
from dataclasses import replace

from automation.simulators.digitalocean.answers import Answer, conflict, not_found, unprocessable
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import checks, databases
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ALL, _ONE = "/v2/databases", "/v2/databases/{database_cluster_uuid}"
_AUTHORITY = b"-----BEGIN CERTIFICATE-----\nThere is no database behind this one of the simulator.\n"
_POLICIES = frozenset(
    {"noeviction", "allkeys_lru", "allkeys_random", "volatile_lru", "volatile_random", "volatile_ttl"}
)


def _found(cloud: Cloud, call: Call) -> databases.Database:
    return databases.one(cloud, call.words["database_cluster_uuid"])


@route("GET", f"{_ALL}/options", "database:read")
def _options(cloud: Cloud, call: Call) -> Answer:  # noqa: ARG001 - all handlers take both
    return Answer(databases.options())


@route("GET", _ALL, "database:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    tag = call.query.get("tag_name")
    found = [it for it in cloud.state.all(databases.Database).values() if not tag or tag in it.tags]
    return page(cloud, call, "databases", found)


@route("POST", _ALL, "database:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    return Answer({"database": databases.create(cloud, call.fields)}, 201)


@route("GET", _ONE, "database:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"database": _found(cloud, call)})


@route("DELETE", _ONE, "database:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    checks.forget(cloud, _found(cloud, call))
    return Answer(status=204)


@route("PUT", f"{_ONE}/resize", "database:update")
def _resize(cloud: Cloud, call: Call) -> Answer:
    database = _found(cloud, call)
    databases.size(database, call.fields)
    databases.busy(cloud, database, "resizing")
    return Answer(status=202)


@route("PUT", f"{_ONE}/migrate", "database:update")
def _migrate(cloud: Cloud, call: Call) -> Answer:
    database = _found(cloud, call)
    database.region = checks.region(cloud, call.fields.needed("region"), unprocessable("invalid region"))
    databases.busy(cloud, database, "migrating")
    return Answer(status=202)


@route("PUT", f"{_ONE}/upgrade", "database:update")
def _upgrade(cloud: Cloud, call: Call) -> Answer:
    database, version = _found(cloud, call), call.fields.needed("version")
    known = databases.ENGINES[database.engine].versions
    if version not in known or known.index(version) <= known.index(database.version):
        raise unprocessable("invalid upgrade version")
    database.version = version
    return Answer(status=204)


@route("PUT", f"{_ONE}/maintenance", "database:update")
def _maintain(cloud: Cloud, call: Call) -> Answer:
    database, fields = _found(cloud, call), call.fields
    hour = fields.needed("hour")
    database.window = (fields.needed("day"), hour if hour.count(":") == 2 else f"{hour}:00")  # noqa: PLR2004
    return Answer(status=204)


@route("PUT", f"{_ONE}/install_update", "database:update")
def _install(cloud: Cloud, call: Call) -> Answer:
    _found(cloud, call)
    return Answer(status=204)


@route("GET", f"{_ONE}/ca", "database:read")
def _authority(cloud: Cloud, call: Call) -> Answer:
    _found(cloud, call)
    return Answer({"ca": {"certificate": base64.b64encode(_AUTHORITY).decode()}})


@route("GET", f"{_ONE}/backups", "database:read")
def _backups(cloud: Cloud, call: Call) -> Answer:
    _found(cloud, call)
    return Answer({"backups": []})


# settings


@route("GET", f"{_ONE}/config", "database:read")
def _config(cloud: Cloud, call: Call) -> Answer:
    return Answer({"config": _found(cloud, call).settings.get("config", {})})


@route("PATCH", f"{_ONE}/config", "database:update")
def _change_config(cloud: Cloud, call: Call) -> Answer:
    database, given = _found(cloud, call), call.fields.object("config")
    known = database.settings.get("config", {})
    database.settings = {**database.settings, "config": {**known, **(given.sent if given else {})}}
    return Answer({"config": database.settings["config"]})


def _set(database: databases.Database, name: str, value: object) -> Answer:
    database.settings = {**database.settings, name: value}
    return Answer(status=204)


@route("GET", f"{_ONE}/eviction_policy", "database:read")
def _eviction(cloud: Cloud, call: Call) -> Answer:
    return Answer({"eviction_policy": _found(cloud, call).settings.get("eviction_policy", "noeviction")})


@route("PUT", f"{_ONE}/eviction_policy", "database:update")
def _set_eviction(cloud: Cloud, call: Call) -> Answer:
    policy = call.fields.needed("eviction_policy", choices=_POLICIES)
    return _set(_found(cloud, call), "eviction_policy", policy)


@route("GET", f"{_ONE}/sql_mode", "database:read")
def _sql_mode(cloud: Cloud, call: Call) -> Answer:
    return Answer({"sql_mode": _found(cloud, call).settings.get("sql_mode", "")})


@route("PUT", f"{_ONE}/sql_mode", "database:update")
def _set_sql_mode(cloud: Cloud, call: Call) -> Answer:
    return _set(_found(cloud, call), "sql_mode", call.fields.text("sql_mode", "") or "")


@route("GET", f"{_ONE}/autoscale", "database:read")
def _autoscale(cloud: Cloud, call: Call) -> Answer:
    unset = {"storage": {"enabled": False}}
    return Answer({"autoscale": _found(cloud, call).settings.get("autoscale", unset)})


@route("PUT", f"{_ONE}/autoscale", "database:update")
def _set_autoscale(cloud: Cloud, call: Call) -> Answer:
    return _set(_found(cloud, call), "autoscale", dict(call.fields.sent))


# who may connect


@route("GET", f"{_ONE}/firewall", "database:read")
def _firewall(cloud: Cloud, call: Call) -> Answer:
    database = _found(cloud, call)
    return Answer({"rules": [databases.rule_json(database, it) for it in database.rules]})


@route("PUT", f"{_ONE}/firewall", "database:update")
def _set_firewall(cloud: Cloud, call: Call) -> Answer:
    database = _found(cloud, call)
    database.rules = databases.rules(cloud, call.fields)
    return Answer(status=204)


# users and databases


def _user(database: databases.Database, call: Call) -> databases.User:
    for user in database.users:
        if user.name == call.words["username"]:
            return user
    raise not_found("user not found")


@route("GET", f"{_ONE}/users", "database:read")
def _users(cloud: Cloud, call: Call) -> Answer:
    return Answer({"users": [it.json for it in _found(cloud, call).users]})


@route("POST", f"{_ONE}/users", "database:create")
def _add_user(cloud: Cloud, call: Call) -> Answer:
    database, name = _found(cloud, call), call.fields.needed("name", limit=63)
    if any(it.name == name for it in database.users):
        raise conflict("user already exists")
    user = databases.User(name, cloud.secret()[:16])
    database.users = (*database.users, user)
    return Answer({"user": user.json}, 201)


@route("GET", f"{_ONE}/users/{{username}}", "database:read")
def _get_user(cloud: Cloud, call: Call) -> Answer:
    return Answer({"user": _user(_found(cloud, call), call).json})


@route("DELETE", f"{_ONE}/users/{{username}}", "database:delete")
def _delete_user(cloud: Cloud, call: Call) -> Answer:
    database = _found(cloud, call)
    user = _user(database, call)
    if user.role == "primary":
        raise unprocessable("the primary user can not be removed")
    database.users = tuple(it for it in database.users if it is not user)
    return Answer(status=204)


@route("POST", f"{_ONE}/users/{{username}}/reset_auth", "database:update")
def _reset(cloud: Cloud, call: Call) -> Answer:
    database = _found(cloud, call)
    old = _user(database, call)
    new = replace(old, password=cloud.secret()[:16])
    database.users = tuple(new if it is old else it for it in database.users)
    return Answer({"user": new.json})


@route("GET", f"{_ONE}/dbs", "database:read")
def _dbs(cloud: Cloud, call: Call) -> Answer:
    return Answer({"dbs": [{"name": it} for it in _found(cloud, call).db_names]})


@route("POST", f"{_ONE}/dbs", "database:create")
def _add_db(cloud: Cloud, call: Call) -> Answer:
    database, name = _found(cloud, call), call.fields.needed("name", limit=63)
    if name in database.db_names:
        raise conflict("database name is not available")
    database.db_names = (*database.db_names, name)
    return Answer({"db": {"name": name}}, 201)


@route("GET", f"{_ONE}/dbs/{{database_name}}", "database:read")
def _db(cloud: Cloud, call: Call) -> Answer:
    name = call.words["database_name"]
    if name not in _found(cloud, call).db_names:
        raise not_found("database not found")
    return Answer({"db": {"name": name}})


@route("DELETE", f"{_ONE}/dbs/{{database_name}}", "database:delete")
def _delete_db(cloud: Cloud, call: Call) -> Answer:
    database, name = _found(cloud, call), call.words["database_name"]
    if name not in database.db_names:
        raise not_found("database not found")
    database.db_names = tuple(it for it in database.db_names if it != name)
    return Answer(status=204)
