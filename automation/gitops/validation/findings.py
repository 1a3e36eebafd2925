"""What is wrong in ``gitops/``, each with its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from automation.errors import ConfigurationError, DogitopsError, Refused

# Each rule in a few words. Those of the second group guard the cluster: what they find could be applied, and must not.
WRONG: Final = {
    "contents": "a table of contents, chart.yaml or environment.yaml that is not as it must be",
    "missing-component": "an environment names a component that is not there",
    "unrendered": "a folder that kustomize can't build, or a chart that helm can't render",
    "not-pinned": "a version, an image or a remote base that may change without a commit",
    "unknown-values": "values that the chart does not know",
    "empty-secret": "a secret source without a value",
    "undeclared-secret": "a Secret that is needed, and that nothing makes",
    "dangling": "a reference to something that the cluster does not have",
    "cluster-version": "a cluster older, or newer, than a component supports",
    "claimed-twice": "two applications claim one object",
    "schema": "a manifest that its schema refuses",
    "no-namespace": "an application goes to a namespace that nothing makes",
}
REFUSED: Final = {
    "not-allowed": "an address, a namespace or a kind that the project does not allow",
    "cluster-admin": "all rights, without a reason",
    "pod-security": "a namespace without a Pod Security level",
    "prunable": "data that a commit could remove",
}
RULES: Final = {**WRONG, **REFUSED}


@dataclass(frozen=True, order=True)
class Finding:
    """What is wrong at a line (from 1) of a file of the repository, and in which environments."""

    file: str
    line: int
    rule: str
    message: str
    environments: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Report:
    """What was found, what could not be looked at, and how much was."""

    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]
    environments: tuple[str, ...]
    manifests: int

    def fail(self) -> None:
        """Raise where there is a finding: ConfigurationError, or Refused where guards alone found something."""
        if not self.findings:
            return
        many = len(self.findings)
        kind: type[DogitopsError] = ConfigurationError
        if all(finding.rule in REFUSED for finding in self.findings):
            kind = Refused
        raise kind(
            f"{many:,} {'thing is' if many == 1 else 'things are'} not as they must be in gitops/ or its environments."
            if many > 1
            else "One thing is not as it must be in gitops/ or its environments.",
            hint="The table names file and line of each. Nothing was applied.",
        )


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings in order, each once, with all environments that it was found in."""
    found: dict[Finding, set[str]] = {}
    for finding in findings:
        found.setdefault(replace(finding, environments=()), set()).update(finding.environments)
    return tuple(sorted(replace(one, environments=tuple(sorted(names))) for one, names in found.items()))
