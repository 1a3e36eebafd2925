"""A cluster on droplets that OpenTofu makes, behind the same interface as clusters on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automation import report, wait
from automation.clusters.base import ClusterSpec, refuse_foreign, write_private
from automation.digitalocean import deletion, inventory
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.inventory import Item
from automation.droplets import k3s
from automation.environment import OWNED_PREFIX
from automation.errors import DogitopsError, Refused
from automation.jobs.infrastructure import described, state
from automation.jobs.machines.droplets import Machines
from automation.kube import Kube
from automation.site import Site

_KINDS = ("droplet", "volume")
_API_PATIENCE = 120.0  # seconds
_LOGS = (
    "cat /var/lib/dogitops/status.json; tail -n 200 /var/lib/dogitops/steps/*/log; "
    "journalctl --no-pager -n 300 -u 'dogitops*'"
)


@dataclass(frozen=True)
class DropletProvider:
    """The machines of ``site``, and the cluster on them."""

    site: Site
    kind: str = "droplet"

    def create(self, spec: ClusterSpec, kubeconfig: Path) -> None:
        """Make the state, the machines and the cluster on them; what is there already is left as it is.

        Raises BootFailed with the step that failed and its log where a machine does not come up.
        """
        refuse_foreign(spec.name)
        state.init(self.site)
        machines = Machines(self.site)
        with report.phase("Finding out what the plan needs to know"):
            machines.find_out()
        described.apply(self.site, machines.variables())
        machines.bring_up()
        self.write_kubeconfig(spec.name, kubeconfig)
        kube = Kube(kubeconfig)
        with report.phase("Waiting for the cluster's API"):
            wait.until(
                kube.ready,
                f"the API of {spec.name}",
                timeout=_API_PATIENCE,
                hint="The machine answers over SSH: does its firewall let this network reach port 6443?",
            )

    def delete(self, name: str) -> bool:
        """Remove the machines and the volume with their data, whatever the description protects; buckets stay.

        Raises Refused for a name without our prefix.
        """
        refuse_foreign(name)
        cloud = DigitalOcean.from_environment()
        found = [item for kind in _KINDS for item in inventory.look_for(cloud, kind) if self._ours(name, item)]
        problems = deletion.delete(cloud, lambda item: self._ours(name, item), found)
        if problems:
            told = "; ".join(f"{one.item.kind} {one.item.name}: {one.why}" for one in problems)
            raise DogitopsError(f"Not all of {name} could be removed: {told}", hint="Run it again.")
        Machines(self.site).known.forget()
        return any(item.kind == "droplet" for item in found)

    def exists(self, name: str) -> bool:
        """Whether there is any machine of the cluster."""
        cloud = DigitalOcean.from_environment()
        return any(self._ours(name, item) for item in inventory.look_for(cloud, "droplet"))

    def write_kubeconfig(self, name: str, path: Path) -> None:  # noqa: ARG002 - one site, one cluster
        """Fetch the cluster's kubeconfig over SSH and write it to ``path`` (mode 0600)."""
        with report.phase("Fetching the kubeconfig over SSH"):
            write_private(path, k3s.kubeconfig(Machines(self.site).first()))

    def load_images(self, name: str, references: Sequence[str]) -> None:
        """Refuse: its nodes pull."""
        raise Refused(
            f"Images can't be put into {name}: its nodes are at DigitalOcean ({len(references)} asked for).",
            hint="Push them to a registry that the cluster can reach.",
        )

    def nodes(self, name: str) -> list[str]:
        """Return the names of the machines."""
        cloud = DigitalOcean.from_environment()
        return sorted(item.name for item in inventory.look_for(cloud, "droplet") if self._ours(name, item))

    def dump(self, name: str, folder: Path) -> None:  # noqa: ARG002 - one site, one cluster
        """Write each machine's logs into ``folder``; best effort, since things are failing already."""
        machines = Machines(self.site)
        folder.mkdir(parents=True, exist_ok=True)
        for droplet in machines.droplets():
            try:
                told = machines.machine(droplet).run(_LOGS).text
            except DogitopsError as error:
                told = error.message
            write_private(folder / f"{droplet.name}.log", told)

    @staticmethod
    def _ours(name: str, item: Item) -> bool:
        """Whether something carries the tag of the cluster's machines, as the module single-node gives it."""
        tag = f"dogitops:machines:{name.removeprefix(OWNED_PREFIX)}"
        return item.kind in _KINDS and tag in {each.lower() for each in item.tags}
