"""A folder of configuration whose provider talks to the simulated DigitalOcean."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from automation.simulators.digitalocean import Delays, DigitalOceanSimulator, Limits, spaces
from automation.toolchain import install
from tests.integration.simulators.digitalocean.ocean import client_of

APPLY = ("apply", "-auto-approve", "-input=false")
TERRAFORM = """
terraform {
  required_providers {
    digitalocean = { source = "digitalocean/digitalocean" }
  }
}
"""


@dataclass
class Root:
    """A folder of configuration, whose provider talks to the simulator."""

    binary: Path
    folder: Path
    variables: dict[str, str]

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.binary), *words, "-no-color"],
            cwd=self.folder,
            env=os.environ | self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def tried(self, *words: str) -> tuple[int, str]:
        """Run tofu, and return its exit code and its output."""
        with self.start(*words) as child:
            output, _ = child.communicate(timeout=600)
        return child.returncode, output

    def tofu(self, *words: str, code: int = 0) -> str:
        found, output = self.tried(*words)
        assert found == code, f"tofu {' '.join(words)}: {found}\n{output}"
        return output

    def apply(self, *words: str, code: int = 0) -> str:
        return self.tofu(*APPLY, *words, code=code)

    def assert_nothing_to_do(self, *words: str) -> None:
        self.tofu("plan", "-detailed-exitcode", "-input=false", *words)  # 2 would be changes

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the values in the state by address."""
        shown = json.loads(self.tofu("show", "-json"))
        found = shown.get("values", {}).get("root_module", {}).get("resources", [])
        return {it["address"]: it["values"] for it in found if it["mode"] == "managed"}


@contextmanager
def simulated() -> Iterator[DigitalOceanSimulator]:
    """Serve a cloud in which things take a hundredth of their time; what it doesn't know fails the test."""
    with DigitalOceanSimulator(delays=Delays.scaled(0.01), limits=Limits(hour=None, minute=None)) as cloud:
        yield cloud
        assert cloud.unknown() == []


def asked_for(request: pytest.FixtureRequest, argument: str) -> list[str]:
    """Return what ``argument`` is in those tests of the module that are to run."""
    tests = [it for it in request.session.items if isinstance(it, pytest.Function) and it.module is request.module]
    each = [test.callspec.params.get(argument) for test in tests if hasattr(test, "callspec")]
    return [str(value) for value in each if value is not None]


def root_of(cloud: DigitalOceanSimulator, configuration: dict[str, str], folder: Path, text: str) -> Root:
    """Return a folder with that configuration, initialized."""
    variables = configuration | {
        "DIGITALOCEAN_TOKEN": cloud.token(),
        "DIGITALOCEAN_API_URL": cloud.url,
        "DIGITALOCEAN_REQUESTS_PER_SECOND": "0",
        "DIGITALOCEAN_HTTP_RETRY_WAIT_MIN": "0.1",
        "DIGITALOCEAN_HTTP_RETRY_WAIT_MAX": "1",
    }
    folder.mkdir(exist_ok=True)
    (folder / "main.tf").write_text(TERRAFORM + text)
    root = Root(install.ensure("tofu")["tofu"], folder, variables)
    root.tofu("init", "-input=false")
    return root


@contextmanager
def buckets(cloud: DigitalOceanSimulator, folder: Path) -> Iterator[dict[str, str]]:
    """Serve Spaces, and yield the variables with which the provider reaches them by virtual-host names."""
    with spaces.serving(cloud, install.ensure("versitygw")["versitygw"], folder) as front:
        everything = {"name": "tofu", "grants": [{"bucket": "", "permission": "fullaccess"}]}
        key = client_of(cloud).spaces_key.create(everything)["key"]
        yield {
            "SPACES_ENDPOINT_URL": "http://{{.Region}}.digitaloceanspaces.com",
            "HTTP_PROXY": front.proxy,  # no resolver has to know the names
            "SPACES_ACCESS_KEY_ID": key["access_key"],
            "SPACES_SECRET_ACCESS_KEY": key["secret_key"],
        }
