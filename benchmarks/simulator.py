#!/usr/bin/env python3
"""The simulated DigitalOcean: how soon it answers, how fast and in how much memory with 10,000 droplets.

``benchmarks/run.py simulator`` runs all; ``simulator.py serve DROPLETS VOLUMES`` serves so many until it is ended.
"""

from __future__ import annotations

import http.client
import json
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from measure import Figure, Result, peak_mb, processor_seconds  # noqa: E402 - beside this file

from automation import report  # noqa: E402

SIZES = ((1_000, 100), (10_000, 1_000))  # droplets and volumes
RATE = 200  # requests in a second
SECONDS = 10
WORKERS = 8
PAGE = 200


@dataclass(frozen=True)
class Serving:
    """A simulator in a process of its own."""

    pid: int
    address: str
    token: str
    first: int  # the id of a droplet

    def ask(self, connection: http.client.HTTPConnection, path: str) -> int:
        """Return how many bytes an answer has."""
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:  # noqa: PLR2004
            raise SystemExit(f"GET {path}: {answer.status} {content[:200]!r}")
        return len(content)


def simulator(repeat: int) -> Result:
    """Measure the start of the command, then both sizes."""
    found = Result("simulator")
    with report.phase("Starting the command"):
        starts = [_started() for _ in range(repeat)]
    found.figures.append(Figure("from the command's start to its first answer", statistics.median(starts), "s", 1.0))
    each = {}
    for droplets, volumes in SIZES:
        with report.phase(f"{droplets:,} droplets and {volumes:,} volumes"), serving(droplets, volumes) as cloud:
            empty = _peak_of_nothing()
            paths = {
                "GET of a droplet": [f"/v2/droplets/{cloud.first}"],
                f"list of {PAGE} droplets": [
                    f"/v2/droplets?per_page={PAGE}&page={page}" for page in range(1, droplets // PAGE + 1)
                ],
                f"list of {PAGE} by tag": [f"/v2/droplets?per_page={PAGE}&tag_name=half"],
            }
            lists = paths[f"list of {PAGE} droplets"]
            paths["both in turn"] = [path for it in lists for path in (it, *paths["GET of a droplet"])]
            for what, asked in paths.items():
                _load(cloud, asked, 1.0)  # what is shown the first time is kept
                used = processor_seconds(cloud.pid)
                times = _load(cloud, asked, SECONDS)
                used = processor_seconds(cloud.pid) - used
                ninety_nine = statistics.quantiles(times, n=100)[98]
                title = f"{droplets:,} droplets, {what}, {RATE}/s"
                found.figures.append(Figure(f"{title}: 99th percentile", ninety_nine * 1000, "ms", 25))
                found.figures.append(Figure(f"{title}: processor time of each", used / len(times) * 1000, "ms"))
            peak = peak_mb(cloud.pid)
            each[droplets] = (peak - empty) / droplets
            found.figures.append(Figure(f"{droplets:,} droplets and {volumes:,} volumes: peak memory", peak, "MB", 250))
    growth = each[SIZES[-1][0]] / each[SIZES[0][0]]
    found.figures.append(Figure("memory for one droplet, of 10,000 against of 1,000", growth, "times", 1.25))
    return found


@contextmanager
def serving(droplets: int, volumes: int) -> Iterator[Serving]:
    """Start a simulator with so many droplets and volumes, and end it."""
    argv = [sys.executable, __file__, "serve", str(droplets), str(volumes)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        try:
            told = json.loads(child.stdout.readline()) if child.stdout else {}
            yield Serving(child.pid, told["url"].removeprefix("http://"), told["token"], told["first"])
        finally:
            child.terminate()


def _peak_of_nothing() -> float:
    with serving(1, 0) as cloud:
        connection = http.client.HTTPConnection(cloud.address)
        cloud.ask(connection, "/v2/account")
        connection.close()
        return peak_mb(cloud.pid)


def _started() -> float:
    began = time.perf_counter()
    argv = [sys.executable, "-m", "automation", "simulate", "digitalocean"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as child:
        try:
            lines = [child.stdout.readline().strip() for _ in range(2)] if child.stdout else ["", ""]
            cloud = Serving(child.pid, lines[0].removeprefix("http://"), lines[1], 0)
            cloud.ask(http.client.HTTPConnection(cloud.address), "/v2/account")
            return time.perf_counter() - began
        finally:
            child.terminate()


def _load(cloud: Serving, paths: Sequence[str], seconds: float) -> list[float]:
    """Ask at a steady rate whatever the answers take; return times from when each request was due, in seconds."""
    total = int(RATE * seconds)
    due: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    times: list[float] = []
    began = time.perf_counter()

    def work() -> None:
        connection = http.client.HTTPConnection(cloud.address, timeout=30)
        while (number := due.get()) is not None:
            cloud.ask(connection, paths[number % len(paths)])
            times.append(time.perf_counter() - began - number / RATE)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for number in range(total):
        ahead = began + number / RATE - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
        due.put(number)
    for _ in workers:
        due.put(None)
    for worker in workers:
        worker.join()
    return times


def serve(droplets: int, volumes: int) -> None:
    """Serve so many droplets and volumes until we are ended; print URL, token and a droplet's id as JSON."""
    from automation.simulators.digitalocean import DigitalOceanSimulator, Limits  # noqa: PLC0415
    from automation.simulators.digitalocean.models import droplets as droplet_models  # noqa: PLC0415
    from automation.simulators.digitalocean.models import volumes as volume_models  # noqa: PLC0415

    limits = Limits(droplets=droplets, volumes=volumes, hour=None, minute=None)
    with DigitalOceanSimulator(limits=limits) as cloud:
        with cloud.lock:
            for number in range(droplets):
                tags = ("owner:bench", "half") if number % 2 else ("owner:bench",)
                order = droplet_models.Order("fra1", "s-1vcpu-1gb", "ubuntu-24-04-x64", tags)
                droplet_models.create(cloud, (f"web-{number}",), order)
            cloud.settle()
            for number in range(volumes):
                made = volume_models.Volume(cloud.new_uuid(), f"data-{number}", "fra1", 10, cloud.now())
                volume_models.create(cloud, made)
            first = next(iter(cloud.state.all(droplet_models.Droplet)))
        print(json.dumps({"url": cloud.url, "token": cloud.token(), "first": first}), flush=True)
        threading.Event().wait()


if __name__ == "__main__" and sys.argv[1:2] == ["serve"]:
    serve(int(sys.argv[2]), int(sys.argv[3]))
