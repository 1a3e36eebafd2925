"""An environment with everything around it on this machine: servers, tools, provider; each made when first used."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automation import daemon, environment, objectstore, report
from automation.clusters.base import ClusterProvider, ClusterSpec, write_private
from automation.environment import Guards
from automation.errors import ConfigurationError
from automation.gitops import repository
from automation.gitops.endpoints import REPOSITORY_URL
from automation.gitops.secrets import SecretSpec
from automation.kube import Kube
from automation.opentofu.diff import printed
from automation.opentofu.envelope.key import Key
from automation.opentofu.locks import BucketLocks
from automation.opentofu.plan import Plan, parse
from automation.opentofu.redact import Redactor
from automation.opentofu.runner import Tofu
from automation.secret import Secret
from automation.site import lasting, providers
from automation.site.sources import Sources
from automation.toolchain import engine, images, install
from automation.workspace import Workspace

if TYPE_CHECKING:
    from automation.opentofu.envelope.store import Envelopes

ENVELOPE_KEY = "DOGITOPS_ENVELOPE_KEY"
SPACES_ENDPOINT = "SPACES_ENDPOINT_URL"
_MIRROR = "registry"


class Site:
    """The environment ``name`` of a workspace; ``provider`` overrides what environment.yaml says.

    ``provider_of`` makes the cluster provider of its kind: some stand on jobs, which a site knows nothing of
    (:func:`automation.jobs.sites.open_site`).
    """

    def __init__(
        self,
        name: str,
        provider_of: Callable[[Site], ClusterProvider],
        *,
        provider: str | None = None,
        workspace: Workspace | None = None,
    ) -> None:
        self._provider_of = provider_of
        self.workspace = workspace or Workspace.find()
        self.environment = environment.load(self.workspace, name)
        self.kept = self.workspace.of(name)
        self._asked_provider = provider or os.environ.get("DOGITOPS_PROVIDER")
        providers.check(self._asked_provider)

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.environment.name

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.environment.cluster.name

    @property
    def kubeconfig(self) -> Path:
        """Where this environment's kubeconfig lies: never in the user's own."""
        return self.kept / "kubeconfig"

    @property
    def services(self) -> Path:
        """Where records and logs of this environment's servers lie."""
        return self.kept / "services"

    @cached_property
    def address(self) -> str:
        """The docker bridge's address: what our servers listen on, reached from this machine and from pods."""
        engine.ensure_docker()
        return engine.bridge_address()

    @cached_property
    def store(self) -> objectstore.ObjectStore:
        """The S3 store: the local server (started where it does not run), or the endpoint that is configured."""
        told = self.environment.objectstore
        if told.endpoint:
            return objectstore.ObjectStore(self.endpoint, told.region, *self._store_keys())
        address = self.address  # first: without docker there is no use in building the server
        binary = install.path("versitygw")
        return objectstore.serve_local(self.kept / "objectstore", binary, address, told.port, told.region)

    @cached_property
    def backup_store(self) -> objectstore.ObjectStore:
        """The S3 store with a key that opens the bucket of the backups.

        A key that 'dogitops state init' made opens the bucket of the state alone; then it is the one that OpenTofu
        made with the bucket of the backups (output ``backup_key``).
        """
        if not self._has_own_key():
            return self.store
        told = self.tofu.sensitive_output("backup_key")
        if told is None:
            raise ConfigurationError(
                f"The bucket of the backups of {self.name} has no key yet.",
                hint=f"It is made with the bucket: 'dogitops plan {self.name}' and 'dogitops apply {self.name}'.",
            )
        keys = Secret(told["access_key"]), Secret(told["secret_key"])
        return objectstore.ObjectStore(self.endpoint, self.environment.objectstore.region, *keys)

    @property
    def endpoint(self) -> str:
        """The address of the S3 store that is configured; empty for the local server."""
        return os.environ.get(SPACES_ENDPOINT, "").rstrip("/") or self.environment.objectstore.endpoint or ""

    @property
    def store_key(self) -> Path:
        """Where 'dogitops state init' keeps the access key of the store; its secret lies beside it."""
        return self.kept / "spaces" / "access-key"

    def forget_store(self) -> None:
        """Make the store anew when it is asked for next: its key has changed."""
        for name in ("store", "backup_store", "tofu", "envelopes", "bucket_locks"):
            self.__dict__.pop(name, None)

    def _has_own_key(self) -> bool:
        """Whether the store is opened by a key that 'dogitops state init' made: no variable holds another one."""
        told = self.environment.objectstore
        return bool(told.endpoint) and not os.environ.get(told.access_key_variable) and self.store_key.exists()

    def _store_keys(self) -> tuple[Secret, Secret]:
        """Return the keys of the configured store: from its variables, else those that were made for it."""
        told = self.environment.objectstore
        secret = self.store_key.with_name("secret-key")
        if self._has_own_key():
            return Secret(self.store_key.read_text().strip()), Secret(secret.read_text().strip())
        own = f"let 'dogitops state init {self.name}' make a key from a token for DigitalOcean"
        return (
            _from_variable(told.access_key_variable, "the S3 access key", f"Set {told.access_key_variable}, or {own}."),
            _from_variable(told.secret_key_variable, "the S3 secret key"),
        )

    @cached_property
    def git_url(self) -> str:
        """The address of the repository as this machine reaches it: the local Git server's, or what is configured."""
        if self.environment.gitops.repository:
            return self.environment.gitops.repository
        return repository.serve(self.services, self.workspace.root, self.address, self.environment.gitops.port)

    @property
    def repository_url(self) -> str:
        """The address of the repository as the cluster reaches it."""
        return self.environment.gitops.repository or REPOSITORY_URL

    @property
    def revision(self) -> str:
        """What Argo CD follows: ``HEAD``, or the commit that is checked out."""
        return repository.head(self.workspace.root) if self.environment.gitops.follow == "commit" else "HEAD"

    @property
    def ports(self) -> tuple[int | None, int | None]:
        """The ports of this machine where its cluster finds Git and the S3 server; none for what is elsewhere."""
        told = self.environment
        return (
            None if told.gitops.repository else told.gitops.port,
            None if told.objectstore.endpoint else told.objectstore.port,
        )

    @cached_property
    def mirror(self) -> str | None:
        """The address of the image mirror; none where upstream registries can be reached, or nodes are elsewhere."""
        if self.provider_kind in providers.ELSEWHERE:
            return None
        return images.serve_mirror(self.services, self.environment.images.port)

    @cached_property
    def provider_kind(self) -> str:
        """The cluster provider's name: as asked for, else the one that made the cluster, else as configured."""
        record = self.kept / "provider"
        made_by = record.read_text().strip() if record.exists() else None
        return providers.kind_of(self.environment, self._asked_provider, made_by)

    @cached_property
    def provider(self) -> ClusterProvider:
        """The cluster provider."""
        return self._provider_of(self)

    @property
    def root(self) -> Path:
        """The folder of the environment's OpenTofu root."""
        return environment.folder(self.workspace, self.environment)

    @cached_property
    def tofu(self) -> Tofu:
        """OpenTofu in this environment's root."""
        variables: dict[str, str | Secret] = dict(self.store.variables())
        return Tofu(
            install.path("tofu"),
            self.root,
            self.kept,
            variables,
            provider=self._asked_provider,
            redact=self.redactor.text,
        )

    @cached_property
    def envelope_key(self) -> Key:
        """The key of plan envelopes: from the variable DOGITOPS_ENVELOPE_KEY, else one kept on this machine.

        Raises ConfigurationError under Actions without the variable: another job could not open the envelope. (What
        is not shared has no other job.)
        """
        told = os.environ.get(ENVELOPE_KEY)
        if told:
            return Key.from_secret(Secret(told))
        if report.in_actions() and self.environment.shared:
            raise ConfigurationError(
                f"The variable {ENVELOPE_KEY} is not set; it holds the key of plan envelopes.",
                hint="Make one ('openssl rand -hex 32') and keep it as a secret of the job's environment.",
            )
        return Key.from_secret(Secret.kept_in(self.kept / "envelope-key", 43))

    @cached_property
    def redactor(self) -> Redactor:
        """What takes secrets out of plans; two plans of one environment hide equal values alike."""
        for declared in self.environment.secrets:  # their values are masked from now on, wherever they stand
            for source in declared.keys.values():
                if source.variable and os.environ.get(source.variable):
                    Secret(os.environ[source.variable])
        return Redactor(self.envelope_key.digest_key(self.name))

    def rules(self, base: str = "") -> tuple[Guards, tuple[str, ...]]:
        """Return the guards and the policies to skip; what the commit ``base`` protects stays protected.

        A pull request that both takes a guard away and destroys what it guarded is held by the guard all the same.
        """
        guards, skipped = self.environment.guards, self.environment.plans.skip_policies
        path = self.root.relative_to(self.workspace.root) / "environment.yaml"
        before = repository.text_at(self.workspace.root, base, str(path)) if base else None
        if before is None:
            return guards, skipped
        try:
            old = environment.read(before, self.name, f"{path} at {base[:12]}")
        except ConfigurationError:  # written for another version of us: today's alone counts
            return guards, skipped
        protect = dict.fromkeys((*guards.protect, *old.guards.protect))
        unprotect = [item for item in guards.unprotect if item in old.guards.unprotect]
        narrower = Guards(protect=tuple(protect), unprotect=tuple(unprotect))
        return narrower, tuple(rule for rule in skipped if rule in old.plans.skip_policies)

    def outputs(self) -> dict[str, str]:
        """Return the environment's outputs as printed, redacted."""
        shown = self.redactor.tree(self.tofu.outputs())
        return {name: printed(value) for name, value in shown.items()} if isinstance(shown, dict) else {}

    def read(self, document: dict[str, Any]) -> Plan:
        """Read the JSON document of a plan, redacted. Raises PlanUnreadable."""
        return parse(document, self.redactor)

    @cached_property
    def envelopes(self) -> Envelopes:
        """Where plan envelopes wait for their apply: in the bucket of the state."""
        from automation.opentofu.envelope.store import Envelopes  # noqa: PLC0415 - a plan at a terminal needs none

        return Envelopes(self.store, self.environment.state.bucket)

    @cached_property
    def bucket_locks(self) -> BucketLocks:
        """Locks on environments, kept in the bucket of the state."""
        return BucketLocks(self.store, self.environment.state.bucket)

    @cached_property
    def kube(self) -> Kube:
        """The cluster's API. Raises ConfigurationError where there is no cluster yet."""
        if not self.reachable():
            raise ConfigurationError(
                f"The environment {self.name} has no cluster yet.",
                hint=f"Run 'dogitops plan {self.name}' and 'dogitops apply {self.name}'.",
            )
        return Kube(self.kubeconfig)

    def reachable(self) -> bool:
        """Whether there is a kubeconfig; that of a cluster that another machine made at DigitalOcean is fetched."""
        fetched = self.provider_kind in providers.ELSEWHERE
        if fetched and not self.kubeconfig.exists() and self.provider.exists(self.cluster):
            self.provider.write_kubeconfig(self.cluster, self.kubeconfig)
        return self.kubeconfig.exists()

    def create_cluster(self) -> None:
        """Make the cluster (nothing to do where it is there) and remember who made it."""
        self._named_repository()
        provider = self.provider  # first: it has docker made ready, which the mirror listens on
        hosts = images.containerd_hosts(self.mirror) if self.mirror else {}
        told = self.environment.cluster
        spec = ClusterSpec(told.name, told.control_planes, told.workers, tuple(sorted(hosts.items())))
        provider.create(spec, self.kubeconfig)
        write_private(self.kept / "provider", provider.kind)

    def _named_repository(self) -> None:
        """Raise ConfigurationError while the example stands where the repository's owner must, before money goes."""
        if "/OWNER/" in (self.environment.gitops.repository or ""):
            raise ConfigurationError(
                f"The repository of {self.name} still names OWNER: {self.repository_url}",
                hint=f"Write your own into gitops.repository in opentofu/environments/{self.name}/environment.yaml and "
                f"into sourceRepos in {self.environment.gitops.path}/kustomization.yaml.",
            )

    def delete_cluster(self, *, keep_foreign: bool = False) -> bool:
        """Remove the cluster and what we remember of it; return whether there was one.

        Raises Refused for a cluster that we did not make, or forgets it with ``keep_foreign``.
        """
        foreign = keep_foreign and self.provider.kind == "existing"
        if foreign:
            report.note(f"the cluster {self.cluster} was not made by dogitops: it is left as it is")
        there = not foreign and self.provider.delete(self.cluster)
        self.kubeconfig.unlink(missing_ok=True)
        (self.kept / "provider").unlink(missing_ok=True)
        self.__dict__.pop("kube", None)
        return there

    def lasting(self, name: str, length: int = 32) -> Secret:
        """Return a secret that outlives the cluster, such as the password of its backups.

        Of an environment that several machines work on it is derived from the variable DOGITOPS_SECRETS_KEY, so that
        all have the same; else it is made once and kept on this machine. Raises ConfigurationError.
        """
        return lasting.secret(self.environment, self.kept / "secrets", name, length)

    def secrets(self) -> list[SecretSpec]:
        """Return the Secrets to seed, with values from their declared sources.

        Generated values are kept outside the cluster, so that they survive its loss: see :meth:`lasting`.
        Raises ConfigurationError that names every source without a value, each with file and line.
        """
        return self.sources.specs()

    @cached_property
    def sources(self) -> Sources:
        """Where the values of its Secrets come from."""
        return Sources(
            self.environment,
            self.root,
            self.kept,
            shown=str(self.root.relative_to(self.workspace.root)),
            repository_url=self.repository_url,
            store=lambda: self.backup_store,
        )

    def up(self) -> None:
        """Start this environment's servers where they do not run (after a reboot, for example)."""
        report.note(f"S3 server at {self.store.endpoint}")
        report.note(f"{'Git' if self.environment.gitops.repository else 'Git server'} at {self.git_url}")
        if self.mirror:
            report.note(f"image mirror at {self.mirror}")

    def down(self) -> list[str]:
        """End this environment's servers; return the names of those that ran. Their data stays."""
        ended = [name for name in (repository.SERVER, _MIRROR) if daemon.stop(self.services, name)]
        if objectstore.stop_local(self.kept / "objectstore"):
            ended.append(objectstore.SERVER)
        return ended


def _from_variable(variable: str, what: str, hint: str = "") -> Secret:
    value = os.environ.get(variable)
    if not value:
        raise ConfigurationError(
            f"The variable {variable} is not set; it holds {what}.", hint=hint or f"Set {variable}."
        )
    return Secret(value)
