"""Real clusters behind simulated ones: who makes them, and the thread that they are made in.

A caller that has a way to make clusters hands it in::

    with DigitalOceanSimulator() as cloud, makers.using(cloud, maker):
        …                                   # a cluster that is created is real; its kubeconfig reaches it

When the block ends, the real clusters of that cloud are deleted. Without a maker clusters have no nodes, and their
node objects say so.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from automation import report
from automation.errors import DogitopsError

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

NO_NODE = "There is no real node behind this one: the simulator makes {most} nodes a cluster at most."
NO_NODES = "There is no real node behind this one: the simulator was given nothing that makes clusters."


@dataclass(frozen=True)
class NodeSpec:
    """A node to make: its name, labels, and taints (key, value, effect)."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[tuple[str, str, str], ...] = ()


class ClusterMaker(Protocol):
    """Makes clusters. Every method may take minutes, is called from one thread, and raises DogitopsError."""

    @property
    def most(self) -> int:
        """How many nodes a cluster may have, all its pools together."""

    def create(self, name: str, nodes: Sequence[NodeSpec]) -> None:
        """Make a cluster with these nodes; return when they are Ready."""

    def kubeconfig(self, name: str) -> str:
        """Return the YAML that reaches the cluster from this machine."""

    def resize(self, name: str, nodes: Sequence[NodeSpec]) -> None:
        """Add and remove nodes until the cluster has these, with these labels and taints."""

    def delete(self, name: str) -> None:
        """Remove the cluster and all that belongs to it; nothing to do where there is none."""


@dataclass
class Works:
    """A maker at work for one cloud. ``made`` are the clusters that may have something left of them."""

    maker: ClusterMaker
    made: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "cluster-maker"))

    def create(self, name: str, nodes: Sequence[NodeSpec], done: Callable[[str, str], None]) -> Future[None]:
        """Make a cluster; then call ``done`` with its kubeconfig, or with an empty one and why there is none."""

        def work() -> None:
            with self.lock:
                self.made.add(name)
            try:
                self.maker.create(name, nodes)
                done(self.maker.kubeconfig(name), "")
            except (DogitopsError, OSError) as error:
                report.note(f"The cluster {name} behind the simulated one could not be made: {error}")
                done("", f"the real cluster could not be made: {error}")

        return self.worker.submit(work)

    def resize(self, name: str, nodes: Sequence[NodeSpec], done: Callable[[str], None]) -> Future[None]:
        """Resize a cluster; then call ``done`` with an empty text, or why it failed."""

        def work() -> None:
            try:
                self.maker.resize(name, nodes)
            except (DogitopsError, OSError) as error:
                report.note(f"The nodes of {name} could not be changed: {error}")
                done(f"the real nodes could not be changed: {error}")
            else:
                done("")

        return self.worker.submit(work)

    def delete(self, name: str, done: Callable[[], None] | None = None) -> Future[None]:
        """Remove a cluster, and then call ``done``. What can't be removed is tried again at the end."""

        def work() -> None:
            try:
                self.maker.delete(name)
                with self.lock:
                    self.made.discard(name)
            except (DogitopsError, OSError) as error:
                report.note(f"The cluster {name} could not be removed: {error}")
            finally:
                if done is not None:
                    done()

        return self.worker.submit(work)

    def close(self) -> None:
        """Remove what is left, and end the thread."""
        if self.made:
            report.note(f"Removing the clusters behind the simulated ones: {', '.join(sorted(self.made))}")
        for name in sorted(self.made):
            self.delete(name)
        self.worker.shutdown(wait=True)
        if self.made:
            names = ", ".join(sorted(self.made))
            raise DogitopsError(
                f"Clusters of the simulator could not be removed: {names}.", hint="Remove them by hand."
            )


_works: WeakKeyDictionary[Cloud, Works] = WeakKeyDictionary()


def of(cloud: Cloud) -> Works | None:
    """Return the maker at work for a cloud, None where there is none."""
    return _works.get(cloud)


@contextlib.contextmanager
def using(cloud: Cloud, maker: ClusterMaker) -> Iterator[Works]:
    """Have a maker make the clusters of a cloud, and remove them at the end. Raises DogitopsError when it can't."""
    works = _works[cloud] = Works(maker)
    try:
        yield works
    finally:
        works.close()
        del _works[cloud]
