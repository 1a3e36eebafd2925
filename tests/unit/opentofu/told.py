"""Plans as comments tell them."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from automation.opentofu import cost, guard
from automation.opentofu.comment import Facts
from automation.opentofu.plan import Plan

from .plans import change

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 65_000
DIGEST = "0123456789abcdef" * 4
SHA = "9c1185a5c5e9fc54612808977ee8f548b2258d31"
RUN = "https://github.com/acme/platform/actions/runs/42"


def examples() -> Any:
    spec = importlib.util.spec_from_file_location("examples", ROOT / "docs" / "examples" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def facts(plan: Plan, **more: Any) -> Facts:
    told: dict[str, Any] = {
        "environment": "production", "digest": DIGEST, "run_url": RUN, "head_sha": SHA,
        "findings": guard.judge(plan), "cost": cost.difference(plan),
        "expires": datetime(2026, 12, 1, 9, 30, tzinfo=UTC),
    }  # fmt: skip
    return Facts(**{**told, **more})


def thing(address: str, *actions: str, before: Any = None, after: Any = None, **more: Any) -> dict[str, Any]:
    return change(address, *actions, before=before, after=after, **more)


actions = st.sampled_from(
    [["create"], ["update"], ["delete"], ["delete", "create"], ["create", "delete"], ["forget"], ["read"], ["no-op"]]
)
