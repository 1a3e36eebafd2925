"""Secrets: seed an environment's into its cluster, and make the generated ones anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from automation import report, yaml_places
from automation.errors import ConfigurationError, DeadlineExceeded, Refused, did_you_mean
from automation.gitops import secrets, workloads
from automation.gitops.workloads import Workload
from automation.jobs.sites import open_site
from automation.secret_sources import SecretDeclaration
from automation.site import Site, lasting

_PATIENCE = 600.0  # seconds for the workloads to roll out


@dataclass(frozen=True)
class Row:
    """One key: where its value comes from, what seeding did or would do with it, and what reads it."""

    place: str
    key: str
    source: str
    what: str
    used_by: tuple[Workload, ...] = ()


def dry_run(site: Site) -> list[Row]:
    """Return what seeding would do, key by key; nothing is made or changed anywhere. Raises as seeding does."""
    known = site.sources.known()
    kube = site.kube if site.reachable() else None
    if kube is None:
        report.note(f"{site.name} has no cluster yet: all would be made")
    found = {
        one.place: kube.get("v1", "Secret", one.name, one.namespace) if kube else None
        for one in site.environment.secrets
    }
    return [
        Row(
            one.declaration.place,
            one.key,
            one.told,
            secrets.state_of(found[one.declaration.place], one.key, one.value),
            _used_by(site, one.declaration) if kube else (),
        )
        for one in known
    ]


def seed(site: Site, *, restart: bool = False) -> list[Row]:
    """Put the environment's Secrets into its cluster; those that hold their values stay.

    With ``restart``, what runs with an older value than its Secret holds is restarted and waited for. Raises
    ConfigurationError before anything is changed where a source has no value, DeadlineExceeded where something does
    not come back.
    """
    specs = site.secrets()
    rows = dry_run(site)
    secrets.seed(site.kube, specs)
    users = sorted(
        {user for one in site.environment.secrets for user in workloads.outdated(site.kube, one.namespace, one.name)}
    )
    if users and restart:
        _restart(site, users)
    elif users:
        report.warn(
            f"These still run with the old values: {_listed(users)}. "
            f"'dogitops secrets seed {site.name} --restart' restarts what reads a Secret that changes."
        )
    words = {"make": "made", "keep": "kept", "change": "changed"}
    return [Row(row.place, row.key, row.source, words[row.what], row.used_by) for row in rows]


@dataclass(frozen=True)
class Rotation:
    """A generated key of which a new value is to be made; ``number`` is its Secret's place in environment.yaml."""

    number: int
    declaration: SecretDeclaration
    key: str

    @property
    def generation(self) -> int:
        """The generation that it has now."""
        return self.declaration.keys[self.key].generation


def to_rotate(site: Site, name: str | None) -> list[Rotation]:
    """Return what a rotation of the Secret ``name`` (or ``namespace/name``; of all without) would make anew.

    Raises ConfigurationError for a name that there is not and for values that are not made here, Refused for those
    that must stay as they are.
    """
    declared = list(enumerate(site.environment.secrets))
    if name is not None:
        chosen = [(number, one) for number, one in declared if name in {one.name, one.place}]
        if not chosen:
            raise ConfigurationError(
                f"{site.name} declares no secret {name!r}.{did_you_mean(name, [one.place for _, one in declared])}",
                hint=f"'dogitops secrets seed {site.name} --dry-run' shows all of them.",
            )
        declared = chosen
    generated = [(number, one, key) for number, one in declared for key, it in one.keys.items() if it.generate]
    stays = {(one.place, key): why for _, one, key in generated if (why := one.permanent(key))}
    rotations = [Rotation(*each) for each in generated if (each[1].place, each[2]) not in stays]
    if name is not None and stays:
        (place, key), why = next(iter(stays.items()))
        raise Refused(
            f"{place} {key} is not made anew: {why}.",
            hint="Nothing was changed. Keep the value; where it is known to somebody it must not be known to, make a "
            "new environment and restore nothing from the old one.",
        )
    if not rotations:
        places = ", ".join(sorted({it.told for _, one in declared for it in one.keys.values()})) or "nowhere"
        raise ConfigurationError(
            f"Nothing of that is generated: the values come from {places}.",
            hint=f"Change them there, and run 'dogitops secrets seed {site.name} --restart'.",
        )
    for (place, key), why in stays.items():
        report.note(f"{place} {key} stays as it is: {why}")
    return rotations


def rotate(site: Site, rotations: Sequence[Rotation]) -> list[Workload]:
    """Make new values, seed them, restart what reads them, and forget the old ones once that runs; return it.

    The generation is raised in environment.yaml. Until the workloads run, the old value is kept: with the old
    generation it is there again. Raises DeadlineExceeded where they do not come back.
    """
    kube = site.kube  # first: without a cluster there is nothing that could run with a new value
    users = sorted({user for one in rotations for user in _used_by(site, one.declaration)})
    file = site.sources.file
    text = file.read_text()
    for one in rotations:
        path: list[str | int] = ["secrets", one.number, "keys", one.key]
        text = yaml_places.with_value(text, path, "generation", one.generation + 1)
    file.write_text(text)
    renewed = open_site(site.name, workspace=site.workspace)
    with report.phase(f"Making {len(rotations)} new"):
        for seeded in secrets.seed(kube, renewed.secrets()):
            report.note(str(seeded))
    try:
        _restart(site, users)
    except DeadlineExceeded as error:
        raise DeadlineExceeded(
            f"{error.message} The old values are kept.",
            hint=f"Look at the pods. To go on: 'dogitops secrets seed {site.name} --restart'. To go back: lower the "
            f"generations in {file.relative_to(site.workspace.root)} again, and then the same command.",
        ) from error
    forget(site, rotations)
    return users


def forget(site: Site, rotations: Iterable[Rotation]) -> None:
    """Remove the old values from where they are kept on this machine (what is derived lies nowhere)."""
    if not lasting.are_derived(site.environment):
        for one in rotations:
            (site.kept / "secrets" / one.declaration.kept_as(one.key, one.generation)).unlink(missing_ok=True)


def _used_by(site: Site, declared: SecretDeclaration) -> tuple[Workload, ...]:
    return tuple(workloads.using(site.kube, declared.namespace, declared.name))


def _restart(site: Site, users: Sequence[Workload]) -> None:
    if users:
        with report.phase(f"Restarting {_listed(users)}"):
            workloads.restart(site.kube, users)
            workloads.wait_until_rolled_out(site.kube, users, timeout=_PATIENCE, progress=report.doing)


def _listed(users: Iterable[Workload]) -> str:
    return ", ".join(str(one) for one in users)
