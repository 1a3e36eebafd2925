"""Ways to an application: by the address of its entrance, or through the cluster's API where there is none."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Protocol

from automation.errors import DogitopsError
from automation.kube import Kube, KubernetesError, Manifest


class Unanswered(DogitopsError):  # noqa: N818 - reads as what happened
    """There was no answer to a request."""


@dataclass(frozen=True)
class Answer:
    """The answer to a request: HTTP status, text, and the seconds that it took."""

    status: int
    text: str
    seconds: float


class Entrance(Protocol):
    """A way to an application."""

    @property
    def told(self) -> str:
        """The way in words."""

    def ask(self, method: str, path: str, body: Any = None, *, timeout: float) -> Answer:
        """Send one request, with a JSON body where one is given. Raises Unanswered."""


def ask(
    method: str, url: str, body: Any = None, *, timeout: float, host: str | None = None, trusted: bool = True
) -> Answer:
    """Send one request over HTTP; ``host`` is the name that it is sent to where the URL has an address alone.

    Raises Unanswered where there is no answer in ``timeout`` seconds, or a certificate that is not ``trusted``.
    """
    import urllib3  # noqa: PLC0415 - heavy
    from urllib3.util import parse_url  # noqa: PLC0415

    where = parse_url(url)
    headers = {"Accept": "*/*", **({"Host": host} if host else {})}
    options: dict[str, Any] = {}
    if where.scheme == "https":
        options = {"server_hostname": host, "assert_hostname": host} if host else {}
        options["cert_reqs"] = "CERT_REQUIRED" if trusted else "CERT_NONE"
    if body is not None:
        headers["Content-Type"] = "application/json"
    began = time.monotonic()
    with urllib3.PoolManager(retries=False, **options) as pool:
        try:
            answer = pool.request(
                method, url, body=json.dumps(body) if body is not None else None, headers=headers, timeout=timeout,
                redirect=False,
            )  # fmt: skip
        except urllib3.exceptions.HTTPError as error:
            raise Unanswered(f"{method} {url}: {_why(error)}") from error
    return Answer(answer.status, answer.data.decode(errors="replace"), time.monotonic() - began)


@dataclass(frozen=True)
class ByAddress:
    """The way by the entrance's ``address``, under the ``host`` name of the application; by TLS where it has it."""

    address: str
    host: str | None
    tls: bool

    @property
    def told(self) -> str:
        """The URL of the application."""
        return f"{'https' if self.tls else 'http'}://{self.host or self.address}"

    def ask(self, method: str, path: str, body: Any = None, *, timeout: float) -> Answer:
        """Send one request to the address, under the host's name."""
        url = f"{'https' if self.tls else 'http'}://{self.address}{path}"
        return ask(method, url, body, timeout=timeout, host=self.host)


@dataclass(frozen=True)
class ByApi:
    """The way through the cluster's API to the Services that an ``ingress`` leads to: no load balancer is needed."""

    kube: Kube
    ingress: Manifest

    @property
    def told(self) -> str:
        """The way in words."""
        return "through the cluster's API"

    def ask(self, method: str, path: str, body: Any = None, *, timeout: float) -> Answer:
        """Send one request to the Service that the path leads to."""
        del timeout  # the API has its own
        service, port = self._backend(path)
        namespace = self.ingress["metadata"]["namespace"]
        began = time.monotonic()
        try:
            text = self.kube.ask_service(namespace, service, port, path, method=method, body=body)
        except KubernetesError as error:
            if not error.status:
                raise Unanswered(f"{method} {path}: {error.message}") from error
            return Answer(error.status, error.message, time.monotonic() - began)
        return Answer(200, text, time.monotonic() - began)

    def _backend(self, path: str) -> tuple[str, str | int]:
        """Return the Service and its port with the longest path that fits."""
        routes = [
            (one["path"], one["backend"]["service"])
            for rule in self.ingress["spec"].get("rules") or ()
            for one in rule.get("http", {}).get("paths") or ()
            if path.startswith(one.get("path", "/"))
        ]
        if not routes:
            raise Unanswered(f"The Ingress leads {path} nowhere.")
        service = max(routes, key=lambda route: len(route[0]))[1]
        port = service["port"]
        return service["name"], port.get("name") or port["number"]


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return " ".join(str(reason).split())[:200]
