"""Argo CD: installed from ``gitops/``, handed the repository, watched until all is Synced and Healthy, paused.

Installing and handing over lie in :mod:`automation.gitops.installation`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from automation import wait
from automation.errors import ConfigurationError, DeadlineExceeded
from automation.gitops.installation import (
    API,
    AUTOMATION,
    CLUSTER_SECRET,
    ENABLED,
    NAMESPACE,
    PAUSED,
    ROOT,
    hand_over,
    install,
    start_platform,
)
from automation.gitops.manifests import APPS, CHARTS, PLATFORM, Manifest, entries
from automation.kube import KindUnknown, Kube, pod_is_ready, pod_state

__all__ = [
    "ApplicationState",
    "applications",
    "apps_paused",
    "hand_over",
    "install",
    "pause_apps",
    "refresh",
    "resume_apps",
    "start_platform",
    "state_of",
    "wait_until_synced",
]

Progress = Callable[[str], None]

_LOOK_AGAIN: Final = 5.0  # seconds
_FINISHED: Final = frozenset({"Succeeded", "Failed", "Error"})


@dataclass(frozen=True)
class ApplicationState:
    """What Argo CD says of one Application; ``revision`` is the commit it was compared with."""

    name: str
    zone: str
    sync: str
    health: str
    message: str
    revision: str
    automated: bool
    busy: bool
    failed: bool  # the last look ended in an error

    @property
    def done(self) -> bool:
        """Whether it is Synced and Healthy, with no operation under way."""
        return self.sync == "Synced" and self.health == "Healthy" and not self.busy

    def __str__(self) -> str:
        told = f"{self.name} is {self.sync}, {self.health}" + (", syncing" if self.busy else "")
        return f"{told} ({self.message})" if self.message else told


def applications(kube: Kube) -> list[ApplicationState]:
    """Return the state of all Applications, by name; none where Argo CD is not installed."""
    try:
        found = kube.list(API, "Application", NAMESPACE)
    except KindUnknown:
        return []
    return sorted((state_of(application) for application in found), key=lambda state: state.name)


def state_of(application: Manifest) -> ApplicationState:
    """Return what an Application's spec and status say."""
    spec, status = application.get("spec", {}), application.get("status") or {}
    automated = spec.get("syncPolicy", {}).get("automated")
    phase = (status.get("operationState") or {}).get("phase")
    return ApplicationState(
        name=application["metadata"]["name"],
        zone=application["metadata"].get("labels", {}).get("dogitops.io/zone", ""),
        sync=status.get("sync", {}).get("status", "Unknown"),
        health=status.get("health", {}).get("status", "Unknown"),
        message=_message(status),
        revision=status.get("sync", {}).get("revision", ""),
        automated=automated is not None and automated.get("enabled", True),
        busy="operation" in application or (phase is not None and phase not in _FINISHED),
        failed=any("Error" in one.get("type", "") for one in status.get("conditions", ())),
    )


def wait_until_synced(
    kube: Kube,
    expected: Collection[str] | None = None,
    *,
    timeout: float,
    revision: str | None = None,
    progress: Progress | None = None,
) -> list[ApplicationState]:
    """Wait until the Applications are Synced and Healthy (at the commit ``revision``, if given); return them.

    Without ``expected``: the root, and every entry of the table of contents that the cluster has got from Git,
    without those of the apps zone while it is paused. Raises DeadlineExceeded, naming the applications that are
    not there yet and the pods that are not ready.
    """
    seen: list[ApplicationState] = []
    names: list[str] = []
    looked_again: dict[str, float] = {}

    def waiting_for() -> list[str]:
        states = {state.name: state for state in seen}
        return [_told(name, states.get(name), revision) for name in names if not _there(states.get(name), revision)]

    def all_done() -> bool:
        seen[:] = applications(kube)
        looked_again.update(_look_again(kube, seen, looked_again))
        names[:] = sorted(expected) if expected is not None else _expected(kube)
        return not waiting_for()

    def state() -> str:
        waiting = waiting_for()
        return f"{len(names) - len(waiting)} of {len(names)} applications; {'; '.join(waiting) or 'all done'}"

    what = "Argo CD's applications to be Synced and Healthy" + (f" at {revision[:8]}" if revision else "")
    try:
        wait.until(all_done, what, timeout=timeout, interval=0.5, progress=progress, state=state)
    except DeadlineExceeded as error:
        pods = _pods_not_ready(kube)
        told = "".join(f"\n  {pod}" for pod in pods)
        raise DeadlineExceeded(
            error.message + (f"\nPods that are not ready:{told}" if pods else ""),
            hint="Look at what is named above; the same command goes on where it stopped.",
        ) from error
    return [state for state in seen if state.name in names]


def refresh(kube: Kube, name: str) -> None:
    """Ask Argo CD to look at Git now rather than within its interval."""
    patch = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
    kube.patch(API, "Application", name, patch, NAMESPACE)


def pause_apps(kube: Kube, *, timeout: float = 120) -> list[str]:
    """Stop syncing and healing what is in the apps zone; return the Applications' names once none is at work."""
    return _switch(kube, PAUSED, timeout)


def resume_apps(kube: Kube, *, timeout: float = 120) -> list[str]:
    """Sync and heal what is in the apps zone again; return the Applications' names once all are automated."""
    return _switch(kube, ENABLED, timeout)


def apps_paused(kube: Kube) -> bool:
    """Whether the apps zone is paused."""
    secret = kube.get("v1", "Secret", CLUSTER_SECRET, NAMESPACE) or {}
    annotations = secret.get("metadata", {}).get("annotations") or {}
    return bool(annotations.get(AUTOMATION) != ENABLED)


def _switch(kube: Kube, to: str, timeout: float) -> list[str]:
    if kube.get("v1", "Secret", CLUSTER_SECRET, NAMESPACE) is None:
        raise ConfigurationError("Argo CD does not know its cluster.", hint="Bootstrap the environment first.")
    patch = {"metadata": {"annotations": {AUTOMATION: to}}}
    kube.patch("v1", "Secret", CLUSTER_SECRET, patch, NAMESPACE)
    apps: list[ApplicationState] = []

    def switched() -> bool:
        apps[:] = [state for state in applications(kube) if state.zone == APPS]
        return all(one.automated == (to == ENABLED) and not (to == PAUSED and one.busy) for one in apps)

    wait.until(
        switched,
        f"the applications to be {to}",
        timeout=timeout,
        interval=0.5,
        state=lambda: "; ".join(str(one) for one in apps),
        hint="Look at the pods of argocd: the ApplicationSet controller does this.",
    )
    return [one.name for one in apps]


def _look_again(kube: Kube, states: Collection[ApplicationState], before: Mapping[str, float]) -> dict[str, float]:
    """Refresh those whose last look ended in an error, each every few seconds at most; return when, by name.

    Argo CD's parts start in any order. What one of them could not reach yet, it tries again within its interval.
    """
    now = time.monotonic()
    failed = [one.name for one in states if one.failed and now - before.get(one.name, -_LOOK_AGAIN) >= _LOOK_AGAIN]
    for name in failed:
        refresh(kube, name)
    return dict.fromkeys(failed, now)


def _there(state: ApplicationState | None, revision: str | None) -> bool:
    return state is not None and state.done and revision in {None, state.revision}


def _told(name: str, state: ApplicationState | None, revision: str | None) -> str:
    if state is None:
        return f"{name} is missing"
    if state.done and revision:
        return f"{name} is at {state.revision[:8] or 'no commit'}"
    return str(state)


def _expected(kube: Kube) -> list[str]:
    """Return what the cluster's table of contents promises, as far as it has come from Git."""
    try:
        sets = {one["metadata"]["name"]: one for one in kube.list(API, "ApplicationSet", NAMESPACE)}
    except KindUnknown:
        sets = {}
    wanted = {PLATFORM, CHARTS} if apps_paused(kube) else {PLATFORM, CHARTS, APPS}
    names = {ROOT}
    for name in wanted:
        names |= {entry.application for entry in entries(sets[name])} if name in sets else {f"ApplicationSet {name}"}
    return sorted(names)


def _message(status: dict[str, Any]) -> str:
    """Return why an Application is not done: its errors, a failing operation, its objects that are not healthy."""
    told = [str(one.get("message", "")) for one in status.get("conditions") or () if "Error" in one.get("type", "")]
    operation = status.get("operationState") or {}
    if operation.get("phase") not in {None, "Succeeded"}:
        told.append(str(operation.get("message", "")))
    for resource in status.get("resources", ()):
        health = resource.get("health") or {}
        if health.get("status") not in {None, "Healthy", "Missing"}:
            told.append(f"{resource['kind']} {resource['name']} is {health['status']}: {health.get('message', '')}")
    unique = dict.fromkeys(" ".join(text.split()).rstrip(": ") for text in told if text)
    return "; ".join(text if len(text) <= 300 else f"{text[:300]}…" for text in unique)  # noqa: PLR2004 - characters


def _pods_not_ready(kube: Kube) -> list[str]:
    pods = [pod for pod in kube.list("v1", "Pod") if not pod_is_ready(pod)]
    return [f"{pod['metadata']['namespace']}/{pod['metadata']['name']}: {pod_state(pod)}" for pod in pods]
