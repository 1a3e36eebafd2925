"""Projects: every resource with a URN is in one of them, in the default one unless it was moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import conflict, not_found, precondition_failed
from automation.simulators.digitalocean.model import Resource, kind, kinds

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

OWNER = 258_992
OWNER_UUID = "5df3e3004a17e242b7c20ca6c9fc25b701a47ece"
PURPOSES = (
    "Just trying out DigitalOcean",
    "Class project / Educational purposes",
    "Website or blog",
    "Web Application",
    "Service or API",
    "Mobile Application",
    "Machine learning / AI / Data processing",
    "IoT",
    "Operational / Developer tooling",
)
ENVIRONMENTS = {"development": "Development", "staging": "Staging", "production": "Production"}
# The provider looks for these words (in lower case).
NOT_EMPTY = "cannot delete a project with resources. move or remove the resources first"
_MOVED = "projects"  # where the state's notes keep which resources are not in the default project


@kind("projects")
@dataclass(slots=True)
class Project(Resource):
    """``purpose`` is one of PURPOSES, or ``Other: …``."""

    id: str
    name: str
    description: str
    purpose: str
    environment: str
    is_default: bool
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class Member:
    """A resource in a project, as the list of its resources shows it."""

    urn: str
    assigned_at: str
    status: str = "ok"

    @property
    def json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        _, kind_, identifier = self.urn.split(":", 2)
        path = {"kubernetes": "kubernetes/clusters", "dbaas": "databases", "loadbalancer": "load_balancers"}
        path |= {"floatingip": "floating_ips", "reservedip": "reserved_ips"}
        link = f"https://api.digitalocean.com/v2/{path.get(kind_, f'{kind_}s')}/{identifier}"
        return {"urn": self.urn, "assigned_at": self.assigned_at, "links": {"self": link}, "status": self.status}


def default(cloud: Cloud) -> Project:
    """Return the default project; every account has one."""
    for project in cloud.state.all(Project).values():
        if project.is_default:
            return project
    now = cloud.now()
    first = Project(cloud.new_uuid(), "first-project", "Update your project information", "", "", True, now, now)
    return cloud.state.add(first)


def find(cloud: Cloud, identifier: str) -> Project:
    """Return a project. Raises the 404."""
    if identifier == "default":
        return default(cloud)
    default(cloud)
    found = cloud.state.all(Project).get(identifier)
    if found is None:
        raise not_found()
    return found


def chosen(cloud: Cloud, identifier: str | None) -> str:
    """Return the id of the project that a request names, of the default one where it names none. Raises the 404."""
    return str(find(cloud, identifier or "default").id)


def every(cloud: Cloud) -> list[Project]:
    """Return all projects."""
    default(cloud)
    return list(cloud.state.all(Project).values())


def create(cloud: Cloud, name: str, purpose: str, description: str, environment: str) -> Project:
    """Make a project. Raises the 409 of a name that is taken (an assumption: no evidence for its words)."""
    if any(it.name == name for it in every(cloud)):
        raise conflict("name is already in use", "already_exists")
    now = cloud.now()
    project = Project(cloud.new_uuid(), name, description, stated(purpose), environment, False, now, now)
    return cloud.state.add(project)


def stated(purpose: str) -> str:
    """Return a purpose as it is kept."""
    return purpose if purpose in PURPOSES or purpose.startswith("Other: ") or not purpose else f"Other: {purpose}"


def make_default(cloud: Cloud, project: Project) -> None:
    """Make a project the default one. What was in the old default project stays there."""
    old = default(cloud)
    if old is project:
        return
    for member in members(cloud, old):
        _moved(cloud)[member.urn] = {"project": old.id, "at": member.assigned_at}
    _moved(cloud).update({urn: it for urn, it in _moved(cloud).items() if it["project"] != project.id})
    old.is_default, project.is_default = False, True


def delete(cloud: Cloud, project: Project) -> None:
    """Delete a project. Raises the 412 of one that has resources, or is the default one."""
    if project.is_default:
        raise precondition_failed("cannot delete the default project")
    if members(cloud, project):
        raise precondition_failed(NOT_EMPTY)
    cloud.state.remove(project)


def assign(cloud: Cloud, project: Project, urns: tuple[str, ...]) -> list[Member]:
    """Move resources into a project; one that is not there is told as ``not_found``."""
    known = _urns(cloud)
    now, told = cloud.now(), []
    for urn in urns:
        if urn not in known:
            told.append(Member(urn, now, "not_found"))
            continue
        same = _project_of(cloud, urn, known[urn]) == project.id
        if not same:
            _moved(cloud)[urn] = {"project": project.id, "at": now}
        told.append(Member(urn, now, "already_assigned" if same else "assigned"))
    return told


def members(cloud: Cloud, project: Project) -> list[Member]:
    """Return what is in a project."""
    moved = _moved(cloud)
    return [
        Member(urn, moved.get(urn, {}).get("at") or project.created_at)
        for urn, it in _urns(cloud).items()
        if _project_of(cloud, urn, it) == project.id
    ]


def _project_of(cloud: Cloud, urn: str, resource: Resource) -> str:
    """Return where a resource is: where it was moved, where it was made, or the default project."""
    moved = _moved(cloud).get(urn)
    there = moved["project"] if moved else getattr(resource, "project_id", None)
    return there if there in cloud.state.all(Project) else str(default(cloud).id)


def _moved(cloud: Cloud) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = cloud.state.notes.setdefault(_MOVED, {})
    return found


def _urns(cloud: Cloud) -> dict[str, Resource]:
    return {it.urn: it for cls in kinds().values() if cls.URN for it in cloud.state.all(cls).values()}


@events.listens("resource.deleted")
def _forgotten(cloud: Cloud, resource: Resource) -> None:
    if resource.URN:
        _moved(cloud).pop(resource.urn, None)


@events.shape(Project)
def _shape(cloud: Cloud, project: Project) -> dict[str, Any]:  # noqa: ARG001 - all shapes take the cloud
    shown = {
        "id": project.id,
        "owner_uuid": OWNER_UUID,
        "owner_id": OWNER,
        "name": project.name,
        "description": project.description,
        "purpose": project.purpose,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
        "is_default": project.is_default,
    }
    return shown | ({"environment": project.environment} if project.environment else {})
