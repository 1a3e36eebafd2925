"""What works on this machine and what does not, and why, and what to do about it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from automation import process
from automation.errors import DogitopsError
from automation.toolchain import engine, golang, release
from automation.toolchain.install import Installer

State = Literal["ok", "note", "fail"]

HOSTS = {
    "github.com": "vendors' releases",
    "registry-1.docker.io": "images",
    "quay.io": "images",
    "registry.k8s.io": "images",
    "registry.opentofu.org": "OpenTofu providers",
}
_PROBE_TIMEOUT = 2.0
_MINIMUM_PYTHON = (3, 11)
_MEMORY_GIB = 4.0
_DISK_GIB = 8.0
_DISK_TO_BUILD_GIB = 20.0


@dataclass(frozen=True)
class Check:
    """One finding. ``note`` does not keep the local demo from running, ``fail`` does; ``fix`` says what to do."""

    subject: str
    state: State
    found: str
    fix: str = ""


def examine(installer: Installer | None = None) -> list[Check]:
    """Return what was found, in the order in which to read it. Looks only: nothing is installed or started."""
    installer = installer or Installer.default()
    with ThreadPoolExecutor() as pool:
        hosts = dict(zip(HOSTS, pool.map(_reached, HOSTS), strict=True))
        checks = [_guarded(check) for check in (_python, _git, _docker_client, _docker_engine, _capability, _cgroup)]
    missing = [name for name in installer.needed() if installer.state(name)[1] is None]
    checks += [memory(_meminfo()), _disk(installer, missing)]
    checks += [Check(host, "ok" if up else "note", _host_words(host, up=up)) for host, up in hosts.items()]
    checks += [_go(installer, hosts, missing), *_tools(installer, missing)]
    return checks


def memory(kib: dict[str, int]) -> Check:
    """Judge the machine's memory; ``kib`` is what /proc/meminfo says."""
    total, free = (kib.get(field, 0) / 2**20 for field in ("MemTotal", "MemAvailable"))
    found = f"{total:.1f} GiB, {free:.1f} GiB free"
    if total and total < _MEMORY_GIB:
        return Check("memory", "fail", found, f"A cluster with Argo CD and Velero needs {_MEMORY_GIB:.0f} GiB.")
    if total and free < _MEMORY_GIB:
        return Check("memory", "note", found, f"Close something: a cluster needs about {_MEMORY_GIB:.0f} GiB.")
    return Check("memory", "ok", found)


def _guarded(check: Callable[[], Check]) -> Check:
    """Return what ``check`` finds; one that breaks is a finding too."""
    try:
        return check()
    except DogitopsError as error:
        return Check(check.__name__.strip("_").replace("_", " "), "fail", error.message, error.hint or "")


def _python() -> Check:
    found = platform.python_version()
    if sys.version_info < _MINIMUM_PYTHON:
        return Check("python", "fail", found, "Install Python 3.11 or newer.")
    return Check("python", "ok", found)


def _git() -> Check:
    program = shutil.which("git")
    if program is None:
        return Check("git", "fail", "not on PATH", "Install git ('apt-get install git' on Debian and Ubuntu).")
    said = process.run([program, "--version"], check=False, timeout=10).stdout.strip()
    return Check("git", "ok", said.removeprefix("git version "))


def _docker_client() -> Check:
    program = shutil.which("docker")
    if program is None:
        return _installable("docker client", "not on PATH")
    said = process.run([program, "--version"], check=False, timeout=10).stdout.strip()
    return Check("docker client", "ok", said.removeprefix("Docker version "))


def _docker_engine() -> Check:
    if shutil.which("docker") is None:
        return _installable("docker engine", "there is no client to ask it with")
    done = process.run(["docker", "version", "--format", "{{.Server.Version}}"], check=False, timeout=15)
    if done.returncode == 0:
        return Check("docker engine", "ok", done.stdout.strip())
    said = " ".join(done.stderr.split()) or "no answer"
    if "permission denied" in said.lower():
        advice = "Run 'sudo usermod -aG docker $USER', then log out and in again."
        return Check("docker engine", "fail", "runs, but this user may not use it", advice)
    return _installable("docker engine", said)


def _installable(subject: str, found: str) -> Check:
    """Judge what scripts/demo installs or starts by itself, where it may."""
    if shutil.which("apt-get") and _is_root():
        return Check(subject, "note", found, "Nothing: scripts/demo installs and starts docker here.")
    advice = "Install docker (https://docs.docker.com/engine/install/) and start it: 'sudo systemctl start docker'."
    return Check(subject, "fail", found, advice)


def _is_root() -> bool:
    if os.geteuid() == 0:
        return True
    return bool(shutil.which("sudo")) and process.run(["sudo", "-n", "true"], check=False, timeout=10).returncode == 0


def _capability() -> Check:
    if engine.lacks_sys_resource():
        words = "missing: containers get a runtime that does without it"
        return Check("CAP_SYS_RESOURCE", "note", words, "Nothing: scripts/demo sets that runtime up.")
    return Check("CAP_SYS_RESOURCE", "ok", "there")


def _cgroup() -> Check:
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return Check("cgroups", "ok", "version 2")
    if Path("/sys/fs/cgroup/memory").is_dir():
        words = "version 1: Kubernetes 1.34 is the last that runs on it"
        return Check("cgroups", "note", words, "Boot with systemd.unified_cgroup_hierarchy=1 before Kubernetes 1.35.")
    return Check("cgroups", "fail", "none mounted at /sys/fs/cgroup", "Mount them: containers can't run without.")


def _meminfo() -> dict[str, int]:
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return {}
    return {name: int(amount) for name, amount in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}


def _disk(installer: Installer, missing: list[str]) -> Check:
    folder = installer.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 2**30
    found = f"{free:.1f} GiB free at {folder}"
    needed = _DISK_TO_BUILD_GIB if missing else _DISK_GIB
    if free < _DISK_GIB:
        return Check("disk", "fail", found, f"Free some space: the demo needs {_DISK_GIB:.0f} GiB.")
    if free < needed:
        return Check("disk", "note", found, f"Building the tools from source takes up to {needed:.0f} GiB.")
    return Check("disk", "ok", found)


def _reached(host: str) -> bool:
    return release.answers(f"https://{host}", _PROBE_TIMEOUT)


def _host_words(host: str, *, up: bool) -> str:
    if up:
        return f"reachable ({HOSTS[host]})"
    instead = {
        "vendors' releases": "tools are built from source",
        "images": "images are built here",
        "OpenTofu providers": "only environments with built-in providers work",
    }
    return f"not reachable: {instead[HOSTS[host]]}"


def _go(installer: Installer, hosts: dict[str, bool], missing: list[str]) -> Check:
    wanted = installer.catalogue.go
    go, found = golang.on_machine(wanted)
    if go is None:
        words = f"{found}: {wanted.package} {wanted.version} would be installed into {installer.home}"
        return Check("go", "note", words, "" if hosts["github.com"] else f"Or install Go {wanted.minimum} or newer.")
    proxies = process.run([go.program, "env", "GOPROXY"], check=False, cwd=Path("/")).stdout.strip()
    first = next((word for word in re.split(r"[,|]", proxies) if urlsplit(word).scheme in {"http", "https"}), None)
    if first and missing and not hosts["github.com"]:
        host = f"{urlsplit(first).scheme}://{urlsplit(first).netloc}"
        if not release.answers(host, _PROBE_TIMEOUT):
            advice = "Check the network, HTTPS_PROXY and 'go env GOPROXY': missing tools can't be had without."
            return Check("go", "fail", f"{found}, but its module proxy does not answer", advice)
    return Check("go", "ok", found)


def _tools(installer: Installer, missing: list[str]) -> list[Check]:
    """Check every installed tool by its full hash."""
    names = list(installer.catalogue.tools)
    with ThreadPoolExecutor() as pool:
        states = {name: pool.submit(installer.state, name, thorough=True) for name in names}
    words = {name: state.result()[0] for name, state in states.items()}
    intact = sum(word == "installed" for word in words.values())
    checks = [Check("tools", "ok", f"{intact} of {len(names)} installed and intact")]
    damaged = [f"{name} ({word})" for name, word in words.items() if word.startswith("damaged")]
    if damaged:
        checks.append(Check("tools", "note", ", ".join(damaged), "Run 'dogitops tools install'."))
    absent = [name for name in missing if words[name] == "missing"]
    if absent:
        checks.append(Check("tools", "note", f"missing: {', '.join(absent)}", "Run 'dogitops tools install'."))
    return checks
