"""What is told of the environment ``there``, and evidence of its drills."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from automation.github.client import GitHub
from automation.jobs.recovery.evidence import signing_key
from automation.jobs.status.overview import overview
from automation.overview.document import Environment
from automation.recovery import evidence, evidence_report
from automation.site import Site
from automation.workspace import Workspace
from tests.integration.jobs.test_recovery import PASSED

COMMIT = "4f1c29d07c6f4c0d8a0c9a4a3a5b7e6d21f08b3c"


def look(workspace: Workspace, github: GitHub | None = None, now: datetime | None = None) -> Environment:
    """Return what is told of the environment ``there``."""
    [found] = overview(workspace, ["there"], github=github, now=now).environments
    return found


def drilled(site: Site, days: float, now: datetime, *, key: evidence.SigningKey | None = None, **more: Any) -> Path:
    finished = (now - timedelta(days=days)).timestamp()
    report = {**PASSED, "started": finished - 300, "finished": finished, "run": f"r{days}", **more}
    file, _ = evidence_report.write(
        site.kept / "evidence", evidence.Evidence.model_validate(report), key or signing_key(site)
    )
    return file
