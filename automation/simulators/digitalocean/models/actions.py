"""Actions: what takes time, with a record of its own that clients poll."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.model import Resource, kind

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud


@kind("actions")
@dataclass(slots=True)
class Action(Resource):
    """``resource_id`` is the number of a droplet or image, or the UUID of a volume (shown as null)."""

    id: int
    type: str
    resource_type: str
    resource_id: int | str
    region: str
    started_at: str
    status: str = "in-progress"
    completed_at: str | None = None


def begin(
    cloud: Cloud,
    type_: str,
    resource_type: str,
    resource_id: int | str,
    region: str,
    /,
    *,
    delay: float,
    step: str,
    **given: Any,
) -> Action:
    """Start an action: after ``delay`` seconds the step runs, with ``given``, and the action is completed.

    A step that raises StepFailed ends it ``errored``.
    """
    action = Action(cloud.new_id(), type_, resource_type, resource_id, region, cloud.now())
    cloud.state.add(action)
    cloud.later(delay, "action.end", action=action.id, step=step, given=given)
    return action


@events.step("action.end")
def _end(cloud: Cloud, action: int, step: str, given: dict[str, Any]) -> None:
    found = cloud.state.all(Action)[action]
    try:
        events.run_step(cloud, step, {"action": action, **given})
    except events.StepFailed:
        found.status = "errored"
    else:
        found.status = "completed"
    found.completed_at = cloud.now()


def of(cloud: Cloud, resource_type: str, resource_id: int | str) -> list[Action]:
    """Return the actions on a resource, newest first."""
    found = cloud.state.all(Action).values()
    return [it for it in reversed(found) if it.resource_type == resource_type and it.resource_id == resource_id]


@events.shape(Action)
def _shape(cloud: Cloud, action: Action) -> dict[str, Any]:
    region = cloud.catalogue.regions.get(action.region)
    return {
        "id": action.id,
        "status": action.status,
        "type": action.type,
        "started_at": action.started_at,
        "completed_at": action.completed_at,
        "resource_id": action.resource_id if isinstance(action.resource_id, int) else None,
        "resource_type": action.resource_type,
        "region": region.brief if region else None,
        "region_slug": action.region,
    }
