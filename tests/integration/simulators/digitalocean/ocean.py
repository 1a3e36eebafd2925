"""How tests talk to the simulated DigitalOcean."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

import pydo
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from automation.simulators.digitalocean import DigitalOceanSimulator

DROPLET = {"name": "web", "region": "fra1", "size": "s-1vcpu-1gb", "image": "ubuntu-24-04-x64"}


class Bearer(SansIOHTTPPolicy):  # type: ignore[type-arg]
    """Sends the token to http addresses, too, which pydo's own policy refuses."""

    def __init__(self, token: str) -> None:
        self._token = token

    def on_request(self, request: PipelineRequest[Any]) -> None:
        request.http_request.headers["Authorization"] = f"Bearer {self._token}"


def client_of(cloud: DigitalOceanSimulator, token: str | None = None, **more: Any) -> pydo.Client:
    """Return pydo against the simulator, with a token of full access unless another is given; it retries nothing."""
    token = token or cloud.token()
    return pydo.Client(
        token=token, endpoint=cloud.url, authentication_policy=Bearer(token), **({"retry_total": 0} | more)
    )


def ask(
    cloud: DigitalOceanSimulator, method: str, path: str, body: bytes | None = None, token: str | None = None
) -> tuple[int, Mapping[str, str], Any]:
    connection = http.client.HTTPConnection(cloud.url.removeprefix("http://"), timeout=10)
    connection.request(method, path, body, {"Authorization": f"Bearer {token or cloud.token()}"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, headers, json.loads(content) if content else None


def standing(cloud: DigitalOceanSimulator) -> dict[str, list[str]]:
    """Return what somebody made and nobody deleted, by kind; not what is always there, or only tells of the past."""
    with cloud.lock:
        cloud.settle()
        found = {
            kind: sorted(str(getattr(it, "name", it.id)) for it in every.values() if not _always(it))
            for kind, every in cloud.state.resources.items()
            if kind not in {"actions", "tags"}
        }
    return {kind: names for kind, names in found.items() if names}


def _always(resource: Any) -> bool:
    return any(getattr(resource, word, False) for word in ("default", "is_default", "deleted"))
