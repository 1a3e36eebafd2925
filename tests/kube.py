"""The pytest fixture ``kube``: kubetest's names on our own client (docs/kubetest.md says why).

::

    pytest_plugins = ("tests.kube",)          # and a fixture ``kubeconfig`` that returns the file's path

    def test_it_answers(kube):
        web = kube.load_deployment("web.yaml")
        kube.create(web)
        web.wait_until_ready(timeout=60)
        assert len(web.get_pods()) == 2

    @applymanifests("manifests", files=["web.yaml"])
    def test_what_was_applied(kube):
        kube.wait_for_registered(timeout=60)

Each test has a namespace of its own, which is taken away afterwards. Objects are plain manifests (``obj.obj``).
PYTEST_DONT_REWRITE: tests import names from here before pytest loads it as a plugin.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from automation import wait
from automation.kube import Kube, Manifest
from tests.kube_objects import BY_KIND, PATIENCE, ApiObject, Namespace, selector_of, wrapper_of

T = TypeVar("T")

_PLURAL = {kind: re.sub(r"y$", "ie", kind.lower()) + "s" for kind in BY_KIND}


@dataclass
class Condition:
    """A named function that says whether something holds."""

    name: str
    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()

    def check(self) -> bool:
        """Whether it holds now."""
        return bool(self.fn(*self.args))


@dataclass
class TestClient:
    """What the fixture ``kube`` is: it speaks to one cluster, in the test's own ``namespace`` unless told otherwise."""

    __test__ = False  # its name is kubetest's; it is no test

    api: Kube
    namespace: str
    pre_registered: list[ApiObject] = field(default_factory=list)

    def wrap(self, manifest: Manifest) -> ApiObject:
        """Return the object of a manifest; a kind without a type of its own is ready when it exists."""
        return BY_KIND.get(manifest["kind"], wrapper_of(manifest))(manifest, self.api)

    def load(self, path: str | Path, *, set_namespace: bool = True) -> list[ApiObject]:
        """Return the objects of a manifest file, in the test's namespace unless they have one."""
        found = [self.wrap(one) for one in yaml.safe_load_all(Path(path).read_text()) if one]
        for one in found:
            if set_namespace and one.namespaced and one.namespace is None:
                one.namespace = self.namespace
        return found

    def create(self, obj: ApiObject) -> None:
        if obj.namespaced and obj.namespace is None:
            obj.namespace = self.namespace
        obj.create()

    def delete(self, obj: ApiObject) -> None:
        obj.delete()

    @staticmethod
    def refresh(obj: ApiObject) -> None:
        obj.refresh()

    @staticmethod
    def wait_until_created(obj: ApiObject, timeout: float = PATIENCE, interval: float = 0.5) -> None:
        obj.wait_until_created(timeout, interval)

    @staticmethod
    def wait_for_conditions(*conditions: Condition, timeout: float = PATIENCE, interval: float = 0.5) -> None:
        """Wait until each condition has held at least once."""
        unmet = list(conditions)

        def met() -> bool:
            unmet[:] = [one for one in unmet if not one.check()]
            return not unmet

        what = "conditions to be met"
        wait.until(met, what, timeout=timeout, interval=interval, state=lambda: ", ".join(one.name for one in unmet))

    def wait_for_registered(self, timeout: float = PATIENCE, interval: float = 0.5) -> None:
        """Wait until what ``applymanifests`` brought is ready, all of it at once."""
        waiting: list[ApiObject] = []

        def ready() -> bool:
            waiting[:] = [one for one in self.pre_registered if not one.is_ready()]
            return not waiting

        told = "what was registered to be ready"
        wait.until(ready, told, timeout=timeout, interval=interval, state=lambda: ", ".join(map(repr, waiting)))

    def wait_for_ready_nodes(self, count: int, timeout: float = PATIENCE, interval: float = 0.5) -> None:
        def enough() -> bool:
            return sum(node.is_ready() for node in self.get_nodes().values()) >= count

        wait.until(enough, f"{count} ready nodes", timeout=timeout, interval=interval)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Offer ``get_pods``, ``get_nodes``, … and ``load_deployment``, ``load_service``, … of every type."""
        verb, _, what = name.partition("_")
        for kind, plural in _PLURAL.items():
            if verb == "get" and what == plural:
                return lambda namespace=None, labels=None: self._listed(BY_KIND[kind], namespace, labels)
            if verb == "load" and what == kind.lower():
                return lambda path, set_namespace=True, name=None: self._one(kind, path, set_namespace, name)
        raise AttributeError(name)

    def _listed(
        self, kind: type[ApiObject], namespace: str | None, labels: Mapping[str, str] | None
    ) -> dict[str, ApiObject]:
        where = (namespace or self.namespace) if kind.namespaced else None
        found = self.api.list(kind.api_version, kind.kind, where, selector_of(labels) if labels else None)
        return {one["metadata"]["name"]: kind(one, self.api) for one in found}

    def _one(self, kind: str, path: str | Path, set_namespace: bool, name: str | None) -> ApiObject:
        found = [one for one in self.load(path, set_namespace=set_namespace) if one.kind == kind]
        chosen = [one for one in found if name in {None, one.name}]
        if len(chosen) != 1:
            raise ValueError(f"{path} holds {len(chosen)} of {kind} {name or ''}: give the name of one")
        return chosen[0]


def applymanifests(folder: str, files: Sequence[str] | None = None) -> Callable[[T], T]:
    """Create a folder's manifests (beside the test's file) before the test, and register them.

    A marker in kubetest; a decorator here, so that strict markers need not know it.
    """

    def mark(test: T) -> T:
        vars(test).setdefault("applymanifests", []).append((folder, files))
        return test

    return mark


@pytest.fixture
def kube(request: pytest.FixtureRequest, kubeconfig: Path) -> Iterator[TestClient]:
    """Yield a client of the cluster of the fixture ``kubeconfig``, with a namespace for this test alone."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40]
    client = TestClient(Kube(kubeconfig), f"test-{words}-{uuid.uuid4().hex[:6]}")
    Namespace({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": client.namespace}}, client.api).create()
    try:
        account = client.wrap({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})
        account.namespace = client.namespace
        account.wait_until_created()  # no pod is admitted before
        for name, files in getattr(request.function, "applymanifests", []):
            folder = request.path.parent / name
            for file in files or sorted(path.name for path in folder.glob("*.y*ml")):
                for one in client.load(folder / file):
                    client.create(one)
                    client.pre_registered.append(one)
        yield client
    finally:
        client.api.delete("v1", "Namespace", client.namespace)
