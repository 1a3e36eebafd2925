"""The routes of the API, and all of them in one table."""

from __future__ import annotations

from automation.simulators.github.routes import actions, checks, code, data, graphql, issues, pulls, repos
from automation.simulators.github.routing import Routes

# checks before code: /commits/REF/status before /commits/REF, whose REF may have slashes
routes = Routes(
    [route for part in (repos, pulls, issues, checks, code, data, actions, graphql) for route in part.routes.table]
)
