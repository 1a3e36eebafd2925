"""Secrets that must be in the cluster before the first sync; their values never stand in Git."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from automation.errors import ConfigurationError
from automation.kube import Kube
from automation.secret import Secret

_LABELS: Final = {"app.kubernetes.io/managed-by": "dogitops"}


@dataclass(frozen=True)
class SecretSpec:
    """A Secret with the values that it must hold. Other keys and annotations of a Secret that exists stay."""

    namespace: str
    name: str
    data: Mapping[str, Secret]
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    plain: Mapping[str, str] = field(default_factory=dict)  # what in it is no secret
    type: str = "Opaque"

    @property
    def place(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Seeded:
    """What :func:`seed` did with one Secret: ``created``, ``updated`` or ``unchanged``."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place} {self.what}"


def repository_credentials(url: str, token: Secret) -> SecretSpec:
    """Return the Secret by which Argo CD may read a private repository; GitHub takes a token under any user's name.

    Its form: https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories.
    """
    return SecretSpec(
        namespace="argocd",
        name="repository",
        data={"password": token},
        plain={"type": "git", "url": url, "username": "x-access-token"},
        labels={"argocd.argoproj.io/secret-type": "repository"},
    )


def seed(kube: Kube, specs: Iterable[SecretSpec]) -> list[Seeded]:
    """Put the Secrets into the cluster, making namespaces that are missing; those that hold their values stay.

    Raises ConfigurationError for a Secret that exists with another type, which can't be changed.
    """
    wanted = list(specs)
    for namespace in dict.fromkeys(spec.namespace for spec in wanted):
        if kube.get("v1", "Namespace", namespace) is None:
            # Bare: what else a namespace is, Git says, and Argo CD adds it.
            kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    return [_seed_one(kube, spec) for spec in wanted]


def state_of(found: Mapping[str, Any] | None, key: str, value: Secret | None) -> str:
    """Return what seeding would do with one key of a Secret that is ``found`` so: ``make``, ``keep`` or ``change``."""
    held = _decoded(((found or {}).get("data") or {}).get(key))
    if held is None and key not in ((found or {}).get("data") or {}):
        return "make"
    return "keep" if value is not None and held == value else "change"


def holds(found: Mapping[str, Any], spec: SecretSpec) -> bool:
    """Whether the Secret ``found`` is of the spec's type, and has all its values, labels and annotations."""
    data = found.get("data") or {}
    annotations = found.get("metadata", {}).get("annotations") or {}
    labels = found.get("metadata", {}).get("labels") or {}
    return (
        found.get("type", "Opaque") == spec.type
        and all(_decoded(data.get(key)) == value for key, value in spec.data.items())
        and all(annotations.get(key) == value for key, value in spec.annotations.items())
        and all(data.get(key) == _encoded(value) for key, value in spec.plain.items())
        and all(labels.get(key) == value for key, value in spec.labels.items())
    )


def manifest(spec: SecretSpec) -> dict[str, Any]:
    """Return the Secret as the API takes it, with its values opened: never print or write it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": spec.type,
        "metadata": {
            "name": spec.name,
            "namespace": spec.namespace,
            "labels": {**_LABELS, **spec.labels},
            "annotations": dict(spec.annotations),
        },
        "data": {
            **{key: _encoded(value) for key, value in spec.plain.items()},
            **{key: _encoded(value.reveal()) for key, value in spec.data.items()},
        },
    }


def _seed_one(kube: Kube, spec: SecretSpec) -> Seeded:
    found = kube.get("v1", "Secret", spec.name, spec.namespace)
    if found is not None and holds(found, spec):
        return Seeded(spec.place, "unchanged")
    if found is not None and found.get("type", "Opaque") != spec.type:
        raise ConfigurationError(
            f"The Secret {spec.place} has the type {found.get('type')}, and {spec.type} is needed.",
            hint=f"Look at who made it; if it may go: kubectl delete secret -n {spec.namespace} {spec.name}",
        )
    kube.apply(manifest(spec))
    return Seeded(spec.place, "created" if found is None else "updated")


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _decoded(value: object) -> Secret | None:
    try:
        return Secret(base64.b64decode(str(value), validate=True).decode()) if value is not None else None
    except (binascii.Error, UnicodeDecodeError):
        return None
