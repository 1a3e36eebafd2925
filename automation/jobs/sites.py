"""Sites: an environment opened, with the cluster provider that it has."""

from __future__ import annotations

from automation.clusters.base import ClusterProvider
from automation.site import Site, providers
from automation.workspace import Workspace


def open_site(name: str, *, provider: str | None = None, workspace: Workspace | None = None) -> Site:
    """Return the environment ``name`` with everything around it; ``provider`` overrides what environment.yaml says.

    Raises ConfigurationError for an environment or a provider that there is not.
    """
    return Site(name, _provider, provider=provider, workspace=workspace)


def _provider(site: Site) -> ClusterProvider:
    if site.provider_kind == "droplet":
        from automation.jobs.machines.droplet_cluster import DropletProvider  # noqa: PLC0415 - slow to import

        return DropletProvider(site)
    return providers.provider(site.environment, site.provider_kind)
