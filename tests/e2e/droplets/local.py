"""A droplet that runs here: a container with systemd, cloud-init and sshd, made from the user data of our modules."""

from __future__ import annotations

import functools
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from automation.droplets.keys import KeyPair
from automation.droplets.machine import Machine
from automation.process import run
from automation.toolchain import droplet_image, engine, install

MODULE = Path(__file__).parents[3] / "opentofu" / "modules" / "cloud-init"
# As kind starts the container of a node, which is a machine with systemd as well.
OPTIONS = (
    *("--detach", "--tty", "--privileged", "--security-opt", "seccomp=unconfined", "--security-opt"),
    *("apparmor=unconfined", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/run/lock", "--cgroupns=private"),
)


def rendered(folder: Path, facts: Mapping[str, Any], boot_key: KeyPair | None = None, **inputs: Any) -> str:
    """Return the user data of a machine, as a module renders it."""
    return rendered_all(folder, {"machine": facts}, boot_key, **inputs)["machine"]


def rendered_all(
    folder: Path, machines: Mapping[str, Mapping[str, Any]], boot_key: KeyPair | None = None, **inputs: Any
) -> dict[str, str]:
    """Return the user data of several machines by their names, which are alike but for their facts."""
    folder.mkdir(parents=True, exist_ok=True)
    if boot_key is not None:
        inputs["boot_host_key"] = {"private": boot_key.private.reveal(), "public": boot_key.public}
    module = {"source": str(MODULE), **{name: f"${{var.{name}}}" for name in inputs}}
    texts = "${{ for name, facts in var.machines : name => templatestring(module.cloud_init.user_data, facts) }}"
    configuration = {
        # Not all of them sensitive: see the module's README.
        "variable": {name: {"type": "any", "sensitive": name == "boot_host_key"} for name in ("machines", *inputs)},
        "module": {"cloud_init": module},
        "output": {"texts": {"value": texts, "sensitive": True}},
    }
    (folder / "main.tf.json").write_text(json.dumps(configuration))
    (folder / "terraform.tfvars.json").write_text(
        json.dumps({"machines": {name: dict(facts) for name, facts in machines.items()}, **inputs})
    )
    tofu = install.ensure("tofu")["tofu"]
    (folder / "tofurc").touch()
    env = {"TF_CLI_CONFIG_FILE": str(folder / "tofurc")}  # what the user has set warns, or sends elsewhere
    run([tofu, "init", "-input=false"], cwd=folder, env=env)
    run([tofu, "apply", "-auto-approve", "-input=false"], cwd=folder, env=env)
    told: dict[str, str] = json.loads(run([tofu, "output", "-json", "texts"], cwd=folder, env=env).stdout)
    return told


@contextmanager
def droplet(
    name: str, seed: Path, user_data: str, login: KeyPair, boot_key: KeyPair, *options: str
) -> Iterator[Machine]:
    """Yield a machine that boots; it is removed in the end, as is what an earlier, killed run left."""
    seed.mkdir(parents=True, exist_ok=True)
    (seed / "user-data").write_text(user_data)
    (seed / "meta-data").write_text(f"instance-id: {name}\nlocal-hostname: {name}\npublic-keys: ['{login.public}']\n")
    remove(name)
    mount = ("--volume", f"{seed}:{droplet_image.SEED}:ro")
    try:
        docker("run", "--name", name, "--hostname", name, *OPTIONS, *mount, *options, droplet_image.ensure())
        address = docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
        yield Machine(name, address, login, (boot_key.public,))
    finally:
        remove(name)


@contextmanager
def block_device(file: Path, mebibytes: int, content: bytes = b"") -> Iterator[str]:
    """Yield a loop device, blank but for ``content`` at its beginning."""
    with file.open("wb") as opened:
        opened.write(content)
        opened.truncate(mebibytes * 1024 * 1024)
    device = run(["losetup", "--find", "--show", file]).stdout.strip()
    try:
        yield device
    finally:
        run(["losetup", "--detach", device], check=False)


@contextmanager
def mirror(folder: Path) -> Iterator[str]:
    """Serve a folder to machines here; yield its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((engine.bridge_address(), 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{engine.bridge_address()}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def artifact(url: str, file: Path, path: str) -> dict[str, str]:
    return {"url": f"{url}/{file.name}", "sha256": sha256(file.read_bytes()).hexdigest(), "path": path}


def docker(*arguments: str | Path) -> str:
    return run(["docker", *arguments], timeout=120).stdout.strip()


def remove(name: str) -> None:
    subprocess.run(["docker", "rm", "--force", "--volumes", name], check=False, capture_output=True)
