"""/v2/projects and what is in them. ``default`` stands for the id of the default project."""

from __future__ import annotations

import re

from automation.simulators.digitalocean.answers import Answer, unprocessable
from automation.simulators.digitalocean.calls import Call, Fields
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import projects
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ONE = "/v2/projects/{project_id}"
_URN = re.compile(r"do:[a-z_]+:.+")


def _found(cloud: Cloud, call: Call) -> projects.Project:
    return projects.find(cloud, call.words["project_id"])


def _environment(fields: Fields, default: str) -> str:
    given = fields.text("environment", "") or ""
    if given and given.lower() not in projects.ENVIRONMENTS:
        raise unprocessable("environment must be one of Development, Staging, Production")
    return projects.ENVIRONMENTS.get(given.lower(), default)


@route("GET", "/v2/projects", "project:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "projects", projects.every(cloud))


@route("POST", "/v2/projects", "project:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    fields = call.fields
    made = projects.create(
        cloud,
        fields.needed("name", limit=175),
        fields.needed("purpose", limit=255),
        fields.text("description", "", limit=255) or "",
        _environment(fields, ""),
    )
    return Answer({"project": made}, 201)


@route("GET", _ONE, "project:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"project": _found(cloud, call)})


@route("PUT", _ONE, "project:update")
def _put(cloud: Cloud, call: Call) -> Answer:
    return _change(cloud, call, whole=True)


@route("PATCH", _ONE, "project:update")
def _patch(cloud: Cloud, call: Call) -> Answer:
    return _change(cloud, call, whole=False)


def _change(cloud: Cloud, call: Call, *, whole: bool) -> Answer:
    """Change a project; ``whole`` changes need name and purpose."""
    project, fields = _found(cloud, call), call.fields
    name = fields.needed("name", limit=175) if whole else fields.text("name", limit=175) or project.name
    purpose = fields.needed("purpose", limit=255) if whole else fields.text("purpose", limit=255) or project.purpose
    description = fields.text("description", project.description, limit=255) or ""
    environment = _environment(fields, project.environment)
    default = fields.flag("is_default", default=project.is_default)
    if project.is_default and not default:
        raise unprocessable("is_default: make another project the default one instead")
    if default:
        projects.make_default(cloud, project)
    project.name, project.purpose, project.description = name, projects.stated(purpose), description
    project.environment, project.updated_at = environment, cloud.now()
    return Answer({"project": project})


@route("DELETE", _ONE, "project:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    projects.delete(cloud, _found(cloud, call))
    return Answer(status=204)


@route("GET", f"{_ONE}/resources", "project:read")
def _resources(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "resources", [it.json for it in projects.members(cloud, _found(cloud, call))])


@route("POST", f"{_ONE}/resources", "project:assign_resource")
def _assign(cloud: Cloud, call: Call) -> Answer:
    project, urns = _found(cloud, call), call.fields.texts("resources")
    if not all(_URN.fullmatch(urn) for urn in urns):
        raise unprocessable("resources must be uniform resource names such as do:droplet:1")
    return page(cloud, call, "resources", [it.json for it in projects.assign(cloud, project, urns)])
