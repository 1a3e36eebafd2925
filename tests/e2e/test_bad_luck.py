"""Bad luck on a real machine, through the command line: each ends in words, loses nothing, and can be gone on from."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation import daemon, objectstore, wait
from automation.clusters import removal
from automation.clusters.base import ClusterSpec
from automation.errors import DeadlineExceeded
from automation.kube import Kube
from automation.objectstore import ObjectStore
from automation.secret import Secret
from automation.toolchain import engine
from automation.toolchain.locks import locked
from automation.workspace import cache_folder
from tests.e2e.conftest import Clone, Ran, make_clone, remove
from tests.e2e.nodes import kind_provider

pytestmark = pytest.mark.e2e

CLUSTER = "dogitops-e2e-luck"
NODE, FROZEN = f"{CLUSTER}-control-plane", f"{CLUSTER}-frozen"
PORTS = 18480
STATE, LOCK = "environment.tfstate", "environment.tfstate.tflock"


@pytest.fixture(scope="module")
def unlucky(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """Yield a clone of its own; what an earlier, killed run left under its names goes first."""
    with locked(cache_folder() / "e2e" / "luck.lock", "the tests of bad luck"):
        clone = make_clone(tmp_path_factory.mktemp("luck") / "repository", CLUSTER, PORTS)
        remove(clone)
        subprocess.run(["docker", "rm", "--force", FROZEN], check=False, capture_output=True)
        yield clone
        remove(clone)


def in_words(done: Ran, code: int, *told: str) -> None:
    """Hold that a command ended with ``code`` and in one clear error."""
    flat = " ".join(done.output.split())
    assert done.code == code, done.output
    assert "Traceback" not in done.output
    assert flat.count("error:") == 1, done.output
    assert "what to do:" in flat
    for words in told:
        assert words in flat, done.output


def store_of(clone: Clone) -> ObjectStore:
    folder = clone.kept / "objectstore"
    keys = (Secret((folder / name).read_text().strip()) for name in ("access-key", "secret-key"))
    return ObjectStore(f"http://{engine.bridge_address()}:{PORTS}", "us-east-1", *keys)


def bucket_of(clone: Clone) -> str:
    told = re.search(r"^state:\n\s+bucket: (\S+)", environment(clone).read_text(), re.MULTILINE)
    assert told is not None
    return told[1]


def environment(clone: Clone) -> Path:
    return clone.root / "opentofu/environments/local/environment.yaml"


def node_exists() -> bool:
    return NODE in docker("ps", "-a", "--format", "{{.Names}}").split()


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_a_busy_port(unlucky: Clone) -> None:
    with socket.create_server((engine.bridge_address(), PORTS)):
        done = unlucky.run("plan", "local")
    in_words(done, 2, f"Port {PORTS} on {engine.bridge_address()} is taken", "another port in environment.yaml")


def test_a_server_that_died_is_started_again_with_all_it_held(unlucky: Clone) -> None:
    unlucky.ok("plan", "local")
    store_of(unlucky).client().put_object(Bucket=bucket_of(unlucky), Key="kept", Body=b"x")
    server = daemon.find(unlucky.kept / "objectstore", objectstore.SERVER)
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    wait.until(lambda: not daemon.accepts(server.address, server.port), "the S3 server's end", timeout=10, interval=0.1)
    unlucky.ok("plan", "local")
    found = store_of(unlucky).client().get_object(Bucket=bucket_of(unlucky), Key="kept")
    assert found["Body"].read() == b"x"


def test_no_saved_plan(unlucky: Clone) -> None:
    (unlucky.kept / "plans" / "environment.tfplan").unlink()
    in_words(unlucky.run("apply", "local"), 2, "There is no saved plan for local", "dogitops plan local")


def test_a_stale_lock_names_its_holder_and_the_command_that_removes_it(unlucky: Clone) -> None:
    held = {
        "ID": "11111111-2222-3333-4444-555555555555", "Operation": "OperationTypeApply", "Info": "",
        "Who": "ada@laptop", "Version": "1.12.6", "Created": "2026-01-02T03:04:05.678Z",
        "Path": f"{bucket_of(unlucky)}/{STATE}",
    }  # fmt: skip
    client = store_of(unlucky).client()
    client.put_object(Bucket=bucket_of(unlucky), Key=LOCK, Body=json.dumps(held).encode())
    done = unlucky.run("plan", "local", COLUMNS="200")
    in_words(done, 1, "The state is locked by ada@laptop since 2026-01-02 03:04:05")
    advice = re.search(r"'dogitops (unlock local \S+)'", done.output)
    assert advice is not None, done.output
    unlucky.ok(*shlex.split(advice[1]))
    unlucky.ok("plan", "local")
    in_words(unlucky.run(*shlex.split(advice[1])), 2, "The state of local is not locked")


def test_a_read_only_folder_is_named(unlucky: Clone) -> None:
    plans = unlucky.kept / "plans"
    keep = plans.with_name("plans.kept")
    plans.rename(keep)
    plans.write_text("a file where a folder must be")
    done = unlucky.run("plan", "local")
    plans.unlink()
    keep.rename(plans)
    assert done.code == 1
    assert "plans" in done.output
    assert "Traceback" not in done.output


def test_an_apply_killed_while_the_cluster_is_made_loses_nothing(unlucky: Clone) -> None:
    unlucky.ok("plan", "local")
    applying = unlucky.start("apply", "local")
    wait.until(node_exists, "the cluster's node", timeout=120, interval=0.1)
    applying.kill()
    applying.communicate(timeout=30)
    told = unlucky.ok("plan", "local")
    assert "waiting for its end" in told
    assert "No changes" in told, "what was made must be in the state"
    assert Kube(unlucky.kept / "kubeconfig").ready()


def test_a_cluster_lost_outside_is_planned_again(unlucky: Clone) -> None:
    removal.remove([NODE])
    done = unlucky.run("status", "local")
    assert done.code == 1
    assert "does not exist" in done.output
    assert "terraform_data.cluster" in unlucky.ok("plan", "local")


@pytest.mark.thorough
def test_a_half_created_cluster_is_made_anew(unlucky: Clone) -> None:
    creating = unlucky.start("cluster", "create", "local")
    wait.until(node_exists, "the cluster's node", timeout=120, interval=0.1)
    creating.kill()
    creating.communicate(timeout=30)
    told = unlucky.ok("cluster", "create", "local")
    assert "the creation of dogitops-e2e-luck of an earlier run is still at work" in told
    assert "removing the half-made cluster" in told
    assert Kube(unlucky.kept / "kubeconfig").ready()
    assert "is there already" in unlucky.ok("cluster", "create", "local")


def test_deleting_takes_everything_along(unlucky: Clone) -> None:
    unlucky.ok("cluster", "delete", "local", "--yes")
    assert not node_exists()
    assert CLUSTER not in docker("network", "ls", "--format", "{{.Name}}").split()
    assert not (unlucky.kept / "kubeconfig").exists()


@pytest.mark.thorough
def test_a_pod_that_was_frozen_when_its_node_was_killed_does_not_hold_the_node(unlucky: Clone) -> None:
    docker("run", "--detach", "--name", FROZEN, "--entrypoint", "sleep", kind_provider().image, "infinity")
    with frozen(FROZEN):
        removal.remove([FROZEN])
        assert FROZEN not in docker("ps", "--all", "--format", "{{.Names}}").split()


@contextlib.contextmanager
def frozen(node: str) -> Iterator[None]:
    """Freeze what runs in a container, in a cgroup of its own, as a runtime in it does with a pod."""
    if os.geteuid() != 0:
        pytest.skip("only root may freeze what runs in a container")
    pid = docker("inspect", "--format", "{{.State.Pid}}", node)
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    groups = {names: path.lstrip("/") for _, names, path in lines}
    name = "freezer" if "freezer" in groups else ""
    file, off, on = ("freezer.state", "THAWED", "FROZEN") if name else ("cgroup.freeze", "0", "1")
    pod = Path("/sys/fs/cgroup", name, groups[name], "pod")
    pod.mkdir()
    try:
        (pod / "cgroup.procs").write_text(pid)
        (pod / file).write_text(on)
        wait.until(lambda: (pod / file).read_text().strip() == on, "the pod to freeze", timeout=10, interval=0.1)
        yield
    finally:
        with contextlib.suppress(OSError):  # it went with the container
            (pod / file).write_text(off)
        subprocess.run(["docker", "rm", "--force", node], check=False, capture_output=True)


def test_a_cluster_that_never_becomes_ready(unlucky: Clone, tmp_path: Path) -> None:
    # Without a network no node becomes Ready.
    provider = kind_provider(patience=3.0)
    networkless = type(provider)(provider.binary, provider.image, "none", patience=3.0)
    try:
        with pytest.raises(DeadlineExceeded, match=r"Waited 3 s for all 1 nodes.*NotReady") as caught:
            networkless.create(ClusterSpec(CLUSTER), tmp_path / "kubeconfig")
        assert "dogitops cluster dump" in (caught.value.hint or "")
        assert caught.value.exit_code == 1
        assert node_exists(), "it stays, to be looked at"
    finally:
        assert networkless.delete(CLUSTER)
