"""The shape of what is known of all environments, as ``dogitops status --json`` prints it: version 1.

Every text in it was masked (:func:`automation.secret.masked`) and freed of control characters, line ends and marks that
turn the direction of writing around: names and messages come from clusters, branches and artifacts of others.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    ValidationError,
    model_validator,
)

from automation.environment import Name
from automation.errors import ConfigurationError
from automation.secret import masked

VERSION: Final = 1
SHOWN: Final = 10  # drills of each environment
_LONGEST: Final = 600  # characters of a text
_LARGEST: Final = 32 * 1024 * 1024  # bytes of a document
_LINKS: Final = ("https://", "http://localhost", "http://127.0.0.1")

# "good": seen, and as it should be. "bad": seen, and not so. "neutral": seen, and nothing to judge, such as a cluster
# that was not made. "unknown": not seen from here.
Standing = Literal["good", "bad", "neutral", "unknown"]
_WORST_FIRST: Final[tuple[Standing, ...]] = ("bad", "unknown", "neutral", "good")


def plain(text: str) -> str:
    """Return text that may be shown: secrets masked, on one line, without characters that are not seen, and cut."""
    line = " ".join(masked(str(text)).split())
    # Cc control, Cf format (also what turns directions), Cs surrogates, Co private use, Cn not assigned
    seen = "".join("\ufffd" if unicodedata.category(one)[0] == "C" else one for one in line)
    return seen if len(seen) <= _LONGEST else f"{seen[: _LONGEST - 1]}…"


def _linkable(address: str) -> str:
    """Return an address that a page may link to, else nothing: what is no web address may be a script."""
    text = plain(address)
    return text if text == address and text.startswith(_LINKS) and not set(text) & set(" \"'<>`\\") else ""


Text = Annotated[str, BeforeValidator(lambda value: plain(value) if isinstance(value, str) else value)]
Link = Annotated[str, AfterValidator(_linkable)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Fact(_Value):
    """Something that is looked at: how it stands, and a phrase that says so, with the reason where it isn't known."""

    standing: Standing
    told: Text

    def stands(self, standing: Standing, told: str) -> Self:
        """Return it with another standing and other words, held against the shape again."""
        return type(self).model_validate({**self.model_dump(), "standing": standing, "told": told})


class Cluster(_Fact):
    """The cluster; numbers are None, and ``kubernetes`` empty, where it was not asked."""

    provider: Text
    name: Text
    nodes: NonNegativeInt | None = None
    ready: NonNegativeInt | None = None
    kubernetes: Text = ""


class Application(_Value):
    """An Application of Argo CD; ``version`` is its chart's or images', ``revision`` the commit it is held against."""

    name: Text
    zone: Text
    version: Text
    revision: Text
    sync: Text
    health: Text
    message: Text = ""

    @property
    def good(self) -> bool:
        """Whether it is as Git says, and well."""
        return (self.sync, self.health) == ("Synced", "Healthy")


class Applications(_Fact):
    """What Argo CD says; ``argocd`` is its own version."""

    argocd: Text = ""
    revision: Text = ""
    listed: tuple[Application, ...] = ()


class Apply(_Fact):
    """The last apply: when, which commit, by which pull request, as far as that is known."""

    at: AwareDatetime | None = None
    commit: Text = ""
    pull_request: NonNegativeInt | None = None
    url: Link = ""


class Drift(_Fact):
    """When drift was last looked for; ``url`` is the issue that tells of it, else the run that looked."""

    looked: AwareDatetime | None = None
    url: Link = ""


class Backup(_Value):
    """A backup; ``whole`` where Velero calls it completed."""

    name: Text
    phase: Text
    whole: bool
    started: AwareDatetime | None
    finished: AwareDatetime | None = None

    @property
    def failed(self) -> bool:
        """Whether it ended without being whole; one that is still being made did not."""
        return "Failed" in self.phase or self.phase == "Unreadable"


class Backups(_Fact):
    """The newest backups, newest first; ``source`` is where they were seen."""

    source: Literal["cluster", "bucket", ""] = ""
    listed: tuple[Backup, ...] = ()

    def newest(self) -> Backup | None:
        """Return the newest whole backup whose time is known."""
        whole = [(one.started, one) for one in self.listed if one.whole and one.started is not None]
        return max(whole, key=lambda pair: pair[0])[1] if whole else None


class Phase(_Value):
    """A phase of a drill."""

    name: Text
    seconds: NonNegativeFloat


class Drill(_Value):
    """A drill whose evidence was verified: its signature, and that it is of this environment."""

    run: Text
    where: Text
    commit: Text
    provider: Text
    backup: Text
    started: AwareDatetime
    finished: AwareDatetime
    verdict: Literal["passed", "failed"]
    rto_seconds: NonNegativeFloat | None
    rpo_seconds: NonNegativeFloat | None
    phases: tuple[Phase, ...]
    reasons: tuple[Text, ...] = ()


class Unverified(_Value):
    """Evidence that is not believed: where it lies, and why. Nothing of what it says is shown."""

    where: Text
    why: Text


class Drills(_Fact):
    """The newest drills, newest first, and the largest RTO and RPO (seconds) that pass."""

    max_rto_seconds: float | None = None
    max_rpo_seconds: float | None = None
    listed: tuple[Drill, ...] = ()
    unverified: tuple[Unverified, ...] = ()


@dataclass(frozen=True)
class Facts:
    """All that is looked at in an environment."""

    cluster: Cluster
    applications: Applications
    apply: Apply
    drift: Drift
    backups: Backups
    drills: Drills


class Environment(_Value):
    """What was seen of one environment when it was ``looked`` at."""

    name: Name
    description: Text
    looked: AwareDatetime
    standing: Standing
    cluster: Cluster
    applications: Applications
    apply: Apply
    drift: Drift
    backups: Backups
    drills: Drills

    @classmethod
    def of(cls, name: str, description: str, looked: datetime, facts: Facts) -> Environment:
        """Return an environment that stands as its facts do."""
        told = {one: getattr(facts, one) for one in facts.__dataclass_fields__}
        standing = judged([fact.standing for fact in told.values()])
        return cls(name=name, description=description, looked=looked, standing=standing, **told)

    @property
    def facts(self) -> tuple[tuple[str, _Fact], ...]:
        """What it is made of, each with its name."""
        return (
            ("cluster", self.cluster),
            ("applications", self.applications),
            ("last apply", self.apply),
            ("drift", self.drift),
            ("last backup", self.backups),
            ("last drill", self.drills),
        )

    @model_validator(mode="after")
    def _stands_as_its_facts(self) -> Self:
        expected = judged([fact.standing for _, fact in self.facts])
        if self.standing != expected:
            raise ValueError(f"it stands as {self.standing!r}, and its facts as {expected!r}")
        return self


class Overview(_Value):
    """All that is known of all environments; ``commit`` is the one that was checked out."""

    version: Literal[1] = 1
    made: AwareDatetime
    repository: Text
    commit: Text
    run_url: Link = ""
    environments: tuple[Environment, ...]

    def to_json(self) -> str:
        """Return the document as JSON."""
        return self.model_dump_json(indent=2)

    def counted(self) -> dict[Standing, int]:
        """Return how many environments stand how, the worst first."""
        return {one: sum(env.standing == one for env in self.environments) for one in _WORST_FIRST}


def judged(standings: Sequence[Standing]) -> Standing:
    """Return how an environment stands whose facts (the cluster first) stand like this.

    What is bad counts most. Without a cluster there is nothing to be good; what is not known is never good.
    """
    if "bad" in standings:
        return "bad"
    if standings[0] == "neutral":
        return "neutral"
    return "unknown" if "unknown" in standings else "good"


def read(path: Path) -> Overview:
    """Return the document in a file. Raises ConfigurationError for anything else."""
    where = f"{path} is no document of 'dogitops status --json'"
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigurationError(f"{where}: it is larger than {_LARGEST:,} bytes.")
        return Overview.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"{where} that this version knows: {f'{place}: ' if place else ''}{first['msg']}.",
            hint="Make it anew with the same version of dogitops.",
        ) from error


def merged(base: Overview, others: Iterable[Overview]) -> Overview:
    """Return ``base`` with what ``others`` have seen of the same environments or of more; the latest look counts."""
    latest = {one.name: one for one in base.environments}
    for other in others:
        for one in other.environments:
            if one.name not in latest or latest[one.name].looked <= one.looked:
                latest[one.name] = one
    ordered = tuple(latest[name] for name in sorted(latest))
    return base.model_copy(update={"environments": ordered})


def schema() -> str:
    """Return the JSON Schema of the document."""
    return json.dumps(Overview.model_json_schema(), indent=2, sort_keys=True)
