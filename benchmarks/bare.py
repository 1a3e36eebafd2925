"""The same work by hand: kind, kubectl and velero alone, as a careful person would use them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation import process, wait
from automation.clusters.kind import KindProvider, _conflist
from automation.errors import DogitopsError
from automation.gitops import endpoints, manifests, secrets
from automation.secret import Secret
from automation.site import Site
from automation.toolchain import images, install

NAME = "dogitops-bench-bare"
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_FIRST = frozenset({"Namespace", "CustomResourceDefinition"})


@dataclass(frozen=True)
class Prepared:
    """Manifests on disk, as kubectl takes them, and the workloads to wait for (``namespace``, ``kind/name``)."""

    first: Path
    rest: Path
    workloads: tuple[tuple[str, str], ...]


class Bare:
    """A cluster called ``dogitops-bench-bare``; ``folder`` is for its kubeconfig and manifests (they hold secrets)."""

    def __init__(self, site: Site, folder: Path) -> None:
        provider = site.provider
        if not isinstance(provider, KindProvider):
            raise DogitopsError("The benchmarks compare with bare kind.", hint="Set DOGITOPS_PROVIDER=kind.")
        self.site = site
        self.provider = provider
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self._kind, self._kubectl, self._velero = (install.path(name) for name in ("kind", "kubectl", "velero"))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def create(self) -> None:
        """Make a cluster of one node with the same image, mirrors and network, and wait until it is Ready."""
        certs = self.folder / "certs.d"
        for file, text in (images.containerd_hosts(self.site.mirror) if self.site.mirror else {}).items():
            (certs / file).parent.mkdir(parents=True, exist_ok=True)
            (certs / file).write_text(text)
        mounts = [{"hostPath": str(certs), "containerPath": "/etc/containerd/certs.d", "readOnly": True}]
        configuration = {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "networking": {"disableDefaultCNI": self.provider.cni is not None},
            "nodes": [{"role": "control-plane", "extraMounts": mounts if certs.exists() else []}],
        }
        process.run(
            [
                *(self._kind, "create", "cluster", "--name", NAME, "--image", self.provider.image),
                *("--kubeconfig", self.kubeconfig, "--config", "-"),
            ],
            stdin=json.dumps(configuration),
            env={"KIND_EXPERIMENTAL_DOCKER_NETWORK": NAME},
        )
        if self.provider.cni:
            self.kubectl("wait", "--for=jsonpath={.spec.podCIDR}", "node", "--all", "--timeout=60s")
            cidr = self.kubectl("get", "nodes", "-o", "jsonpath={.items[0].spec.podCIDR}").strip()
            process.run(
                ["docker", "exec", "-i", f"{NAME}-control-plane", "tee", "/etc/cni/net.d/10-bench.conflist"],
                stdin=json.dumps(_conflist(cidr)),
            )
        self.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=180s")

    def delete(self) -> None:
        """Remove the cluster and its network."""
        self.provider.delete(NAME)
        self.kubeconfig.unlink(missing_ok=True)

    def prepare(self, zones: Sequence[str]) -> Prepared:
        """Render the folders of ``zones``; write them for kubectl, with the Secrets and endpoints that they need."""
        kustomize, root, told = install.path("kustomize"), self.site.workspace.root, self.site.environment
        found = [
            one
            for entry in manifests.contents(kustomize, root, told.gitops.path)
            if entry.listed in zones and entry.rendered_here
            for one in manifests.render(kustomize, root / entry.path)
        ]
        specs = [spec for spec in self.site.secrets() if "apps" in zones or spec.namespace != "ledger"]
        found += endpoints.endpoints(self.site.address, told.gitops.port, told.objectstore.port)
        found += [secrets.manifest(spec) for spec in specs]
        redis = secrets.SecretSpec("argocd", "argocd-redis", {"auth": Secret.generate(24)})
        found.append(secrets.manifest(redis))
        first = [one for one in found if one["kind"] in _FIRST]
        rest = [one for one in found if one["kind"] not in _FIRST]
        return Prepared(
            self._written("first.json", first),
            self._written("rest.json", rest),
            tuple(
                (one["metadata"]["namespace"], f"{one['kind'].lower()}/{one['metadata']['name']}")
                for one in rest
                if one["kind"] in _WORKLOADS
            ),
        )

    def install(self, prepared: Prepared) -> None:
        """Apply what was prepared, and wait until every workload of it is rolled out."""
        self.kubectl("apply", "--server-side", "-f", str(prepared.first))
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        self.kubectl("apply", "--server-side", "-f", str(prepared.rest))
        for namespace, workload in prepared.workloads:
            self.kubectl("-n", namespace, "rollout", "status", workload, "--timeout=300s")

    def find_backup(self, backup: str) -> None:
        """Wait until Velero has found the backup, with its volumes, in the bucket."""
        self.kubectl(
            *("-n", "velero", "wait", "--for=jsonpath={.status.phase}=Available"),
            *("backupstoragelocation/default", "--timeout=300s"),
        )
        label = f"velero.io/backup-name={backup}"
        wait.until(
            lambda: self.kubectl("-n", "velero", "get", "podvolumebackups", "-l", label, "-o", "name").strip(),
            f"Velero to find {backup}",
            timeout=300,
            interval=0.5,
        )

    def restore(self, backup: str, namespaces: Sequence[str]) -> None:
        """Restore with Velero's own command, and wait until the workloads run. Raises DogitopsError if it failed."""
        process.run(
            [
                *(self._velero, "--kubeconfig", self.kubeconfig, "--namespace", "velero"),
                *("restore", "create", "bench", "--from-backup", backup, "--wait"),
                *("--include-namespaces", ",".join(namespaces)),
            ],
            timeout=1800,
        )
        phase = self.kubectl("-n", "velero", "get", "restore", "bench", "-o", "jsonpath={.status.phase}")
        if phase != "Completed":
            raise DogitopsError(f"The bare restore of {backup} ended as {phase}.")
        for namespace in namespaces:
            listed = self.kubectl("-n", namespace, "get", "deployments,statefulsets", "-o", "name")
            for workload in listed.split():
                self.kubectl("-n", namespace, "rollout", "status", workload, "--timeout=300s")

    def clear(self) -> None:
        """Remove the cluster and all files."""
        self.delete()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl against this cluster and return what it printed."""
        return process.run([self._kubectl, "--kubeconfig", self.kubeconfig, *arguments], timeout=1000).stdout

    def _written(self, name: str, items: list[dict[str, Any]]) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        return path
