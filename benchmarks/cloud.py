"""Work against the simulated DigitalOcean: reaping 1,000 resources, and an apply by OpenTofu's real provider."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from measure import Figure, Result

from automation import report
from automation.digitalocean.client import DigitalOcean
from automation.jobs.infrastructure.reap import Reaper, reap
from automation.secret import Secret
from automation.simulators.digitalocean import DigitalOceanSimulator, Limits
from automation.simulators.digitalocean.app import App
from automation.simulators.digitalocean.models import droplets, volumes
from automation.toolchain import install

MIRROR = "DOGITOPS_PROVIDER_MIRROR"
RESOURCES = 1_000
A_MINUTE = 250  # requests that DigitalOcean allows
APPLIED = """
terraform {
  required_providers {
    digitalocean = { source = "digitalocean/digitalocean" }
  }
}

resource "digitalocean_droplet" "web" {
  count  = 10
  name   = "web-${count.index}"
  region = "fra1"
  size   = "s-1vcpu-1gb"
  image  = "ubuntu-24-04-x64"
}

resource "digitalocean_volume" "data" {
  count  = 10
  name   = "data-${count.index}"
  region = "fra1"
  size   = 10
}

resource "digitalocean_volume_attachment" "data" {
  count      = 10
  droplet_id = digitalocean_droplet.web[count.index].id
  volume_id  = digitalocean_volume.data[count.index].id
}
"""


def reaping(_repeat: int) -> Result:
    """Reap 1,000 resources with no limit of requests, and with DigitalOcean's own (which takes four minutes)."""
    found = Result("reaping")
    for minute in (None, A_MINUTE):
        title = f"{RESOURCES:,} resources, " + (f"{minute} requests a minute allowed" if minute else "no limit")
        with DigitalOceanSimulator(
            limits=Limits(droplets=RESOURCES, volumes=RESOURCES, hour=None, minute=minute)
        ) as cloud:
            _fill(cloud)
            account = DigitalOcean(Secret(cloud.token()), cloud.url)
            with report.phase(title):
                began = time.perf_counter()
                reap(Reaper(account, everything=True, now=datetime.now(UTC)), confirm=lambda _: True)
                seconds = time.perf_counter() - began
            sent = list(cloud.requests)
        answered = sum(asked.status != 429 for asked in sent)  # noqa: PLR2004 - HTTP
        least = max(0, (answered - 1) // A_MINUTE) * 60.0  # the first minute's are allowed at once
        found.figures.append(Figure(f"{title}: all of it", seconds, "s", least * 1.1 if minute else least))
        found.figures.append(Figure(f"{title}: requests that were answered", answered, "", RESOURCES * 1.1))
        found.figures.append(Figure(f"{title}: requests that met the limit", len(sent) - answered, ""))
    return found


def _fill(cloud: DigitalOceanSimulator) -> None:
    """Make droplets and volumes of ours, half of each."""
    with cloud.lock:
        order = droplets.Order("fra1", "s-1vcpu-1gb", "ubuntu-24-04-x64", ("dogitops",))
        for number in range(RESOURCES // 2):
            droplets.create(cloud, (f"dogitops-{number}",), order)
            made = volumes.Volume(cloud.new_uuid(), f"data-{number}", "fra1", 10, cloud.now(), tags=("dogitops",))
            volumes.create(cloud, made)
        cloud.settle()


def applying(repeat: int) -> Result:
    """Apply with the real provider, and measure for how long the simulator was at work on its requests."""
    mirror = os.environ.get(MIRROR)
    if not mirror:
        report.warn(f"Not measured: set {MIRROR} to a file-system mirror that has OpenTofu's DigitalOcean provider.")
        return Result("applying")
    busy: list[float] = []
    answer = App.__call__

    async def timed(self: App, scope: Any, receive: Any, send: Any) -> None:
        began = time.perf_counter()
        await answer(self, scope, receive, send)
        busy.append(time.perf_counter() - began)

    App.__call__ = timed  # type: ignore[method-assign]
    shares, totals, longest = [], [], []
    for number in range(1, repeat + 1):
        busy.clear()
        with TemporaryDirectory() as folder, report.phase(f"apply, round {number}"):
            totals.append(_apply(Path(folder), mirror))
        shares.append(sum(busy) / totals[-1] * 100)
        longest.append(max(busy) * 1000)
    App.__call__ = answer  # type: ignore[method-assign]
    return Result(
        "applying",
        figures=[
            Figure("an apply of 10 droplets, volumes and attachments, without delays", statistics.median(totals), "s"),
            Figure("of it, the simulator at work (all requests, though several wait at once)",
                   statistics.median(shares), "%", 10),
            Figure("its slowest answer", max(longest), "ms"),
        ],
    )  # fmt: skip


def _apply(folder: Path, mirror: str) -> float:
    """Return how many seconds an apply takes."""
    (folder / "main.tf").write_text(APPLIED)
    (folder / "tofu.rc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
    )
    with DigitalOceanSimulator(limits=Limits(hour=None, minute=None)) as cloud:
        variables = os.environ | {
            "TF_CLI_CONFIG_FILE": str(folder / "tofu.rc"),
            "DIGITALOCEAN_TOKEN": cloud.token(),
            "DIGITALOCEAN_API_URL": cloud.url,
            "DIGITALOCEAN_REQUESTS_PER_SECOND": "0",
        }
        tofu = str(install.ensure("tofu")["tofu"])

        def run(*words: str) -> None:
            subprocess.run([tofu, *words], cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)

        run("init", "-input=false")
        began = time.perf_counter()
        run("apply", "-auto-approve", "-input=false")
        return time.perf_counter() - began
