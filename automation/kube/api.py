"""The wire to one Kubernetes API server: requests, retries, exec, and errors in words.

:mod:`automation.kube.client` builds the verbs on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from automation import wait
from automation.errors import ConfigurationError, DeadlineExceeded, DogitopsError
from automation.kube.shell import converse, question

JSON: Final = "application/json"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"

_TIMEOUT: Final = (5.0, 60.0)  # seconds to connect, and to read an answer
_PATIENCE: Final = 10.0  # seconds for which a repeatable request is tried again
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})

Query = Iterable[tuple[str, str]]


class KubernetesError(DogitopsError):
    """The API said no, or could not be reached; ``status`` is the HTTP status, 0 where there was no answer."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.status in _TRANSIENT or (self.status == 0 and self.reason != "TLS")


class Api:
    """One connection pool to the server named by the current context of ``kubeconfig``."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._connected: Any = None

    @property
    def host(self) -> str:
        """The server's URL."""
        return str(self._client.configuration.host)

    def reset(self) -> None:
        """Forget the connections and the credentials; the next request reads the kubeconfig again."""
        if self._connected is not None:
            self._connected.client.rest_client.close()
        self._connected = None

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        patience: float = _PATIENCE,
    ) -> Any:
        """Send one request and return its JSON answer (text where ``accept`` asks for no JSON).

        Connection errors, 429 and 5xx are tried again for ``patience`` seconds: pass 0 for what must not
        be repeated. Raises KubernetesError.
        """
        last: list[KubernetesError] = []

        def attempt() -> list[Any] | None:
            try:
                return [self._once(method, path, list(query), body, content_type=content_type, accept=accept)]
            except KubernetesError as error:
                if not error.transient or not patience:
                    raise
                last[:] = [error]
                return None

        try:
            return wait.until(attempt, f"{method} {path}", timeout=patience, interval=0.5)[0]
        except DeadlineExceeded:
            raise last[0] from None

    def execute(
        self,
        namespace: str,
        pod: str,
        argv: Sequence[str],
        *,
        container: str | None,
        stdin: bytes | None,
        timeout: float,
    ) -> str:
        """Run ``argv`` in a container over a WebSocket; see :meth:`automation.kube.Kube.execute`."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
        query = question(argv, container, has_stdin=stdin is not None)
        where = f"{namespace}/{pod}"
        last: list[KubernetesError] = []

        def attempt() -> Any:
            try:
                return self._websocket(path, query)
            except KubernetesError as error:
                if not error.transient:
                    raise
                last[:] = [error]  # the handshake failed, so nothing ran: it may be tried again
                return None

        try:
            socket = wait.until(attempt, f"a shell in {where}", timeout=min(_PATIENCE, timeout), interval=0.5)
        except DeadlineExceeded:
            raise last[0] from None
        try:
            return converse(socket, where, argv, stdin, timeout)
        finally:
            socket.close(timeout=0.2)  # do not wait for a farewell from a command that hangs

    @property
    def _client(self) -> Any:
        return self._dynamic.client

    @property
    def _dynamic(self) -> Any:
        if self._connected is None:
            self._connected = _connect(self.kubeconfig)
        return self._connected

    def _once(
        self, method: str, path: str, query: list[tuple[str, str]], body: Any, *, content_type: str, accept: str
    ) -> Any:
        dynamic = self._dynamic
        from kubernetes.dynamic.exceptions import DynamicApiError  # noqa: PLC0415 - heavy
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - heavy

        try:
            answer = dynamic.request(
                method,
                path,
                body=body,
                query_params=query,
                content_type=content_type,
                header_params={"Accept": accept},
                serialize=False,
                _request_timeout=_TIMEOUT,
            )
            raw: bytes = answer.data
        except DynamicApiError as error:
            raise _explained(self.host, method, path, error.status, error.body or error.reason) from error
        except (HTTPError, OSError) as error:
            raise _unreachable(self.host, str(error)) from error
        text = raw.decode(errors="replace")
        if JSON not in accept:
            return text
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text

    def _websocket(self, path: str, query: list[tuple[str, str]]) -> Any:
        client = self._client
        import websocket  # noqa: PLC0415 - heavy

        streams = _library().stream.ws_client
        websocket.setdefaulttimeout(30)
        _, url, headers, *_ = client.param_serialize(
            "GET", path, query_params=[], header_params={}, auth_settings=["BearerToken"]
        )
        headers = {name.lower(): value for name, value in headers.items()}
        try:
            return streams.WSClient(
                client.configuration, streams.get_websocket_url(url, query), headers, capture_all=False, binary=True
            )
        except websocket.WebSocketBadStatusException as error:
            told = bytes(error.resp_body or b"").decode(errors="replace")
            raise _explained(self.host, "exec", path, error.status_code, told or str(error)) from error
        except (websocket.WebSocketException, OSError) as error:
            raise _unreachable(self.host, str(error)) from error


def _connect(kubeconfig: Path) -> Any:
    if not kubeconfig.is_file():
        raise ConfigurationError(
            f"There is no kubeconfig at {kubeconfig}.", hint="The cluster does not exist yet, or was made elsewhere."
        )
    import urllib3  # noqa: PLC0415 - heavy
    import yaml  # noqa: PLC0415 - heavy

    library = _library()
    configuration = library.client.Configuration()
    configuration.retries = False  # we repeat ourselves, with a limit and a reason
    try:
        library.config.load_kube_config(
            config_file=str(kubeconfig), client_configuration=configuration, persist_config=False
        )
    except (library.config.ConfigException, yaml.YAMLError, LookupError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The kubeconfig {kubeconfig} cannot be used: {error}", hint="Make the cluster's kubeconfig again."
        ) from error
    if not configuration.verify_ssl:  # as the kubeconfig says; a warning with every request helps nobody
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return library.dynamic.DynamicClient(library.client.ApiClient(configuration), discoverer=_no_discovery)


def _library() -> Any:
    import kubernetes  # noqa: PLC0415 - the import takes a second

    return kubernetes


def _no_discovery(*_: Any) -> None:
    """Stand in for the client's own discovery, which keeps a file in /tmp that outlives a rebuilt cluster."""


_HINTS: Final = {
    401: "The credentials in the kubeconfig are not (or no longer) valid: make the kubeconfig again.",
    403: "The user of the kubeconfig lacks this right: use one that administers the cluster.",
    409: "Something else changed the object at the same time: try again.",
    422: "The manifest is wrong: correct the field named above.",
}


def _explained(host: str, method: str, path: str, status: Any, body: Any) -> KubernetesError:
    code = int(status or 0)
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    if code == 0:
        return _unreachable(host, text)
    reason = ""
    try:
        answer = json.loads(text)
        text, reason = str(answer["message"]), str(answer.get("reason", ""))
    except (ValueError, KeyError, TypeError):
        pass
    hint = _HINTS.get(code)
    if code in _TRANSIENT:
        hint = "The API server is busy or starting: try again."
    return KubernetesError(
        f"Kubernetes answered {code} to {method} {path}: {text.strip()}", status=code, reason=reason, hint=hint
    )


def _unreachable(host: str, told: str) -> KubernetesError:
    lowered = told.lower()
    if "certificate" in lowered:  # other TLS errors come from a server that starts or stops
        return KubernetesError(
            f"The certificate of {host} is not the one the kubeconfig expects: {told}",
            reason="TLS",
            hint="The cluster was rebuilt, or another one has its address: make the kubeconfig again.",
        )
    if "refused" in lowered:
        told = "connection refused"
    elif "timed out" in lowered or "timeout" in lowered:
        told = "no answer in time"
    return KubernetesError(
        f"The Kubernetes API at {host} cannot be reached: {told}.",
        hint="Check that the cluster runs ('dogitops status') and that its address is reachable from here.",
    )
