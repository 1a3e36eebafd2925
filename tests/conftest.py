"""What every test needs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from automation import secret

# A shell that starts us in the background has SIGINT ignored, and so would every program that we interrupt in a test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# By default enough examples for a run of minutes; HYPOTHESIS_PROFILE=thorough looks deeper.
hypothesis.settings.register_profile("quick", max_examples=30, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


class _Scheduling(LoadScopeScheduling):
    """Gives each file of unit tests to one worker, and all end-to-end tests to one: they share clusters and docker.

    (Groups by marks, ``--dist=loadgroup``, do nothing with pytest 9.2 and xdist 3.8.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return "e2e" if nodeid.startswith("tests/e2e/") else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Return how tests are spread over workers."""
    return _Scheduling(config, log)


@pytest.fixture(autouse=True)
def _secrets_of_a_test_stay_in_it() -> Iterator[None]:
    """Forget the secrets that a test made up, so that they are not masked in the next one."""
    before = set(secret._known)
    yield
    secret._known.clear()
    secret._known.update(before)
