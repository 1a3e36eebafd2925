"""Which cluster provider an environment has, made ready with its tools."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from automation.clusters.base import ClusterProvider
from automation.clusters.existing import ExistingProvider
from automation.clusters.k3d import K3dProvider
from automation.clusters.kind import KindProvider
from automation.environment import Environment
from automation.errors import ConfigurationError, did_you_mean
from automation.toolchain import engine, images, install

PROVIDERS = ("auto", "kind", "k3d", "existing", "doks", "droplet")
ELSEWHERE = frozenset({"doks", "droplet"})  # at DigitalOcean: they reach nothing on this machine
K3S_IMAGE = "docker.io/rancher/k3s:v1.34.4-k3s1"


def check(asked: str | None) -> None:
    """Raise ConfigurationError for the name of a provider that there is not."""
    if asked and asked not in PROVIDERS:
        raise ConfigurationError(
            f"There is no provider {asked!r}.{did_you_mean(asked, PROVIDERS)}",
            hint=f"Providers: {', '.join(PROVIDERS)}.",
        )


def kind_of(environment: Environment, asked: str | None, made_by: str | None) -> str:
    """Return the provider's name: as asked for, else the one that made the cluster, else as configured.

    Raises ConfigurationError where another one is asked for than made the cluster.
    """
    wanted = asked if asked not in {None, "auto"} else None
    if wanted and made_by and wanted != made_by:
        raise ConfigurationError(
            f"The cluster {environment.cluster.name} was made by {made_by}, not by {wanted}.",
            hint=f"Leave --provider out, or destroy the environment first ('dogitops destroy {environment.name}').",
        )
    kind = wanted or made_by or environment.cluster.provider
    if kind == "auto":
        return "k3d" if images.upstream_reachable() else "kind"
    return kind


def provider(environment: Environment, kind: str) -> ClusterProvider:
    """Return the provider of this ``kind`` for an environment. Raises ConfigurationError where it lacks something."""
    if kind == "existing":
        return ExistingProvider(Path(environment.cluster.kubeconfig or "").expanduser())
    if kind == "doks":
        return _doks(environment)
    engine.ensure_docker()
    if kind == "k3d":
        return K3dProvider(install.path("k3d"), K3S_IMAGE)
    image = images.node_image()
    return KindProvider(install.path("kind"), image, engine.image_label(image, "dogitops.cni"))


def _doks(environment: Environment) -> ClusterProvider:
    told = environment.cluster
    if told.region is None or told.size is None:
        raise ConfigurationError(
            f"The environment {environment.name} does not say where at DigitalOcean its cluster is, nor how large.",
            hint="Only an environment whose environment.yaml has 'provider: doks' can be made there; "
            f"that of {environment.name} has {told.provider!r}.",
        )
    from automation.digitalocean.client import DigitalOcean  # noqa: PLC0415 - slow to import
    from automation.digitalocean.doks import DoksProvider  # noqa: PLC0415

    until = datetime.now(UTC) + timedelta(hours=told.time_to_live) if told.time_to_live else None
    cloud = DigitalOcean.from_environment()
    return DoksProvider(cloud, told.region, told.size, told.version, environment=environment.name, until=until)
