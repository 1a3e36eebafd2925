"""An operation: something a test does to the simulator, under its lock, with the state saved afterwards."""

from __future__ import annotations

import base64
import functools
import inspect
import json
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from automation.errors import DogitopsError
from automation.simulators.github.answers import Answer, ApiError, Call
from automation.simulators.github.world import World

P = ParamSpec("P")
R = TypeVar("R")
_MARK = "_is_operation"
_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "dict": (dict,),
    "list": (list,),
    "bytes": (str,),
}


class Driven(Protocol):
    """What has operations."""

    world: World


S = TypeVar("S", bound=Driven)


def operation(function: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Make a method an operation. What GitHub itself would refuse raises DogitopsError with GitHub's words."""

    @functools.wraps(function)
    def locked(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
        store = self.world.store
        with store.lock:
            try:
                return function(self, *args, **kwargs)
            except ApiError as error:
                raise DogitopsError(f"The GitHub simulator refused {function.__name__}: {_words(error)}") from error
            finally:
                store.save()

    setattr(locked, _MARK, True)
    return locked  # type: ignore[return-value]  # mypy names self, and a plain Callable has no names


def answer(driven: Driven, call: Call) -> Answer:
    """Carry out POST /_simulator/NAME (or GET, for an operation that needs no arguments)."""
    name = call.path.removeprefix("/_simulator").strip("/")
    method = getattr(driven, name, None) if name.isidentifier() and not name.startswith("_") else None
    if method is None or not getattr(method, _MARK, False):
        return Answer({"message": f"The simulator has no operation {name!r}."}, 404)
    try:
        given = call.fields() if call.method == "POST" else dict(call.query)
        result = method(**_arguments(method, given))
    except ApiError as error:
        return error.answer()
    except (DogitopsError, TypeError, ValueError) as error:
        return Answer({"message": str(error)}, 422)
    return Answer(_jsonable(result))


def _arguments(method: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    signature = inspect.signature(method)
    try:
        signature.bind(**given)
    except TypeError as error:
        names = ", ".join(signature.parameters)
        raise ValueError(f"{error}; the arguments are: {names}") from error
    arguments = {}
    for name, value in given.items():
        words = [word.strip() for word in str(signature.parameters[name].annotation).split("|")]
        allowed = tuple(kind for word in words for kind in _KINDS.get(word.partition("[")[0], (str,)))
        if value is not None and not isinstance(value, allowed):
            raise ValueError(f"{name} is a {type(value).__name__}, and {' or '.join(words)} is needed")
        binary = "bytes" in words and isinstance(value, str)
        arguments[name] = base64.b64decode(str(value), validate=True) if binary else value
    return arguments


def _jsonable(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda it: base64.b64encode(it).decode()))


def _words(error: ApiError) -> str:
    details = [it if isinstance(it, str) else it.get("message", json.dumps(it)) for it in error.body.get("errors", [])]
    return "; ".join([f"{error.status} {error.body['message']}", *details])
