"""Judges a plan and the files that it was made from by the project's own rules (``opentofu/policies/*.rego``).

The rules are Rego, run by conftest: it reads OpenTofu's language as well as JSON, has a test runner for rules, and
answers in 20 ms, where checkov takes seconds to start and knows next to nothing about DigitalOcean.

A rule is a package ``rules.<id>`` with ``deny`` (failures) or ``warn`` (warnings); docs/policies.md shows its input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from automation.errors import ConfigurationError, DogitopsError, did_you_mean
from automation.opentofu.policy import given as policy_input
from automation.opentofu.policy.given import Source
from automation.opentofu.redact import Redactor
from automation.process import Completed, run

WAIVER = "waiver"  # the id of our own findings about waivers

_PATIENCE = 120  # seconds
_INSTALL = "Install it with 'dogitops tools install conftest'."


@dataclass(frozen=True)
class PolicyResult:
    """One finding: which ``rule`` says what about which resource, and where it stands.

    ``file`` is relative to the repository, ``line`` counts from 1. ``waived`` says why a finding may stand: the
    reason given in a comment beside the block, or that environment.yaml skips the rule. A waived finding is always
    a warning.
    """

    rule: str
    severity: Literal["failure", "warning"]
    message: str
    address: str | None = None
    file: str | None = None
    line: int | None = None
    waived: str | None = None


def check(
    document: dict[str, Any],
    folder: Path,
    policies: Path,
    skip: Collection[str],
    redactor: Redactor,
    *,
    conftest: Path,
) -> tuple[PolicyResult, ...]:
    """Judge a plan (``tofu show -json``) made in ``folder``, an environment's root; failures come first.

    ``conftest`` is the program. Rules named by ``skip`` are not held against the plan; the results say so, with
    how much each would have found.

    Raises ConfigurationError where the program, the rules or a skipped rule do not exist, and DogitopsError where a
    rule, a file or the plan can't be read.
    """
    source = Source.read(folder, document, lambda files: _parsed(conftest, files))
    known, raw = _judged(conftest, policies, policy_input.document(document, source, redactor), redactor)
    for rule in skip:
        if rule not in known:
            raise ConfigurationError(
                f"plans.skip_policies of environment {folder.name} names {rule!r}, and there is no such policy."
                f"{did_you_mean(rule, known)}",
                hint=f"Known policies: {', '.join(sorted(known))}.",
            )
    found = _waived([_placed(one, source) for one in raw], source, known)
    told = [_skipped(rule, found, folder, source) for rule in sorted(set(skip))]
    results = [_clean(one, redactor) for one in found if one.rule not in skip]
    return (*sorted(_joined(results), key=_order), *told)


def _clean(result: PolicyResult, redactor: Redactor) -> PolicyResult:
    reason = None if result.waived is None else redactor.text(result.waived)
    return replace(result, message=redactor.text(result.message), waived=reason)


def _joined(results: list[PolicyResult]) -> Iterator[PolicyResult]:
    """Yield the results, with the same finding about many instances of a resource as one."""
    found: dict[PolicyResult, set[str | None]] = {}
    for one in results:
        alike = replace(one, address=None if one.address is None else policy_input.without_keys(one.address))
        found.setdefault(alike, set()).add(one.address)
    for alike, addresses in found.items():
        first, *more = sorted(addresses, key=str)
        told = f" The same goes for {len(more)} more of its instances." if more else ""
        yield replace(alike, address=first, message=alike.message + told)


def _order(result: PolicyResult) -> tuple[Any, ...]:
    return (
        result.severity != "failure",
        result.waived is not None,
        result.file or "",
        result.line or 0,
        result.rule,
        result.address or "",
        result.message,
    )


def _parsed(conftest: Path, files: Iterable[Path]) -> dict[Path, dict[str, Any]]:
    """Return the content of OpenTofu files. Raises DogitopsError for one that is not OpenTofu's language."""
    paths = [str(file) for file in files]
    if not paths:
        return {}
    done = _run(conftest, ["parse", "--parser", "hcl2", "--combine", *paths])
    if done.returncode != 0:
        # parse configurations: parser unmarshal: convert to bytes: parse config: [:2,6-3,1: Invalid …], path: FILE
        problem = re.search(r":(\d+),\d+-[\d,]+: (.+?)(?:\n.*)?\]?, path: (.+)", done.text, re.DOTALL)
        if problem is None:
            raise DogitopsError(f"OpenTofu files can't be read: {_tail(done.text)}", hint="Run 'tofu validate'.")
        raise DogitopsError(
            f"{Path(problem[3].strip()).name}, line {problem[1]}, is not OpenTofu's language: {_one_line(problem[2])}",
            hint=f"Correct {problem[3].strip()}; 'tofu validate' says more.",
        )
    return {Path(one["path"]): one["contents"] or {} for one in json.loads(done.stdout)}


def _judged(
    conftest: Path, policies: Path, given: dict[str, Any], redactor: Redactor
) -> tuple[set[str], list[PolicyResult]]:
    """Run the rules on ``given``; return the ids of all rules, and what they found."""
    known = {file.stem for file in policies.glob("*.rego") if not file.stem.endswith("_test")}
    if not known:
        raise ConfigurationError(f"There are no policies in {policies}.", hint="Check that the repository is complete.")
    done = _run(
        conftest,
        [
            "test", "--parser", "json", "--policy", str(policies.resolve()), "--namespace", "rules.*", "--strict",
            "--output", "json", "--no-fail", "--no-color", "--show-builtin-errors", "-",
        ],
        stdin=json.dumps(given),
    )  # fmt: skip
    if done.returncode != 0:
        told = _tail(done.text.replace(f"{policies.resolve()}/", ""))
        clean = "\n".join(redactor.text(line) for line in told.splitlines())
        raise DogitopsError(f"The policies can't be run.\n{clean}", hint=f"Correct the rule in {policies}.")
    results: list[PolicyResult] = []
    for namespace in json.loads(done.stdout) or ():
        rule = namespace["namespace"].removeprefix("rules.")
        if rule not in known:
            raise ConfigurationError(
                f"The package rules.{rule} of {policies} is not in {rule}.rego.",
                hint="A policy's package and its file have the same name.",
            )
        results += (_result(rule, "failure", one) for one in namespace.get("failures", ()))
        results += (_result(rule, "warning", one) for one in namespace.get("warnings", ()))
    return known, results


def _result(rule: str, severity: Literal["failure", "warning"], raw: dict[str, Any]) -> PolicyResult:
    told = raw.get("metadata", {})
    return PolicyResult(rule, severity, raw["msg"], told.get("address"), told.get("file"), told.get("line"))


def _placed(result: PolicyResult, source: Source) -> PolicyResult:
    """Return the result with the place of its resource, where the rule gave none."""
    if result.file is not None or result.address is None:
        return result
    place = source.place(policy_input.without_keys(result.address))
    return result if place is None else replace(result, file=place[0], line=place[1])


def _waived(found: list[PolicyResult], source: Source, known: set[str]) -> list[PolicyResult]:
    """Return the findings, those that a comment allows as warnings, and what is wrong with such comments."""
    results: list[PolicyResult] = []
    used: set[tuple[str, int]] = set()
    for result in found:
        waiver = source.waiver(result.file, result.line, result.rule)
        if waiver is None:
            results.append(result)
            continue
        used.add((result.file or "", waiver.line))
        told = f"{result.message} A comment there allows it."
        results.append(replace(result, severity="warning", message=told, waived=waiver.reason))
    for file, waiver in source.waivers():
        if waiver.rule not in known:
            told = f"There is no policy {waiver.rule!r} to allow.{did_you_mean(waiver.rule, known)}"
            results.append(PolicyResult(WAIVER, "failure", told, None, file, waiver.line))
        elif not waiver.reason:
            told = f"This allows {waiver.rule} without a reason. Write '# dogitops:allow {waiver.rule} REASON'."
            results.append(PolicyResult(WAIVER, "failure", told, None, file, waiver.line))
        elif (file, waiver.line) not in used:
            told = f"This allows {waiver.rule}, but nothing here breaks it. Remove the comment."
            results.append(PolicyResult(WAIVER, "warning", told, None, file, waiver.line))
    return results


def _skipped(rule: str, found: list[PolicyResult], folder: Path, source: Source) -> PolicyResult:
    """Return the result that tells of a skipped rule, at its line in environment.yaml."""
    count = sum(one.rule == rule and one.waived is None for one in found)
    told = {0: "it would have found nothing", 1: "it would have found 1 problem"}.get(
        count, f"it would have found {count} problems"
    )
    settings = folder / "environment.yaml"
    lines = settings.read_text().splitlines() if settings.is_file() else []
    line = next((number for number, text in enumerate(lines, 1) if re.search(rf"\b{re.escape(rule)}\b", text)), None)
    message = f"Skipped by environment.yaml: {told}."
    return PolicyResult(rule, "warning", message, None, source.name(settings), line, "environment.yaml skips it")


def _run(conftest: Path, arguments: list[str], stdin: str | None = None) -> Completed:
    """Run conftest where no conftest.toml lies: a pull request could bring one that leaves rules out."""
    with TemporaryDirectory() as empty:
        return run([conftest, *arguments], cwd=Path(empty), stdin=stdin, check=False, timeout=_PATIENCE, hint=_INSTALL)


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-8:])


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
