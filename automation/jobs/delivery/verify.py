"""Verify: hold a cluster against what Git and environment.yaml say of it, check by check."""

from __future__ import annotations

from contextlib import suppress

from automation import report, wait
from automation.errors import ConfigurationError, DeadlineExceeded
from automation.expectations import Tried
from automation.gitops.manifests import contents, render
from automation.kube import Kube, Manifest
from automation.site import Site
from automation.toolchain import install
from automation.verification import deployment, infrastructure, smoke
from automation.verification.deployment import Described, address_of
from automation.verification.entrance import ByAddress, ByApi, Entrance
from automation.verification.seen import Seen

_APPLICATIONS = "apps"
_NOT_IN_A_NAMESPACE = ("Namespace", "CustomResourceDefinition")


def verify(site: Site, *, patience: float = 0.0) -> list[Seen]:
    """Return what each check saw; for ``patience`` seconds they are looked at again until all are well.

    Raises ConfigurationError where the environment has no cluster.
    """
    seen: list[Seen] = []

    def well() -> bool:
        seen[:] = _looked_at(site)
        return all(one.good for one in seen)

    with suppress(DeadlineExceeded):  # what was seen last tells more
        wait.until(
            well,
            f"all checks of {site.name}",
            timeout=patience,
            interval=5,
            progress=report.doing,
            state=lambda: "not well: " + ", ".join(one.check for one in seen if not one.good),
        )
    return seen


def _looked_at(site: Site) -> list[Seen]:
    kube = site.kube
    wanted = site.environment.checks
    seen = list(infrastructure.checks(kube, wanted))
    if not seen[0].good:
        return seen
    seen += deployment.checks(kube, described(site), wanted.load_balancer)
    if wanted.application:
        try:
            way = entrance(site, kube, wanted.application)
        except ConfigurationError as error:
            return [*seen, Seen(smoke.GROUP, "a way to the application", good=False, told=error.message)]
        seen += smoke.checks(kube, way, wanted.application)
    return seen


def described(site: Site) -> Described:
    """Return what Git describes for the environment's cluster; of charts, their namespaces."""
    kustomize, root = install.path("kustomize"), site.workspace.root
    entries = contents(kustomize, root, site.environment.gitops.path)
    manifests: list[Manifest] = []
    for entry in entries:
        if entry.chart is None:
            manifests += [_placed(one, entry.namespace) for one in render(kustomize, root / entry.path)]
    made = [one["metadata"]["name"] for one in manifests if one["kind"] == "Namespace"]
    namespaces = sorted({entry.namespace for entry in entries} | set(made))
    applications = sorted({entry.namespace for entry in entries if entry.zone == _APPLICATIONS})
    return Described(tuple(namespaces), tuple(manifests), tuple(applications))


def entrance(site: Site, kube: Kube, wanted: Tried) -> Entrance:
    """Return the way to an application: by its load balancer's address, else through the cluster's API.

    Raises ConfigurationError where its Ingress is missing.
    """
    namespace, name = wanted.ingress.split("/")
    ingress = kube.get("networking.k8s.io/v1", "Ingress", name, namespace)
    if ingress is None:
        raise ConfigurationError(
            f"There is no Ingress {wanted.ingress} in {site.cluster}.",
            hint=f"Bootstrap the environment ('dogitops bootstrap {site.name}'), or correct checks.application in its "
            "environment.yaml.",
        )
    balancer = site.environment.checks.load_balancer
    address = address_of(kube, *balancer.split("/")) if balancer else None
    if address is None:
        return ByApi(kube, ingress)
    hosts = [rule["host"] for rule in ingress["spec"].get("rules") or () if rule.get("host")]
    return ByAddress(address, hosts[0] if hosts else None, tls=bool(ingress["spec"].get("tls")))


def _placed(manifest: Manifest, namespace: str) -> Manifest:
    """Return a manifest with the namespace that its Application gives it where it names none."""
    metadata = manifest["metadata"]
    if manifest["kind"] in _NOT_IN_A_NAMESPACE or metadata.get("namespace"):
        return manifest
    return {**manifest, "metadata": {**metadata, "namespace": namespace}}
