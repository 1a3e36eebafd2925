"""A DigitalOcean that keeps state, for tests and for trying things without an account: real clients believe it.

In a test::

    with DigitalOceanSimulator(clock=VirtualClock(), delays=Delays(droplet=30)) as cloud:
        client = pydo.Client(token=cloud.token(), endpoint=cloud.url, authentication_policy=…)   # see tests
        droplet = client.droplets.create({…})["droplet"]                # "new"
        cloud.advance(30)                                               # "active"; without delays: at the next request
        cloud.faults.add(Fault("5xx-after", "POST", "/v2/volumes"))
        cloud.faults.trouble("volume.detach", name="data-*")
        …
        cloud.requests                                                  # what was asked, and how it was answered
        assert cloud.unknown() == []                                    # no request that no route knows

``cloud.token(["droplet:read"])`` has scopes, ``Limits(droplets=10_000, hour=None, minute=None)`` sets limits (by
default those of a new account), ``Delays.scaled(0.1)`` is life in a tenth of its time, the same ``seed`` gives the same
ids. ``save`` and ``load`` keep the state in a file. A request that no route knows is answered 501 and remembered.
Tests may read and change ``cloud.state`` while they hold ``cloud.lock``.

To add a resource ``things``, write two files; nothing else is changed:

``models/things.py``, what it is and what happens to it, without HTTP::

    @kind("things", urn="thing", tag="thing")         # urn: projects hold it; tag: resource_type of the tags API
    @dataclass(slots=True)
    class Thing(Resource):                            # fields: tuples for lists, so that every change is an assignment
        id: str
        name: str
        tags: tuple[str, ...] = ()

    @events.shape(Thing)
    def _shape(cloud, thing): return {…}              # its JSON; kept until a field of the thing is assigned

    @events.step("thing.ready")                       # cloud.later(seconds, "thing.ready", thing=thing.id)
    def _ready(cloud, thing): …                       # arguments are JSON values; what they name may be gone

    @events.listens("droplet.deleted")                # what others events.tell(cloud, topic, …): "droplet.active",
    def _gone(cloud, droplet): …                      # "droplet.deleted", "resource.deleted" (resource=…)

``routes/things.py``, parsing and answers; every module in ``routes`` is imported by itself::

    @route("GET", "/v2/things", "thing:read")         # scopes that a token needs
    def _list(cloud, call): return page(cloud, call, "things", cloud.state.all(Thing).values())

    @route("POST", "/v2/things", "thing:create")
    def _create(cloud, call):
        thing = Thing(cloud.new_uuid(), call.fields.needed("name"))
        return Answer({"thing": cloud.state.add(thing)}, 202)

Refusals are raised: ``not_found()``, ``unprocessable("…")``, ``conflict("…")``; see answers. Whatever is deleted calls
``events.tell(cloud, "resource.deleted", resource=it)``. What takes time and has an action: ``models.actions.begin``,
whose step gets ``action`` too and raises StepFailed to end it ``errored``. Questions between resources:
``events.answers("vpc.of_droplet")`` and ``events.ask``. Troubles by name:
``cloud.faults.troubled("thing.ready", name)``, with a line in faults.TROUBLES. Handlers run one at a time and hold
``cloud.lock``; what takes seconds (a real cluster, see makers) goes to a thread of its own that takes the lock when it
is done. Buckets are in the package ``spaces``.
"""

from __future__ import annotations

from automation.simulators.digitalocean.clock import RealClock, VirtualClock
from automation.simulators.digitalocean.faults import Fault
from automation.simulators.digitalocean.model import Delays, Limits
from automation.simulators.digitalocean.simulator import DigitalOceanSimulator

__all__ = ["Delays", "DigitalOceanSimulator", "Fault", "Limits", "RealClock", "VirtualClock"]
