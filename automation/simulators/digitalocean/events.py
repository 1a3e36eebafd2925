"""How resources in different files reach each other: shapes, steps that happen later, and what is told to others.

The cloud is handed through, and nothing is asked of it here: it stands on this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from automation.simulators.digitalocean.model import Resource

F = TypeVar("F", bound=Callable[..., Any])

_shapes: dict[type, Callable[..., Any]] = {}
_steps: dict[str, Callable[..., None]] = {}
_listeners: dict[str, list[Callable[..., None]]] = defaultdict(list)


class StepFailed(Exception):  # noqa: N818 - it is an outcome
    """Ends a step whose action is to be ``errored``."""


def shape(cls: type) -> Callable[[F], F]:
    """Register ``function(cloud, resource)`` that returns the JSON of a resource of that class."""

    def register(function: F) -> F:
        _shapes[cls] = function
        return function

    return register


def shape_of(resource: Resource) -> Callable[..., Any]:
    """Return how a resource is shown."""
    return _shapes[type(resource)]


def step(name: str) -> Callable[[F], F]:
    """Register ``function(cloud, **given)`` for :meth:`Cloud.later`. What it acts on may be gone when it runs."""

    def register(function: F) -> F:
        _steps[name] = function
        return function

    return register


def run_step(cloud: object, name: str, given: dict[str, Any]) -> None:
    """Run a step. Raises StepFailed."""
    _steps[name](cloud, **given)


def listens(topic: str) -> Callable[[F], F]:
    """Register ``function(cloud, **what)`` for a topic that others :func:`tell`, such as ``droplet.deleted``."""

    def register(function: F) -> F:
        _listeners[topic].append(function)
        return function

    return register


def tell(cloud: object, topic: str, **what: Any) -> None:
    """Tell who listens."""
    for function in _listeners[topic]:
        function(cloud, **what)


_answers: dict[str, Callable[..., Any]] = {}


def answers(question: str) -> Callable[[F], F]:
    """Register ``function(cloud, **about)``, the one that answers a question of others, such as ``vpc.of_droplet``."""

    def register(function: F) -> F:
        _answers[question] = function
        return function

    return register


def ask(cloud: object, question: str, default: Any, **about: Any) -> Any:
    """Return what a question is answered with, ``default`` when nobody does."""
    function = _answers.get(question)
    return default if function is None else function(cloud, **about)
