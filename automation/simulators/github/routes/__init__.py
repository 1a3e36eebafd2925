"""The routes of the API, and all of them in one table."""

from __future__ import annotations

from automation.simulators.github.routes import pulls, repos, issues, checks
from automation.simulators.github.routing import Routes

routes = Routes([*repos.routes.table, *pulls.routes.table, *issues.routes.table, *checks.routes.table])
