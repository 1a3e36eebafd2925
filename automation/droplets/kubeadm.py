"""A cluster of machines that kubeadm sets up: brought up one machine after another, and asked over SSH."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from automation import report, wait
from automation.droplets import boot, joining
from automation.droplets.machine import Machine, Unreachable
from automation.errors import DogitopsError
from automation.secret import Secret

BOOT_PATIENCE = 1500.0  # seconds; downloads and packages take most of it
KEYS = "objectstore.env"  # what a control plane asks for when it has a bucket for snapshots
_ADMIN = "/etc/kubernetes/admin.conf"
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"

Gives = Mapping[str, Callable[[], Secret]]


@dataclass(frozen=True)
class Cluster:
    """The machines; the first control plane is the one that begins the cluster."""

    control_planes: tuple[Machine, ...]
    workers: tuple[Machine, ...] = ()

    @property
    def first(self) -> Machine:
        """The control plane that begins the cluster."""
        return self.control_planes[0]

    @property
    def machines(self) -> tuple[Machine, ...]:
        """All machines, control planes first."""
        return (*self.control_planes, *self.workers)

    def kubectl(self, *arguments: str, timeout: float = 60.0) -> str:
        """Run kubectl with full rights on the first control plane that answers; return what it printed.

        Raises DogitopsError where kubectl fails, Unreachable where no control plane answers.
        """
        command = shlex.join(["kubectl", "--kubeconfig", _ADMIN, *arguments])
        for machine in self.control_planes:
            try:
                return machine.ok(command, timeout=timeout)
            except Unreachable as error:
                last = error
        raise last

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the items of what ``kubectl get`` lists."""
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", *arguments, "-o", "json"))["items"]
        return items

    def ready(self, *names: str, kubelet: str = "") -> bool:
        """Whether the nodes of these names (none: of all our machines) are Ready, with this version of the kubelet."""
        found = {node["metadata"]["name"]: node["status"] for node in self.objects("nodes")}
        wanted = names or tuple(machine.name for machine in self.machines)
        return all(name in found and _ready(found[name], kubelet) for name in wanted)


def _ready(status: dict[str, Any], kubelet: str) -> bool:
    conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
    return conditions.get("Ready") == "True" and (not kubelet or status["nodeInfo"]["kubeletVersion"] == kubelet)


def keys(access_key: Secret, secret_key: Secret, password: Secret) -> Secret:
    """Return what ``objectstore.env`` holds: the key of the bucket, and the password that seals snapshots."""
    words = {"ACCESS_KEY_ID": access_key, "SECRET_ACCESS_KEY": secret_key, "SNAPSHOT_PASSWORD": password}
    return Secret("".join(f"{name}={shlex.quote(value.reveal())}\n" for name, value in words.items()))


def bring_up(cluster: Cluster, gives: Gives, *, timeout: float = BOOT_PATIENCE, interval: float = 2.0) -> None:
    """Wait until every machine has booted, giving each what it asks for: the first begins a cluster, the others join.

    A first one that finds a cluster behind the endpoint joins that, as one does that replaces another. The control
    planes join one after another, because etcd takes one new member at a time; workers beside them. What has joined is
    left alone, so this may be run again. Raises BootFailed with the failing step and its log; see
    :func:`automation.droplets.boot.wait_for_boot` for the others.
    """

    def token(machine: Machine) -> Secret:
        """Make one where the API answers, once what an earlier machine of this name left is out of the way."""
        others = Cluster(tuple(one for one in cluster.control_planes if one is not machine))
        host = next((one for one in others.control_planes if _is_in(one)), None)
        if host is None:
            raise DogitopsError(
                f"{machine.name} is to join a cluster, and no other control plane of it answers.",
                hint="Where the whole control plane is lost: 'dogitops etcd restore'.",
            )
        Cluster((host,)).kubectl("delete", "node", machine.name, "--ignore-not-found")
        more = machine in cluster.control_planes
        if more:
            joining.forget_member(host, machine.name)
        return joining.kubeadm(host, control_plane=more)

    def join(machine: Machine) -> None:
        tokens = {"join.env": lambda: token(machine)}
        boot.wait_for_boot(machine, timeout=timeout, gives={**gives, **tokens}, interval=interval)

    join(cluster.first)  # it begins the cluster, where there is none yet

    def join_beside(machine: Machine) -> None:
        with report.scope(machine.name):
            join(machine)

    with ThreadPoolExecutor(max_workers=8) as pool:
        workers = [pool.submit(join_beside, machine) for machine in cluster.workers]
        try:
            for machine in cluster.control_planes[1:]:
                join(machine)
        finally:
            for each in workers:
                each.cancel()
        for each in workers:
            each.result()


def _is_in(machine: Machine) -> bool:
    """Whether a control plane is one of a cluster that answers."""
    try:
        return machine.run(f"test -f /var/lib/dogitops/joined && kubectl --kubeconfig {_ADMIN} version").code == 0
    except DogitopsError:  # it is gone, or not yet known
        return False


def forget_control_planes(cluster: Cluster, *, but: Machine) -> list[str]:
    """Remove the nodes of all control planes but one, as a restored datastore remembers them; return their names."""
    gone = [
        node["metadata"]["name"]
        for node in cluster.objects("nodes", "-l", _CONTROL_PLANE)
        if node["metadata"]["name"] != but.name
    ]
    if gone:
        cluster.kubectl("delete", "node", *gone)
    return gone


def wait_ready(cluster: Cluster, *names: str, kubelet: str = "", timeout: float = 600.0) -> None:
    """Wait until these nodes (none: all) are Ready. Raises DeadlineExceeded, saying how they are."""
    said = [""]

    def told() -> str:
        return said[0].strip()

    def answered() -> bool:
        try:
            said[0] = cluster.kubectl("get", "nodes", "--no-headers")
            return cluster.ready(*names, kubelet=kubelet)
        except DogitopsError as error:  # an API server that starts again
            said[0] = error.message
            return False

    wait.until(
        answered,
        f"{', '.join(names) or 'all nodes'} to be Ready{f' with {kubelet}' if kubelet else ''}",
        timeout=timeout,
        state=told,
        hint="'journalctl -u kubelet' on the machine says why it is not.",
    )
