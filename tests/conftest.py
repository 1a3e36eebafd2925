"""What every test needs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from automation import daemon, secret

# A shell that starts us in the background has SIGINT ignored, and so would every program that we interrupt in a test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What tests start must not stay when they are killed.
os.environ[daemon.END_WITH] = str(os.getpid())

# By default enough examples for a run of minutes; HYPOTHESIS_PROFILE=thorough looks deeper.
hypothesis.settings.register_profile("quick", max_examples=30, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


_LONGEST = (
    *("test_kubeadm", "test_bootstrap", "test_restore", "test_main_job", "test_life", "test_refusals"),
    *("test_scheduled_workflows", "test_scheduled_drills", "test_bad_luck"),
    *("test_clusters", "test_guard_rails", "test_monitoring", "test_todo", "test_logs", "test_kube_fixture"),
)
_TOGETHER = {  # they share a cluster, or what there is once
    "tests/e2e/test_guard_rails.py": "tests/e2e/test_clusters.py",
    "tests/e2e/test_kube_fixture.py": "tests/e2e/test_clusters.py",
    "tests/e2e/test_logs.py": "tests/e2e/test_clusters.py",
    "tests/e2e/test_monitoring.py": "tests/e2e/test_clusters.py",
    "tests/e2e/test_todo.py": "tests/e2e/test_clusters.py",
    "tests/e2e/droplets/test_restore.py": "tests/e2e/droplets/test_bootstrap.py",  # the addresses of droplets
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put end-to-end tests last, the longest first: then all workers end at about the same time."""

    def place(item: pytest.Item) -> int:
        if not item.get_closest_marker("e2e"):
            return -1
        return _LONGEST.index(item.path.stem) if item.path.stem in _LONGEST else len(_LONGEST)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """Give each file of tests to one worker, and those that share a cluster to the same."""
    return _ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


class _ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist is not typed
    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return _TOGETHER.get(file, file)


@pytest.fixture(autouse=True)
def _secrets_of_a_test_stay_in_it() -> Iterator[None]:
    """Forget the secrets that a test made up, so that they are not masked in the next one."""
    before = set(secret._known)
    yield
    secret._known.clear()
    secret._known.update(before)
