"""Cost: what an environment costs a month, from its configuration alone or from a plan of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from automation import report
from automation.errors import ConfigurationError, Refused
from automation.opentofu import bill as bills
from automation.opentofu import estimate
from automation.opentofu.bill import Bill, Budget, Costs
from automation.opentofu.comment.price import money
from automation.toolchain import install
from automation.workspace import Workspace


def bill(name: str, plan: Path | None = None) -> tuple[Bill, Costs]:
    """Return what the environment costs: by the JSON document of a ``plan``, else by its configuration.

    Raises ConfigurationError for an unknown environment and for a file that is no plan.
    """
    workspace = Workspace.find()
    if plan is None:
        document = estimate.plan(workspace, name, install.path("tofu"))
    else:
        estimate.check(workspace, name)
        document = _document(plan)
    told = bills.costs(workspace.environments / name)
    return bills.bill(document, told.beside), told


def show(name: str, found: Bill, told: Costs) -> None:
    """Print the bill as a table, with what must be known about it."""
    if not found.items:
        report.result(f"Nothing that OpenTofu makes for {name} has a price.")
    else:
        rows = [
            [_short(item.name), item.note, money(item.amount)]
            for item in sorted(found.items, key=lambda item: (-item.amount.high, item.name))
        ]
        rows.append(["together", "", money(found.total)])
        report.table(f"What {name} costs a month", ["what", "for", "USD"], rows)
    for one in found.unpriced:
        report.result(f"Not priced: {one.name} ({one.type}): {one.why}.")
    if told.budget is not None:
        report.result(_within(found, told.budget))
        if told.budget.note:
            report.result(told.budget.note)
    report.result(f"List prices of {found.as_of:%Y-%m-%d}, in USD before taxes and traffic.")


def as_json(name: str, found: Bill, told: Costs) -> str:
    """Return the bill as JSON; amounts are USD a month, from ``low`` to ``high``."""
    document: dict[str, Any] = {
        "environment": name,
        "as_of": found.as_of.isoformat(),
        "total": {"low": round(found.total.low, 2), "high": round(found.total.high, 2)},
        "items": [
            {
                "name": item.name,
                "type": item.type,
                "low": round(item.amount.low, 2),
                "high": round(item.amount.high, 2),
                "note": item.note,
            }
            for item in found.items
        ],
        "unpriced": [{"name": one.name, "type": one.type, "why": one.why} for one in found.unpriced],
        "budget": told.budget.model_dump() if told.budget else None,
    }
    return json.dumps(document, indent=2)


def check(name: str, found: Bill, told: Costs) -> None:
    """Raise Refused where the bill may exceed the budget, or where something without a price may."""
    if told.budget is None:
        raise ConfigurationError(
            f"The environment {name} has no budget.", hint=f"Write one into its {bills.FILE}, or leave --check out."
        )
    if round(found.total.high, 2) > told.budget.usd:
        raise Refused(_within(found, told.budget), hint="Make something smaller, or raise the budget.")
    if found.unpriced:
        named = ", ".join(sorted({one.type for one in found.unpriced}))
        raise Refused(
            f"Whether {name} keeps to its budget can't be told: there is no price for all of {named}.",
            hint="Write the price into automation/prices.yaml, with its date and source.",
        )


def _short(address: str) -> str:
    """Return an address without what every address has in it: ``kubernetes.kubernetes_cluster.this``."""
    return re.sub(r"(^|\.)module\.", r"\1", address).replace("digitalocean_", "")


def _within(found: Bill, budget: Budget) -> str:
    left = round(budget.usd - found.total.high, 2)
    said = f"${left:,.2f} below" if left > 0 else "exactly" if left == 0 else f"up to ${-left:,.2f} above"
    return f"The budget is ${budget.usd:,.2f} ({budget.source}): this is {said}{' it' if left else ' that'}."


def _document(file: Path) -> dict[str, Any]:
    hint = "Give what 'tofu show -json PLANFILE' printed."
    try:
        document = json.loads(file.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigurationError(f"{file} can't be read as a plan: {error}", hint=hint) from error
    if not isinstance(document, dict) or not isinstance(document.get("resource_changes", []), list):
        raise ConfigurationError(f"{file} is no plan.", hint=hint)
    return document
