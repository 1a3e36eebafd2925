"""The docker engine: there when it is needed, fit for privileged containers, and told apart from a bare client."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from automation import process, report, wait
from automation.errors import ConfigurationError
from automation.toolchain import root
from automation.workspace import cache_folder

CAP_SYS_RESOURCE = 24
RUNTIME = "dogitops-runc"
WRAPPER = Path("/usr/local/lib/dogitops/runc")
DAEMON_JSON = Path("/etc/docker/daemon.json")
PROGRAMS = {"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables"}


def docker(
    *arguments: str | Path,
    check: bool = True,
    timeout: float = 600,
    stdin: str | bytes | None = None,
    on_line: Callable[[str], None] | None = None,
) -> process.Completed:
    """Run the docker client; see :func:`automation.process.run` for the parameters and the errors."""
    return process.run(
        ["docker", *arguments],
        check=check,
        timeout=timeout,
        stdin=stdin,
        on_line=on_line,
        hint="Run 'dogitops tools doctor' to see whether docker works here.",
    )


def running() -> bool:
    """Whether a docker client is there and its engine answers."""
    return shutil.which("docker") is not None and not _complaint()


def ensure_docker() -> None:
    """Make docker work: install it, prepare its runtime and start it, where we are allowed to.

    Raises ConfigurationError that says what to install or to start, where we are not.
    """
    if running() and not _needs_wrapper():
        return
    with _lock():
        if running() and not _needs_wrapper():
            return
        _require_linux_engine()
        if not running():
            root.need(PROGRAMS, "to run clusters in containers")
        if lacks_sys_resource():
            _use_wrapper()
        if running():
            _reload()
        else:
            _start()


def bridge_address() -> str:
    """Return the address of docker's default bridge on this machine: pods reach our servers there.

    Raises ConfigurationError where that address is not on this machine (Docker Desktop, rootless docker).
    """
    address = interface_address() or _gateway()
    if not address:
        raise ConfigurationError(
            "Docker's default bridge has no IPv4 address, so pods could not reach servers on this machine.",
            hint='Remove "bridge": "none" from /etc/docker/daemon.json and restart docker.',
        )
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise ConfigurationError(
                f"Docker's bridge address {address} is not on this machine, so pods could not reach our servers.",
                hint="Use a docker engine that runs on this machine as root (not Docker Desktop, not rootless).",
            ) from error
    return address


def image_exists(reference: str) -> bool:
    """Whether docker has an image called ``reference``."""
    return docker("image", "inspect", "--format", "{{.Id}}", reference, check=False).returncode == 0


def image_label(reference: str, label: str) -> str | None:
    """Return a label of the image ``reference``; None without the image or the label."""
    said = docker("image", "inspect", "--format", "{{json .Config.Labels}}", reference, check=False)
    if said.returncode != 0:
        return None
    labels: dict[str, str] = json.loads(said.stdout) or {}
    return labels.get(label)


def lacks_sys_resource(status: Path = Path("/proc/self/status")) -> bool:
    """Whether no process here can ever have CAP_SYS_RESOURCE (bit 24 of the bounding set is not set)."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return False
    bounding = next((line.split()[1] for line in lines if line.startswith("CapBnd:")), None)
    return bounding is not None and not int(bounding, 16) >> CAP_SYS_RESOURCE & 1


def with_runtime(settings: dict[str, Any], wrapper: Path) -> dict[str, Any]:
    """Return daemon.json's ``settings`` with our runtime as the default; all other settings stay as they are."""
    runtimes = {**settings.get("runtimes", {}), RUNTIME: {"path": str(wrapper)}}
    return {**settings, "runtimes": runtimes, "default-runtime": RUNTIME}


def interface_address(interface: str = "docker0") -> str | None:
    """Return the IPv4 address of a network interface of this machine; None where there is none."""
    ask = 0x8915  # SIOCGIFADDR
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as any_socket:
        try:
            answer = fcntl.ioctl(any_socket, ask, struct.pack("256s", interface.encode()[:15]))
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])


def _gateway() -> str | None:
    """Return the gateway that docker itself names for its default bridge; old engines name none."""
    said = docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}").stdout
    pools: list[dict[str, str]] = json.loads(said) or []
    return next((pool["Gateway"] for pool in pools if "." in pool.get("Gateway", "")), None)


def _complaint() -> str:
    """Return why docker does not answer, or nothing when it does."""
    try:
        said = docker("version", "--format", "{{.Server.Version}}", check=False, timeout=30)
    except ConfigurationError:
        return "there is no docker client"
    return "" if said.returncode == 0 else said.text.strip()


def _needs_wrapper() -> bool:
    if not lacks_sys_resource():
        return False
    said = docker("info", "--format", "{{.DefaultRuntime}}", check=False)
    return said.stdout.strip() != RUNTIME


def _require_linux_engine() -> None:
    complaint = _complaint()
    if "permission denied" in complaint.lower():
        raise ConfigurationError(
            "Docker runs, but this user may not use it.",
            hint="Run 'sudo usermod -aG docker $USER', log out and in again, and start once more.",
        )
    host = os.environ.get("DOCKER_HOST")
    if complaint and host:
        raise ConfigurationError(
            f"The docker engine at DOCKER_HOST={host} does not answer.",
            hint="Start it, or unset DOCKER_HOST to use the engine of this machine.",
        )


def _use_wrapper() -> None:
    """Install the wrapper and name it in daemon.json, keeping all else that stands there."""
    text = "#!/usr/bin/python3 -I\n" + Path(__file__).with_name("runc_wrapper.py").read_text()
    root.write(WRAPPER, text, "0755")
    try:
        settings = json.loads(DAEMON_JSON.read_text()) if DAEMON_JSON.exists() else {}
    except ValueError as error:
        raise ConfigurationError(
            f"{DAEMON_JSON} is not valid JSON: {error}.", hint="Correct or remove it; docker would not start with it."
        ) from error
    wanted = with_runtime(settings, WRAPPER)
    if wanted != settings:
        report.note("this machine lacks CAP_SYS_RESOURCE: docker gets a runtime that does without it")
        root.write(DAEMON_JSON, json.dumps(wanted, indent=2) + "\n", "0644")


def _reload() -> None:
    """Have a running dockerd read daemon.json again: runtimes need no restart."""
    pid = Path("/var/run/docker.pid").read_text().strip()
    root.as_root("kill", "-HUP", pid)
    wait.until(lambda: not _needs_wrapper(), "docker to take the new runtime", timeout=20, interval=0.2)


def _start() -> None:
    if root.privilege() is None:
        raise ConfigurationError(
            f"The docker engine does not run: {_complaint()}", hint="Start it: 'sudo systemctl start docker'."
        )
    log = cache_folder() / "docker" / "dockerd.log"
    with report.phase("Start the docker engine"):
        if Path("/run/systemd/system").is_dir():
            root.as_root("systemctl", "start", "docker")
            where = "journalctl -u docker"
        else:
            log.parent.mkdir(parents=True, exist_ok=True)
            dockerd = root.find_program("dockerd") or "dockerd"
            root.as_root("start-stop-daemon", "--start", "--background", "--oknodo", "--output", log, "--exec", dockerd)
            where = str(log)
        wait.until(
            running,
            "the docker engine to answer",
            timeout=60,
            interval=0.3,
            state=lambda: _tail(log) or _complaint(),
            hint=f"See {where}.",
        )


def _tail(log: Path) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-3:])
    except OSError:
        return ""


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """Keep two runs from installing or starting docker at once."""
    folder = cache_folder() / "docker"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
