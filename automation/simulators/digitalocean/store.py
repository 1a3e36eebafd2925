"""The state as a file."""

from __future__ import annotations

import functools
import heapq
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from automation.errors import ConfigurationError
from automation.simulators.digitalocean.model import Due, Resource, State, Token, kinds

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def save(state: State, path: Path) -> None:
    """Write a state: whole, or not at all."""
    import json  # noqa: PLC0415

    content = {
        "format": 1,
        "counter": state.counter,
        "seed": state.seed,
        "time": state.time,
        "notes": state.notes,
        "tokens": [asdict(token) for token in state.tokens.values()],
        "due": [asdict(due) for due in sorted(state.due)],
        "resources": {name: [_plain(it) for it in found.values()] for name, found in state.resources.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, separators=(",", ":"))
    fresh.replace(path)


def load(path: Path) -> State:
    """Read a state. Raises ConfigurationError when the file is none, or can't be read."""
    import json  # noqa: PLC0415

    from pydantic import ValidationError  # noqa: PLC0415

    try:
        content: dict[str, Any] = json.loads(path.read_text())
        state = State(counter=content["counter"], seed=content["seed"], time=content["time"], notes=content["notes"])
        state.tokens = {token.value: token for token in _of(Token).validate_python(content["tokens"])}
        state.due = _of(Due).validate_python(content["due"])
        heapq.heapify(state.due)
        known = kinds()
        for name, found in content["resources"].items():
            loaded: list[Resource] = _of(cast("Any", known[name])).validate_python(found)
            state.resources[name] = {it.id: it for it in loaded}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            f"{path} is not a state of the DigitalOcean simulator: {told}.",
            hint="Give another file, or remove this one to start anew.",
        ) from error
    return state


def _plain(resource: Resource) -> dict[str, Any]:
    return asdict(resource)  # type: ignore[call-overload,no-any-return]  # every kind is a dataclass


@functools.cache
def _of(cls: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - needed for a kept state only

    return TypeAdapter(list[cls])
