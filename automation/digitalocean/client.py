"""DigitalOcean as the jobs use it: every call through pydo, checked, paged and typed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pydo
import yaml
from azure.core.rest import HttpRequest

from automation.digitalocean import answers, problems, sending
from automation.digitalocean.kubernetes import Associated, Cluster, KubernetesOptions
from automation.digitalocean.problems import AnswerUnreadable, CloudError, NotFound
from automation.digitalocean.resources import (
    Account,
    Database,
    Droplet,
    LoadBalancer,
    Named,
    Project,
    Record,
    Registry,
    ReservedIP,
    Size,
    Snapshot,
    SpacesKey,
    Tag,
    Volume,
    Vpc,
)
from automation.digitalocean.transport import (
    PUBLIC_API,
    Checked,
    NoPolicy,
    Patience,
    checked_endpoint,
    transport_to,
)
from automation.errors import ConfigurationError
from automation.secret import Secret

T = TypeVar("T")

_CREDENTIALS = ("token", "password", "client-key-data", "client-certificate-data")
_PAGE = 200  # the most that a page holds
_TOKEN_VARIABLES = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")  # as OpenTofu's provider reads them


@dataclass(frozen=True)
class DigitalOcean:
    """One account at one API. Every method raises :class:`automation.digitalocean.problems.CloudError` alone."""

    token: Secret
    endpoint: str = PUBLIC_API
    patience: Patience = field(default_factory=Patience)
    _pydo: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        endpoint = checked_endpoint(self.endpoint)
        if not self.token.reveal().strip():
            raise ConfigurationError("The token for DigitalOcean is empty.", hint=_TOKEN_HINT)
        if not self.token.reveal().isascii() or not self.token.reveal().isprintable():
            raise ConfigurationError("The token for DigitalOcean holds what no token holds.", hint=_TOKEN_HINT)
        object.__setattr__(self, "endpoint", endpoint)
        made = pydo.Client(
            "signed-by-us",  # the token itself stays in our own step
            endpoint=endpoint,
            retry_policy=Checked(endpoint, self.token, self.patience),
            authentication_policy=NoPolicy(),
            redirect_policy=NoPolicy(),
            transport=transport_to(endpoint, self.patience),
        )
        object.__setattr__(self, "_pydo", made)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] = os.environ, *, patience: Patience | None = None
    ) -> DigitalOcean:
        """Return the account that DIGITALOCEAN_TOKEN and DIGITALOCEAN_API_URL describe. Raises ConfigurationError.

        Without ``patience`` it has that of DOGITOPS_PATIENCE.
        """
        token = next((environ[name].strip() for name in _TOKEN_VARIABLES if environ.get(name, "").strip()), "")
        if not token:
            raise ConfigurationError(
                "There is no token for DigitalOcean: DIGITALOCEAN_TOKEN is not set.", hint=_TOKEN_HINT
            )
        patience = patience or Patience.from_environment(environ)
        return cls(Secret(token), environ.get("DIGITALOCEAN_API_URL") or PUBLIC_API, patience)

    # -- what is there ------------------------------------------------------------------------------------------

    def account(self) -> Account:
        """Return the account."""
        return answers.one(self._pydo.account.get(), "account", Account.of)

    def kubernetes_options(self) -> KubernetesOptions:
        """Return what a Kubernetes cluster may be made of, newest version first."""
        return answers.one(self._pydo.kubernetes.list_options(), "options", KubernetesOptions.of)

    def clusters(self) -> list[Cluster]:
        """Return all Kubernetes clusters."""
        return self._all(self._pydo.kubernetes.list_clusters, "kubernetes_clusters", Cluster.of)

    def cluster(self, identity: str) -> Cluster:
        """Return one Kubernetes cluster."""
        return answers.one(self._pydo.kubernetes.get_cluster(identity), "kubernetes_cluster", Cluster.of)

    def associated(self, identity: str) -> Associated:
        """Return what a cluster's controllers made outside of it."""
        return answers.read(self._pydo.kubernetes.list_associated_resources(identity), Associated.of)

    def kubeconfig(self, identity: str) -> str:
        """Return a cluster's kubeconfig; its credentials are masked from now on wherever text leaves us.

        pydo's own operation can't read it, so the request is sent as it is.
        """
        path = f"/v2/kubernetes/clusters/{identity}/kubeconfig"
        request = HttpRequest("GET", path, headers={"Accept": "application/yaml"})
        text = self._pydo.send_request(request, stream=True).text()
        try:
            users = [one["user"] for one in yaml.safe_load(text)["users"]]
            for value in (user[key] for user in users for key in _CREDENTIALS if key in user):
                Secret(str(value))
        except (yaml.YAMLError, KeyError, TypeError, RecursionError) as error:
            raise problems.unreadable("GET", path, "it is no kubeconfig") from error
        return str(text)

    def droplets(self) -> list[Droplet]:
        """Return all droplets."""
        return self._all(self._pydo.droplets.list, "droplets", Droplet.of)

    def sizes(self) -> list[Size]:
        """Return all sizes of droplets."""
        return self._all(self._pydo.sizes.list, "sizes", Size.of)

    def volumes(self) -> list[Volume]:
        """Return all volumes."""
        return self._all(self._pydo.volumes.list, "volumes", Volume.of)

    def snapshots(self) -> list[Snapshot]:
        """Return all snapshots, of droplets and of volumes."""
        return self._all(self._pydo.snapshots.list, "snapshots", Snapshot.of)

    def load_balancers(self) -> list[LoadBalancer]:
        """Return all load balancers."""
        return self._all(self._pydo.load_balancers.list, "load_balancers", LoadBalancer.of)

    def firewalls(self) -> list[Named]:
        """Return all firewalls."""
        return self._all(self._pydo.firewalls.list, "firewalls", Named.of)

    def reserved_ips(self) -> list[ReservedIP]:
        """Return all reserved IPs."""
        return self._all(self._pydo.reserved_ips.list, "reserved_ips", ReservedIP.of)

    def domains(self) -> list[str]:
        """Return the names of all domains."""
        return self._all(self._pydo.domains.list, "domains", lambda raw: str(raw["name"]))

    def records(self, domain: str) -> list[Record]:
        """Return the records of a domain."""
        return self._all(
            lambda **page: self._pydo.domains.list_records(domain, **page),
            "domain_records",
            lambda raw: Record.of(raw, domain),
        )

    def ssh_keys(self) -> list[Named]:
        """Return all SSH keys."""
        return self._all(self._pydo.ssh_keys.list, "ssh_keys", Named.of)

    def vpcs(self) -> list[Vpc]:
        """Return all private networks."""
        return self._all(self._pydo.vpcs.list, "vpcs", Vpc.of)

    def projects(self) -> list[Project]:
        """Return all projects."""
        return self._all(self._pydo.projects.list, "projects", Project.of)

    def project_resources(self, identity: str) -> list[str]:
        """Return the URNs of what lies in a project, such as ``do:droplet:1234``."""
        return self._all(
            lambda **page: self._pydo.projects.list_resources(identity, **page),
            "resources",
            lambda raw: str(raw["urn"]),
        )

    def registries(self) -> list[Registry]:
        """Return all container registries."""
        try:
            answer = self._pydo.registries.list()
        except NotFound:
            return []
        return answers.many(answer, "registries", Registry.of)

    def registry_tier(self) -> str:
        """Return the tier of the subscription that all registries share, empty where there is none."""
        try:
            answer = self._pydo.registries.get_subscription()
        except NotFound:
            return ""
        return answers.one(answer, "subscription", lambda raw: str(raw["tier"]["slug"]))

    def databases(self) -> list[Database]:
        """Return all clusters of managed databases; this listing has no pages."""
        return answers.many(self._pydo.databases.list_clusters(), "databases", Database.of)

    def spaces_keys(self) -> list[SpacesKey]:
        """Return all keys to Spaces."""
        return self._all(self._pydo.spaces_key.list, "keys", SpacesKey.of)

    def tags(self) -> list[Tag]:
        """Return all tags."""
        return self._all(self._pydo.tags.list, "tags", Tag.of)

    # -- what is changed ----------------------------------------------------------------------------------------

    def create_cluster(self, body: Mapping[str, Any], look: Callable[[], Cluster | None]) -> Cluster:
        """Make a Kubernetes cluster, or return the one that ``look`` finds: see :func:`sending.made`."""
        return sending.made(
            self.patience,
            look,
            lambda: answers.one(self._pydo.kubernetes.create_cluster(dict(body)), "kubernetes_cluster", Cluster.of),
            f"the cluster {body.get('name')}",
        )

    def tag(self, name: str, kind: str, identities: list[str]) -> None:
        """Put the tag ``name`` on resources of a ``kind`` (droplet, volume, volume_snapshot, image, database)."""
        if not identities:
            return
        sending.made(
            self.patience,
            lambda: next((tag for tag in self.tags() if tag.name.lower() == name.lower()), None),
            lambda: answers.one(self._pydo.tags.create({"name": name}), "tag", Tag.of),
            f"the tag {name}",
        )
        resources = [{"resource_id": identity, "resource_type": kind} for identity in identities]
        sending.insistently(self.patience, lambda: self._pydo.tags.assign_resources(name, {"resources": resources}))

    def create_spaces_key(self, body: Mapping[str, Any]) -> Any:
        """Make a key to Spaces; the answer alone holds its secret: see :func:`automation.digitalocean.spaces.make`."""
        return self._pydo.spaces_key.create(dict(body))

    def detach(self, volume: str, droplet: str, region: str) -> None:
        """Begin to detach a volume; that it is detached shows in :meth:`volumes`."""
        body = {"type": "detach", "droplet_id": int(droplet), "region": region}
        sending.insistently(self.patience, lambda: self._pydo.volume_actions.post_by_id(volume, body))

    def unassign(self, ip: str) -> None:
        """Begin to take a reserved IP from its droplet; that it is free shows in :meth:`reserved_ips`."""
        sending.insistently(self.patience, lambda: self._pydo.reserved_ips_actions.post(ip, {"type": "unassign"}))

    def project(self, name: str) -> Project:
        """Return the project of this name, making it where there is none."""
        body = {"name": name, "purpose": "Operational / Developer tooling", "environment": "Development"}
        return sending.made(
            self.patience,
            lambda: next((project for project in self.projects() if project.name == name), None),
            lambda: answers.one(self._pydo.projects.create(body), "project", Project.of),
            f"the project {name}",
        )

    def adopt(self, project: str, urn: str) -> None:
        """Move a resource into a project. Raises CloudError where the answer says that it was not moved."""
        answer = sending.insistently(
            self.patience, lambda: self._pydo.projects.assign_resources(project, {"resources": [urn]})
        )
        states = {str(one.get("status")) for one in answers.many(answer, "resources", dict)}
        if not states <= {"ok", "assigned", "already_assigned"}:
            raise CloudError(
                f"{urn} could not be moved into the project {project}: {', '.join(sorted(states))}.",
                hint="It may be gone. Run it again.",
            )

    def delete(self, kind: str, identity: str) -> bool:
        """Begin to delete something; return False where it is gone already.

        ``kind`` is a key of the table below; a record's identity is ``domain/id``. A cluster goes with what its
        controllers made.
        """
        domain, _, record = identity.partition("/")
        deletions: dict[str, Callable[[], Any]] = {
            "cluster": lambda: self._pydo.kubernetes.destroy_associated_resources_dangerous(identity),
            "droplet": lambda: self._pydo.droplets.destroy(int(identity)),
            "volume": lambda: self._pydo.volumes.delete(identity),
            "snapshot": lambda: self._pydo.snapshots.delete(identity),
            "load balancer": lambda: self._pydo.load_balancers.delete(identity),
            "firewall": lambda: self._pydo.firewalls.delete(identity),
            "reserved IP": lambda: self._pydo.reserved_ips.delete(identity),
            "domain": lambda: self._pydo.domains.delete(identity),
            "record": lambda: self._pydo.domains.delete_record(domain, int(record)),
            "ssh key": lambda: self._pydo.ssh_keys.delete(identity),
            "vpc": lambda: self._pydo.vpcs.delete(identity),
            "project": lambda: self._pydo.projects.delete(identity),
            "registry": lambda: self._pydo.registries.delete(identity),
            "database": lambda: self._pydo.databases.destroy_cluster(identity),
            "spaces key": lambda: self._pydo.spaces_key.delete(identity),
            "tag": lambda: self._pydo.tags.delete(identity),
        }
        try:
            deletions[kind]()
        except NotFound:
            return False
        return True

    def _all(self, operation: Callable[..., Any], key: str, of: Callable[[Any], T]) -> list[T]:
        """Return all of a listing, page by page; what moves between two pages while we read is counted once."""
        found: dict[T, None] = {}
        page = 1
        while True:
            answer = operation(per_page=_PAGE, page=page)
            items = answers.many(answer, key, of)
            before = len(found)
            found.update(dict.fromkeys(items))
            if items and len(found) == before:
                raise AnswerUnreadable(
                    f"DigitalOcean's list of {key} does not end: page {page} repeats.", hint=answers.HINT
                )
            links = answer.get("links") if isinstance(answer, Mapping) else None
            pages = links.get("pages") if isinstance(links, Mapping) else None
            if not items or not isinstance(pages, Mapping) or not pages.get("next"):
                return list(found)
            page += 1


_TOKEN_HINT = (
    "Make one at https://cloud.digitalocean.com/account/api/tokens and export DIGITALOCEAN_TOKEN=…; "  # noqa: S105
    "without an account: 'dogitops simulate digitalocean'."
)
