"""An environment that declares Secrets."""

from __future__ import annotations

from typing import Any

import yaml

from automation.jobs.sites import open_site
from automation.site import Site
from automation.workspace import Workspace

MADE = {"namespace": "app", "name": "made", "keys": {"password": {"generate": 24}}}


def declare(workspace: Workspace, facts: dict[str, Any], *declared: dict[str, Any]) -> Site:
    file = workspace.environments / "there" / "environment.yaml"
    file.write_text(yaml.safe_dump({**facts, "secrets": list(declared)}))
    return open_site("there", workspace=workspace)


def one(**source: Any) -> dict[str, Any]:
    return {"namespace": "app", "name": "database-secret", "keys": {"url": source}}
