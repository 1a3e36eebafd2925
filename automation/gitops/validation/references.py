"""References across files: Secrets and ConfigMaps, selectors, ports, targets of autoscalers, roles, accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from automation.gitops.manifests import Manifest
from automation.gitops.validation.clusters import Application, Cluster
from automation.gitops.validation.findings import Finding
from automation.gitops.validation.lines import Lines
from automation.gitops.validation.objects import Step, at, containers, pod_labels, pod_path, pod_spec
from automation.gitops.validation.rendering import Rendered

_ANY: Final = frozenset[str]()  # keys that are not known: all are there
# What bootstrap makes, and what Kubernetes does.
_SECRETS: Final = {("argocd", "argocd-redis"): frozenset({"auth"})}
_CONFIG_MAPS: Final = frozenset({"kube-root-ca.crt"})
_ACCOUNT: Final = "default"
_ROLES: Final = frozenset({"admin", "cluster-admin", "edit", "view"})


@dataclass
class Known:
    """What a cluster has; keys of Secrets and ConfigMaps by namespace and name, ``_ANY`` where they come at run time.

    ``closed`` are the namespaces where all that runs is known: only there nothing can be missing unseen.
    """

    secrets: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    config_maps: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    objects: dict[tuple[str, str, str], Manifest] = field(default_factory=dict)
    pods: list[tuple[str, dict[str, str], Manifest]] = field(default_factory=list)
    charted: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Missing:
    """What one object refers to and the cluster does not have."""

    rule: str
    message: str
    path: tuple[Step, ...]


def check(cluster: Cluster, lines: Lines) -> Iterator[Finding]:
    """Yield every reference that leads nowhere."""
    known = _known(cluster)
    for application, one in cluster.objects():
        namespace = one.namespace(application.entry.namespace)
        for missing in _missing(known, one, namespace):
            line = lines.of_object(one.file, one.kind, one.name, missing.path)
            message = f"{one.kind} {one.name}: {missing.message}"
            yield cluster.finding(missing.rule, message, file=one.file, line=line)
    for application in cluster.applications:
        yield from _of_chart(cluster, known, application)


def _known(cluster: Cluster) -> Known:
    known = Known(secrets=dict(_SECRETS))
    for declared in cluster.environment.secrets:
        known.secrets[declared.namespace, declared.name] = frozenset(declared.keys)
    known.charted = {one.entry.namespace for one in cluster.applications if not one.known}
    for application, one in cluster.objects():
        namespace = one.namespace(application.entry.namespace)
        known.objects[one.kind, namespace, one.name] = one.manifest
        for name in _makes(one):
            known.secrets.setdefault((namespace, name), _ANY)
        if one.kind == "ConfigMap":
            keys = {**(one.manifest.get("data") or {}), **(one.manifest.get("binaryData") or {})}
            known.config_maps[namespace, one.name] = frozenset(keys)
        labels = pod_labels(one.manifest)
        if labels is not None:
            known.pods.append((namespace, labels, pod_spec(one.manifest)))
    return known


def _makes(one: Rendered) -> Iterator[str]:
    """Yield the names of the Secrets that come from an object: itself, or what cert-manager makes of it."""
    if one.kind == "Secret":
        yield one.name
    elif one.kind == "Certificate":
        yield str(at(one.manifest, ("spec", "secretName")))
    elif one.kind == "Ingress" and any("cert-manager.io/" in key for key in one.annotations):
        yield from (str(tls.get("secretName")) for tls in at(one.manifest, ("spec", "tls")) or ())


def _of_chart(cluster: Cluster, known: Known, application: Application) -> Iterator[Finding]:
    entry = application.entry
    for name in application.chart.secrets if application.chart else ():
        if (entry.namespace, name) not in known.secrets:
            message = _undeclared(entry.namespace, name)
            yield cluster.finding("undeclared-secret", f"{entry.application}: {message}", line=application.line)


def _missing(known: Known, one: Rendered, namespace: str) -> Iterator[Missing]:
    if pod_path(one.manifest) is not None:
        yield from _of_pod(known, one.manifest, namespace)
    elif one.kind in _LOOKS:
        yield from _LOOKS[one.kind](known, one.manifest, namespace)


def _of_budget(known: Known, manifest: Manifest, namespace: str) -> Iterator[Missing]:
    selector = at(manifest, ("spec", "selector", "matchLabels")) or {}
    if not _pods(known, namespace, selector) and namespace not in known.charted:
        yield Missing("dangling", f"no pod in {namespace} has the labels {_shown(selector)}", ("spec", "selector"))


def _of_autoscaler(known: Known, manifest: Manifest, namespace: str) -> Iterator[Missing]:
    target = at(manifest, ("spec", "scaleTargetRef")) or {}
    if (target.get("kind"), namespace, target.get("name")) not in known.objects and namespace not in known.charted:
        message = f"there is no {target.get('kind')} {target.get('name')} in {namespace}"
        yield Missing("dangling", message, ("spec", "scaleTargetRef", "name"))


def _of_location(known: Known, manifest: Manifest, namespace: str) -> Iterator[Missing]:
    credential = at(manifest, ("spec", "credential"))
    if credential:
        yield from _secret(known, namespace, credential.get("name"), credential.get("key"), ("spec", "credential"))


def _of_pod(known: Known, manifest: Manifest, namespace: str) -> Iterator[Missing]:
    path, spec = pod_path(manifest) or (), pod_spec(manifest)
    for where, container in containers(manifest):
        for number, source in enumerate(container.get("envFrom") or ()):
            yield from _source(known, namespace, source, "Ref", (*where, "envFrom", number))
        for number, variable in enumerate(container.get("env") or ()):
            source = variable.get("valueFrom") or {}
            yield from _source(known, namespace, source, "KeyRef", (*where, "env", number))
    for number, volume in enumerate(spec.get("volumes") or ()):
        at_volume: tuple[Step, ...] = (*path, "volumes", number)
        sources = [volume, *(at(volume, ("projected", "sources")) or ())]
        for source in sources:
            yield from _volume(known, namespace, source, at_volume)
    for number, secret in enumerate(spec.get("imagePullSecrets") or ()):
        yield from _secret(known, namespace, secret.get("name"), None, (*path, "imagePullSecrets", number))
    account = spec.get("serviceAccountName", _ACCOUNT)
    if account != _ACCOUNT and ("ServiceAccount", namespace, account) not in known.objects:
        yield Missing("dangling", f"there is no ServiceAccount {account} in {namespace}", (*path, "serviceAccountName"))


def _source(
    known: Known, namespace: str, source: Mapping[str, Any], suffix: str, path: tuple[Step, ...]
) -> Iterator[Missing]:
    secret, config = source.get(f"secret{suffix}"), source.get(f"configMap{suffix}")
    if secret and not secret.get("optional"):
        yield from _secret(known, namespace, secret.get("name"), secret.get("key"), path)
    if config and not config.get("optional"):
        yield from _config_map(known, namespace, config.get("name"), config.get("key"), path)


def _volume(known: Known, namespace: str, source: Mapping[str, Any], path: tuple[Step, ...]) -> Iterator[Missing]:
    secret, config = source.get("secret"), source.get("configMap")
    if secret and not secret.get("optional"):
        name = secret.get("secretName") or secret.get("name")
        for key in _keys(secret):
            yield from _secret(known, namespace, name, key, path)
    if config and not config.get("optional"):
        for key in _keys(config):
            yield from _config_map(known, namespace, config.get("name"), key, path)
    claim = at(source, ("persistentVolumeClaim", "claimName")) if source.get("persistentVolumeClaim") else None
    if claim and ("PersistentVolumeClaim", namespace, claim) not in known.objects:
        yield Missing("dangling", f"there is no PersistentVolumeClaim {claim} in {namespace}", path)


def _keys(volume: Mapping[str, Any]) -> list[str | None]:
    """Return the keys that a volume names; no key in particular where it names none."""
    return [item.get("key") for item in volume.get("items") or ()] or [None]


def _secret(
    known: Known, namespace: str, name: str | None, key: str | None, path: tuple[Step, ...]
) -> Iterator[Missing]:
    keys = known.secrets.get((namespace, str(name)))
    if keys is None and namespace not in known.charted:
        yield Missing("undeclared-secret", _undeclared(namespace, str(name)), path)
    elif keys and key and key not in keys:
        yield Missing("undeclared-secret", f"the Secret {namespace}/{name} is declared without the key {key}", path)


def _config_map(
    known: Known, namespace: str, name: str | None, key: str | None, path: tuple[Step, ...]
) -> Iterator[Missing]:
    keys = known.config_maps.get((namespace, str(name)))
    if keys is None and name not in _CONFIG_MAPS and namespace not in known.charted:
        yield Missing("dangling", f"there is no ConfigMap {name} in {namespace}", path)
    elif keys and key and key not in keys:
        yield Missing("dangling", f"the ConfigMap {namespace}/{name} has no key {key}", path)


def _of_service(known: Known, manifest: Manifest, namespace: str) -> Iterator[Missing]:
    selector = at(manifest, ("spec", "selector"))
    if not selector or namespace in known.charted:
        return
    pods = _pods(known, namespace, selector)
    if not pods:
        yield Missing("dangling", f"no pod in {namespace} has the labels {_shown(selector)}", ("spec", "selector"))
        return
    ports = [port for pod in pods for container in pod.get("containers") or () for port in container.get("ports") or ()]
    named = {port.get("name") for port in ports}
    for number, port in enumerate(at(manifest, ("spec", "ports")) or ()):
        target = port.get("targetPort", port.get("port"))
        if isinstance(target, str) and target not in named:
            message = f"its pods have no port named {target}"
            yield Missing("dangling", message, ("spec", "ports", number, "targetPort"))


def _of_ingress(known: Known, manifest: Manifest, namespace: str) -> Iterator[Missing]:
    for number, rule in enumerate(at(manifest, ("spec", "rules")) or ()):
        for at_path, route in enumerate(at(rule, ("http", "paths")) or ()):
            told = at(route, ("backend", "service")) or {}
            where: tuple[Step, ...] = ("spec", "rules", number, "http", "paths", at_path, "backend", "service")
            service = known.objects.get(("Service", namespace, str(told.get("name"))))
            if service is None:
                if namespace not in known.charted:
                    yield Missing("dangling", f"there is no Service {told.get('name')} in {namespace}", where)
                continue
            port = told.get("port") or {}
            offered = at(service, ("spec", "ports")) or ()
            if not any(port.get("name") == one.get("name") if "name" in port else port.get("number") == one.get("port")
                       for one in offered):  # fmt: skip
                message = f"the Service {told.get('name')} has no port {port.get('name') or port.get('number')}"
                yield Missing("dangling", message, (*where, "port"))


def _of_binding(known: Known, manifest: Manifest, namespace: str) -> Iterator[Missing]:
    role = manifest.get("roleRef") or {}
    name, kind = str(role.get("name")), str(role.get("kind"))
    here = {key[1] for key in known.objects if key[0] == kind and key[2] == name}
    built_in = kind == "ClusterRole" and (name in _ROLES or name.startswith("system:"))
    if not built_in and not (namespace in here or (kind == "ClusterRole" and here)) and not known.charted:
        # Roles that Kubernetes itself makes in kube-system are not listed anywhere here.
        if namespace == "kube-system" and kind == "Role":
            return
        yield Missing("dangling", f"there is no {kind} {name}", ("roleRef", "name"))


def _pods(known: Known, namespace: str, selector: Mapping[str, str]) -> list[Manifest]:
    return [spec for where, labels, spec in known.pods if where == namespace and selector.items() <= labels.items()]


def _undeclared(namespace: str, name: str) -> str:
    return f"the Secret {namespace}/{name} is not declared in environment.yaml, and nothing makes it"


def _shown(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items()) or "(none)"


_LOOKS: Final[Mapping[str, Callable[[Known, Manifest, str], Iterator[Missing]]]] = {
    "BackupStorageLocation": _of_location,
    "ClusterRoleBinding": _of_binding,
    "HorizontalPodAutoscaler": _of_autoscaler,
    "Ingress": _of_ingress,
    "PodDisruptionBudget": _of_budget,
    "RoleBinding": _of_binding,
    "Service": _of_service,
}
