"""Documents as ``tofu show -json`` writes them, made by hand and kept in tests/fixtures/plans."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from automation.opentofu.plan import Plan, ResourceChange, parse
from automation.opentofu.redact import Redactor

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "plans"


def change(address: str = "terraform_data.a", *actions: str, **more: Any) -> dict[str, Any]:
    """Return a resource change; ``more`` goes into its change, except for what belongs beside it."""
    beside = ("previous_address", "deposed", "action_reason", "mode", "type", "module_address")
    parts = re.sub(r"\[[^]]*\]", "", address).split(".")
    raw = {
        "address": address,
        "mode": "managed",
        "type": parts[-2],
        "name": parts[-1],
        "provider_name": "terraform.io/builtin/terraform",
        "change": {"actions": list(actions or ("update",)), "before": None, "after": None},
    }
    for key, value in more.items():
        (raw if key in beside else raw["change"])[key] = value  # type: ignore[index]
    return raw


def document(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"format_version": "1.2", "terraform_version": "1.12.6", "resource_changes": list(changes), **more}


def planned(*changes: dict[str, Any], redactor: Redactor | None = None, **more: Any) -> Plan:
    return parse(document(*changes, **more), redactor)


def one(before: Any, after: Any, **more: Any) -> ResourceChange:
    """Return the change of one resource that is updated (or created, or deleted) between two values."""
    actions = ("create",) if before is None else ("delete",) if after is None else ("update",)
    (found,) = planned(change("x_thing.a", *actions, before=before, after=after, **more)).resources
    return found


def fixture(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return found
