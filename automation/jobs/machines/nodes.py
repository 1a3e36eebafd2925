"""Nodes: the machines of an environment that kubeadm makes one cluster of, brought up, kept, upgraded, restored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from automation import report
from automation.clusters.base import write_private
from automation.droplets import etcd, kubeadm, upgrade
from automation.droplets.known import Known
from automation.droplets.kubeadm import Cluster, Gives
from automation.droplets.machine import Machine, replace_host_key, wait_for_ssh
from automation.errors import ConfigurationError, DogitopsError, Refused
from automation.jobs.infrastructure import described, state
from automation.jobs.machines.droplets import SSH_PATIENCE, Machines
from automation.objectstore import ObjectStore
from automation.secret import Secret
from automation.site import Site

PASSWORD = "etcd-snapshots"  # noqa: S105 - under which name the password is kept
_SERVER_NAME = "kubernetes"  # in the API's certificate, whatever the address is
_RENEW = "/usr/local/lib/dogitops/certificates now"


@dataclass(frozen=True)
class Nodes:
    """The machines of ``site``, as its OpenTofu root tells them (output ``droplets``)."""

    site: Site

    @property
    def known(self) -> Known:
        """How the machines are known: in a private folder that must outlive them."""
        return Machines(self.site).known

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """The outputs of the environment. Raises ConfigurationError where it has no machines for kubeadm."""
        told = self.site.tofu.outputs()
        roles = {one.get("role") for one in (told.get("droplets") or {}).values()}
        if "control-plane" not in roles:
            raise ConfigurationError(
                f"The environment {self.site.name} has no control planes (yet).",
                hint=f"'dogitops nodes up {self.site.name}' makes them, where its design has any.",
            )
        return told

    @cached_property
    def cluster(self) -> Cluster:
        """The machines as they are known, in the order of their names."""
        found = sorted(self.outputs["droplets"].items())
        known = self.known

        def of(role: str) -> tuple[Machine, ...]:
            return tuple(
                known.machine(name, str(one["id"]), one["address"]) for name, one in found if one["role"] == role
            )

        return Cluster(of("control-plane"), of("worker"))

    @cached_property
    def bucket(self) -> tuple[ObjectStore, str]:
        """The bucket of the snapshots, and the store with the key that opens it alone."""
        name, store = self.outputs.get("backup_bucket"), self.site.store
        key = self.site.tofu.sensitive_output("backup_key")
        if not key or not name:
            raise ConfigurationError(
                f"The environment {self.site.name} tells no bucket for snapshots of etcd.",
                hint="Its outputs backup_bucket and backup_key do, as those of the environment production.",
            )
        own = ObjectStore(store.endpoint, store.region, Secret(key["access_key"]), Secret(key["secret_key"]))
        return own, str(name)

    def gives(self) -> Gives:
        """Return what control planes ask for at their boot: the key of the bucket and the snapshots' password."""
        return {kubeadm.KEYS: self._keys}

    def _keys(self) -> Secret:
        store, _ = self.bucket
        return kubeadm.keys(store.access_key, store.secret_key, self.site.lasting(PASSWORD, 43))


def up(site: Site) -> Cluster:
    """Make the machines that are described, wait until all have joined one cluster, and write its kubeconfig.

    It may be run again: what is there stays. Raises BootFailed with the failing step of a machine and its log, Refused
    where something protected would be lost.
    """
    state.init(site)
    machines = Machines(site)
    public = machines.known.login().public
    if machines.settings().get("operator_keys") != {"dogitops": public}:
        machines.write({"operator_keys": {"dogitops": public}})
        report.note(f"the key to log in with lies in {machines.known.folder}; {machines.settings_file.name}: commit it")
    described.apply(site, machines.variables())
    nodes = Nodes(site)
    met = _meet(nodes)
    kubeadm.bring_up(met, nodes.gives())
    nodes.known.settled()
    nodes.known.forget([name for name in nodes.known.names() if name not in {one.name for one in met.machines}])
    kubeadm.wait_ready(met)
    path = Path(site.environment.cluster.kubeconfig or site.kubeconfig).expanduser()
    write_private(path, kubeconfig(met.first))
    report.note(f"its kubeconfig is {path}")
    return met


def _meet(nodes: Nodes) -> Cluster:
    """Return the cluster with every machine known by a host key that it made itself."""
    ids = {name: str(one["id"]) for name, one in nodes.outputs["droplets"].items()}

    def meet(machine: Machine) -> Machine:
        nodes.known.keep(machine, ids[machine.name])
        wait_for_ssh(machine, SSH_PATIENCE)
        if not machine.first_contact:
            return machine
        with report.phase(f"Giving {machine.name} a host key of its own"):
            return replace_host_key(machine, lambda now: nodes.known.keep(now, ids[now.name]))

    found = nodes.cluster
    return Cluster(tuple(map(meet, found.control_planes)), tuple(map(meet, found.workers)))


def kubeconfig(machine: Machine) -> str:
    """Return the kubeconfig of the cluster that a control plane is of, for use from here. Its keys have full rights.

    Raises Refused while the machine is known by the host key of its first boot alone.
    """
    machine.must_be_known()
    text = machine.ok("cat /etc/kubernetes/admin.conf")
    try:
        told = yaml.safe_load(text)
        for one in told["clusters"]:
            one["cluster"] |= {"server": f"https://{machine.address}:6443", "tls-server-name": _SERVER_NAME}
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise DogitopsError(f"admin.conf of {machine.name} is no kubeconfig: {error!r}") from error
    return yaml.safe_dump(told, sort_keys=False)


def upgrade_to(site: Site, version: str, *, again: bool = False) -> list[str]:
    """Take the cluster to another version of Kubernetes, one machine after another; return the changed ones.

    Raises Refused where it may not go there, with all reasons and nothing changed.
    """
    to = upgrade.Version.parse(version)
    return upgrade.run(Nodes(site).cluster, to, upgrade.Releases.read(site.workspace.root), again=again)


def renew(site: Site) -> list[str]:
    """Renew the certificates of all control planes now, one after another; return their names."""
    done = []
    for machine in Nodes(site).cluster.control_planes:
        with report.phase(f"{machine.name}: new certificates"):
            machine.ok(_RENEW, timeout=1200)
        done.append(machine.name)
    return done


def take_snapshot(site: Site) -> str:
    """Have the first control plane write a snapshot of etcd now; return its name."""
    first = Nodes(site).cluster.first
    with report.phase(f"A snapshot of etcd on {first.name}"):
        return etcd.take(first)


def snapshots(site: Site) -> list[etcd.Snapshot]:
    """Return the snapshots of etcd in the environment's bucket, the oldest first."""
    return etcd.listed(*Nodes(site).bucket)


def restore(site: Site, name: str, *, agreed: bool) -> tuple[str, list[str]]:
    """Rebuild the control plane from a snapshot (``latest``: the newest); return its name, and nodes that are gone.

    Raises Refused unless it was ``agreed`` to: what was written since is lost.
    """
    nodes = Nodes(site)
    chosen = etcd.known(etcd.listed(*nodes.bucket), name)
    if not agreed:
        raise Refused("Nothing was restored.", hint="Answer with the environment's name, or give --yes.")
    return chosen.name, etcd.restore(nodes.cluster, chosen.name, nodes.gives())
