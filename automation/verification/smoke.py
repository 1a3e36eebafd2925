"""An application used as its users do: pages and API answer in time, what is made is shown, no log has errors."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Final

from automation import wait
from automation.errors import DeadlineExceeded
from automation.expectations import Tried
from automation.kube import Kube, KubernetesError
from automation.verification.entrance import Entrance
from automation.verification.seen import Seen, look, none_of

GROUP: Final = "smoke"
_SHOWN_WITHIN: Final = 10.0  # seconds from making to being seen
_PATIENCE: Final = 10.0  # seconds for an answer, however slow
_OK: Final = 200
_SUCCESS: Final = range(200, 300)
# A level in a line of JSON or of key=value, a word in capitals as loggers write it, a stack trace.
_ERROR: Final = re.compile(
    r"(?i:(?:level|severity)\\?\"?\s*[:=]\s*\\?\"?(?:error|fatal|critical|panic)\b)|\b(?:ERROR|FATAL|CRITICAL)\b"
    r"|^panic: |\bTraceback \(most recent call last\)"
)
_LINES: Final = 300  # of each container's log


def checks(kube: Kube, entrance: Entrance, wanted: Tried) -> Iterator[Seen]:
    """Yield what is seen of the application; what was made for that is taken away again."""
    yield look(GROUP, "frontend answers", lambda: _answers(entrance, wanted.frontend, wanted.seconds))
    yield look(GROUP, "backend answers", lambda: _answers(entrance, wanted.api, wanted.seconds))
    title = f"dogitops verify {secrets.token_hex(6)}"
    made: list[str] = []
    yield look(GROUP, "a task is made", lambda: _make(entrance, wanted, title, made))
    if made:
        yield look(GROUP, "the API lists it", lambda: _shows(entrance, wanted.create, title))
        yield look(GROUP, "the frontend shows it", lambda: _shows(entrance, wanted.frontend, title))
        yield look(GROUP, "it is taken away again", lambda: _take_away(entrance, f"{wanted.create}/{made[0]}"))
    namespace = wanted.ingress.partition("/")[0]
    yield look(GROUP, "no errors in logs", lambda: _logs(kube, namespace))


def _answers(entrance: Entrance, path: str, seconds: float) -> tuple[bool, str]:
    answer = entrance.ask("GET", path, timeout=_PATIENCE)
    told = f"{answer.status} in {answer.seconds * 1000:.0f} ms, {entrance.told}"
    if answer.status != _OK:
        return False, told
    return answer.seconds <= seconds, told + ("" if answer.seconds <= seconds else f", {seconds:.1f} s are allowed")


def _make(entrance: Entrance, wanted: Tried, title: str, made: list[str]) -> tuple[bool, str]:
    answer = entrance.ask("POST", wanted.create, {wanted.field: title}, timeout=_PATIENCE)
    if answer.status not in _SUCCESS:
        return False, f"POST {wanted.create} is answered with {answer.status}"
    try:
        made.append(str(json.loads(answer.text)["id"]))
    except (ValueError, KeyError, TypeError):
        return False, f"the answer to POST {wanted.create} has no id"
    return True, f"number {made[0]}"


def _shows(entrance: Entrance, path: str, title: str) -> tuple[bool, str]:
    def shown() -> bool:
        return title in entrance.ask("GET", path, timeout=_PATIENCE).text

    try:
        wait.until(shown, "it", timeout=_SHOWN_WITHIN, interval=0.5)
    except DeadlineExceeded:
        return False, f"GET {path} does not show it within {_SHOWN_WITHIN:.0f} s"
    return True, f"GET {path} shows it"


def _take_away(entrance: Entrance, path: str) -> tuple[bool, str]:
    answer = entrance.ask("DELETE", path, timeout=_PATIENCE)
    return answer.status in _SUCCESS, f"DELETE {path} is answered with {answer.status}"


def _logs(kube: Kube, namespace: str) -> tuple[bool, str]:
    wrong, count = [], 0
    for pod in kube.list("v1", "Pod", namespace):
        for container in pod["spec"]["containers"]:
            name = pod["metadata"]["name"]
            try:
                lines = kube.logs(namespace, name, container=container["name"], lines=_LINES).splitlines()
            except KubernetesError as error:  # one that never started has no log: the pods' check says so
                wrong.append(f"{name}: {error.message}")
                continue
            count += len(lines)
            bad = [line for line in lines if _ERROR.search(line)]
            wrong += [f"{name} {container['name']}: {len(bad)} lines, the last: {bad[-1][:160]}"] if bad else []
    return none_of(wrong, f"{count} lines of {namespace}")
