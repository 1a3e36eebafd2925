"""A GitHub that keeps state, for tests and for trying workflows without an account: real clients believe it.

The contents live in a real Git repository, bare or not: branches, pull requests' diffs, ``refs/pull/N/head`` and
``refs/pull/N/merge``, merges. Whatever is pushed there with git is noticed at the next request. In a test::

    with GitHubSimulator() as hub:                       # a free port on loopback, some 50 ms
        hub.add_repository("acme/platform", "/path/of/a/git/repository")
        hub.set_role("acme/platform", "alice", "maintain")
        token = hub.create_token(permissions={"contents": "read", "pull-requests": "write", "statuses": "write"})
        hub.push("acme/platform", "change", {"main.tf": "…"}, login="alice")
        number = hub.open_pull_request("acme/platform", "change", login="alice")
        client = github.Github(base_url=hub.url, auth=github.Auth.Token(token), seconds_between_requests=0,
                               seconds_between_writes=0)
        hub.add_fault("apply-then-answer", "POST", "*/comments", status=502)
        …
        hub.comments("acme/platform", number)            # with "minimized"
        hub.event("acme/platform", "pull_request")       # the payload for GITHUB_EVENT_PATH or act -e
        assert hub.unknown() == []                       # no request that it does not know

``create_token()`` without permissions for a person (``login="alice"``) is that person's own token; for
``github-actions[bot]``, the default login, permissions are those of the job. Repositories are private unless they
are added with ``private=False``: then reading needs no permission.
All operations are methods of :class:`Driver`, and ``POST /_simulator/NAME`` with a JSON object over HTTP.
A request that no route knows is answered 501 and remembered.

state (model, store), parsing (answers, routing, gate), routes, shapes (the JSON), Git (git, diff, pull_requests) and
what people do (deeds, driver) are apart.
"""

from __future__ import annotations

from automation.simulators.github.simulator import GitHubSimulator

__all__ = ["GitHubSimulator"]
