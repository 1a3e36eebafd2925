"""A document of environments such as a team has: good, in trouble, not to be seen from here, and not there at all.

The numbers of the newest drill are of one that ran; all else is made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from automation.overview import words
from automation.overview.document import (
    Application,
    Applications,
    Apply,
    Backup,
    Backups,
    Cluster,
    Drift,
    Drill,
    Drills,
    Environment,
    Facts,
    Overview,
    Phase,
    Standing,
    Unverified,
)

NOW = datetime(2026, 11, 21, 20, 30, tzinfo=UTC)
COMMIT = "4f1c29d07c6f4c0d8a0c9a4a3a5b7e6d21f08b3c"
GITHUB = "https://github.com/octo-org/infra"
# seconds of: start, write, inventory, backup, wipe, rebuild, bootstrap, restore, verify, resume; RTO; RPO; days ago
DRILLS = (
    ((0.8, 0.8, 0.3, 14.4, 18.5, 25.7, 50.0, 28.7, 0.9, 3.8), 123.9, 10.3, 0.2),
    ((0.7, 0.8, 0.3, 15.9, 19.2, 27.1, 55.8, 29.9, 1.0, 4.1), 133.0, 12.8, 3),
    ((0.8, 0.9, 0.2, 13.8, 17.7, 26.4, 49.1, 41.6, 0.9, 3.6), 135.7, 9.9, 7),
    ((0.4, 0.6, 0.1, 11.8, 4.5, 30.6, 210.5, 10.8, 0.8, 0.0), 257.9, 4.2, 10),
    ((0.7, 0.8, 0.3, 14.9, 18.8, 26.2, 61.0, 28.4, 1.0, 3.9), 135.4, 10.8, 14),
    ((0.8, 0.7, 0.3, 15.2, 19.9, 27.7, 66.4, 30.3, 1.1, 4.4), 145.4, 11.5, 17),
    ((0.7, 0.8, 0.3, 14.6, 21.4, 29.9, 71.3, 31.0, 1.0, 4.0), 154.6, 10.1, 21),
    ((0.9, 0.9, 0.4, 17.1, 22.2, 31.5, 74.8, 33.9, 1.2, 4.6), 163.6, 13.0, 28),
)
PHASES = ("start", "write", "inventory", "backup", "wipe", "rebuild", "bootstrap", "restore", "verify", "resume")


def drill(number: int = 0, *, now: datetime = NOW, failed: bool = False) -> Drill:
    """Return the drill ``number`` of DRILLS."""
    seconds, rto, rpo, days = DRILLS[number % len(DRILLS)]
    ended = now - timedelta(days=days + 30 * (number // len(DRILLS)))
    return Drill(
        run=f"{ended:%Y%m%d-%H%M%S}-d4e{number}",
        where=f"run {9_000_000_100 - number}",
        commit=COMMIT,
        provider="kind",
        backup=f"drill-{ended:%Y%m%d-%H%M%S}-d4e{number}",
        started=ended - timedelta(seconds=sum(seconds)),
        finished=ended,
        verdict="failed" if failed else "passed",
        rto_seconds=rto,
        rpo_seconds=rpo,
        phases=tuple(Phase(name=name, seconds=one) for name, one in zip(PHASES, seconds, strict=True) if one),
        reasons=("1 of 200 entries is missing (entry 000100)",) if failed else (),
    )


def drills(listed: Sequence[Drill], *, now: datetime = NOW, unverified: Sequence[Unverified] = ()) -> Drills:
    """Return what is told of drills, newest first."""
    if not listed:
        told = "unknown: no drill has been done yet, so nothing proves that it can be rebuilt"
        return Drills(standing="unknown", told=told, unverified=tuple(unverified))
    newest = listed[0]
    told = (
        f"{newest.verdict} {words.ago(newest.finished, now)}; RTO {words.length(newest.rto_seconds)}, "
        f"RPO {words.length(newest.rpo_seconds)}"
    )
    return Drills(
        standing="good" if newest.verdict == "passed" else "bad",
        told=told,
        max_rto_seconds=900,
        max_rpo_seconds=300,
        listed=tuple(listed),
        unverified=tuple(unverified),
    )


def backups(hours: Sequence[float], *, broken: Sequence[float] = (), now: datetime = NOW) -> Backups:
    """Return backups that were begun so many hours ago."""
    made = [
        Backup(
            name=f"nightly-{now - timedelta(hours=ago):%Y%m%d%H%M%S}",
            phase="PartiallyFailed" if ago in broken else "Completed",
            whole=ago not in broken,
            started=now - timedelta(hours=ago),
            finished=now - timedelta(hours=ago) + timedelta(seconds=47),
        )
        for ago in sorted({*hours, *broken})
    ]
    newest = next(one for one in made if one.whole)
    assert newest.started is not None
    old = now - newest.started > timedelta(hours=26)
    told = f"{words.ago(newest.started, now)}{', too old' if old else ''} ({len(made)} known)"
    return Backups(standing="bad" if old else "good", told=told, source="cluster", listed=tuple(made))


def application(name: str, *, health: str = "Healthy", sync: str = "Synced", message: str = "") -> Application:
    """Return an application at COMMIT."""
    return Application(
        name=name, zone="platform", version="", revision=COMMIT, sync=sync, health=health, message=message
    )


def environment(name: str, description: str, **facts: Any) -> Environment:
    """Return an environment, judged by its facts."""
    return Environment.of(name, description, NOW, Facts(**facts))


def cluster(name: str, provider: str, nodes: int, ready: int | None = None) -> Cluster:
    """Return a cluster that answers."""
    up = nodes if ready is None else ready
    told = f"dogitops-{name} ({provider}), {words.counted(nodes, 'node')}{'' if up == nodes else f', {up} Ready'}"
    return Cluster(
        standing="good" if up == nodes else "bad",
        told=f"{told}, Kubernetes v1.34.4",
        provider=provider,
        name=f"dogitops-{name}",
        nodes=nodes,
        ready=up,
        kubernetes="v1.34.4",
    )


def well(*names: str) -> Applications:
    """Return applications that are all Synced and Healthy."""
    told = f"{len(names)} of {len(names)} Synced and Healthy, Argo CD v3.1.9, commit {COMMIT[:7]}"
    listed = tuple(application(name) for name in names)
    return Applications(standing="good", told=told, argocd="v3.1.9", revision=COMMIT, listed=listed)


def applied(days: float, number: int) -> Apply:
    """Return an apply by pull request."""
    at = NOW - timedelta(days=days)
    told = f"{words.ago(at, NOW)}, commit {COMMIT[:7]}, by pull request {number}"
    return Apply(standing="good", told=told, at=at, commit=COMMIT, pull_request=number, url=f"{GITHUB}/pull/{number}")


def none(standing: Standing, told: str) -> dict[str, Any]:
    """Return the two fields of a fact that is not there or not known."""
    return {"standing": standing, "told": told}


def overview() -> Overview:
    """Return the whole document."""
    platform = (
        "alertmanager",
        "argocd",
        "grafana",
        "ingress",
        "ledger",
        "loki",
        "prometheus",
        "root",
        "todo",
        "velero",
    )
    looked = NOW - timedelta(hours=15)
    clean = Drift(standing="good", told="none, 15 hours ago", looked=looked, url=f"{GITHUB}/actions/runs/9000000001")
    found = Drift(standing="bad", told="found: issue 41, 15 hours ago", looked=looked, url=f"{GITHUB}/issues/41")
    nobody = "no schedule looks ('dogitops drift {}' does)"
    no_access = "unknown: there is no token for DigitalOcean (DIGITALOCEAN_TOKEN)"
    sick = Applications(
        standing="bad",
        told=f"8 of 10 Synced and Healthy, Argo CD v3.1.9, commit {COMMIT[:7]}",
        argocd="v3.1.9",
        revision=COMMIT,
        listed=(
            *(application(name) for name in platform[:8]),
            application("todo", sync="OutOfSync", message="one or more objects failed to apply: quota exceeded"),
            application("velero", health="Degraded", message="Deployment velero is Degraded: 0 of 1 pods are Ready"),
        ),
    )
    four = (drill(0), drill(2), drill(4))
    return Overview(
        made=NOW,
        repository="octo-org/infra",
        commit=COMMIT,
        run_url=f"{GITHUB}/actions/runs/9000000200",
        environments=(
            environment(
                "dev",
                "The first stage at DigitalOcean",
                cluster=cluster("dev", "doks", 3),
                applications=well(*platform),
                apply=applied(2, 118),
                drift=clean,
                backups=backups([2, 26, 50, 74, 98, 122, 146, 170, 194, 218, 242]),
                drills=drills(four),
            ),
            environment(
                "ephemeral",
                "A cluster at DigitalOcean that lives for hours",
                cluster=Cluster(standing="neutral", told="does not exist", provider="doks", name="dogitops-ephemeral"),
                applications=Applications(**none("neutral", "no cluster")),
                apply=Apply(**none("neutral", "3 days ago, when its state was written")),
                drift=Drift(**none("neutral", nobody.format("ephemeral"))),
                backups=Backups(**none("neutral", "none; no cluster to back up")),
                drills=drills([drill(1)]),
            ),
            environment(
                "local",
                "A cluster, an S3 server and a Git server on this machine",
                cluster=cluster("local", "kind", 1),
                applications=well("argocd", "ledger", "local-storage", "metrics-server", "root", "velero"),
                apply=Apply(
                    standing="neutral",
                    told="6 hours ago, when its state was written",
                    at=NOW - timedelta(hours=6),
                ),
                drift=Drift(**none("neutral", nobody.format("local"))),
                backups=backups([5, 29, 54, 78, 101, 130, 150], broken=[54]),
                drills=drills([drill(number, failed=number == 3) for number in range(8)]),
            ),
            environment(
                "production",
                "Machines of our own, kubeadm",
                cluster=cluster("production", "droplet", 6, 5),
                applications=sick,
                apply=applied(9, 97),
                drift=found,
                backups=backups([31, 55, 79, 103, 127, 151, 175, 199], broken=[7]),
                drills=drills(
                    [drill(5)],
                    unverified=[Unverified(where="run 9000000090", why="it was changed after it was signed")],
                ),
            ),
            environment(
                "staging",
                "The second stage at DigitalOcean",
                cluster=Cluster(standing="unknown", told=no_access, provider="doks", name="dogitops-staging"),
                applications=Applications(**none("unknown", "unknown: the cluster could not be asked")),
                apply=applied(4, 112),
                drift=clean,
                backups=Backups(**none("unknown", "unknown: SPACES_ACCESS_KEY_ID is not set")),
                drills=drills([]),
            ),
        ),
    )
