"""The boot as it is told over SSH: by a real runner, to a real SSH client."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automation.droplets import boot, joining
from automation.droplets.boot import BootFailed
from automation.droplets.keys import KeyPair
from automation.droplets.machine import Machine
from automation.errors import DeadlineExceeded, DogitopsError, Refused
from automation.secret import Secret
from tests.integration.droplets.server import SshServer

MODULE = Path(__file__).parents[3] / "opentofu" / "modules" / "cloud-init"
Boot = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(server: SshServer) -> Iterator[Boot]:
    """Start the runner with these steps, each a name and a shell script."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(**steps: str) -> subprocess.Popen[bytes]:
        folder = server.root / "lib"
        (folder / "steps").mkdir(parents=True, exist_ok=True)
        (folder / "lib.sh").write_text((MODULE / "files" / "lib.sh").read_text())
        for name, text in steps.items():
            file = folder / "steps" / f"{name.replace('_', '-')}.sh"
            file.write_text(f'#!/bin/sh\n. "$DOGITOPS_LIB/lib.sh"\n{text}\n')
        env = {
            **os.environ,
            "DOGITOPS_LIB": str(folder),
            "DOGITOPS_STATE": f"{server.root}/var/lib/dogitops",
            "DOGITOPS_HANDOVER": f"{server.root}/run/dogitops/handover",
            "DOGITOPS_PAUSE": "0",
            "DOGITOPS_PATIENCE": "30",
        }
        running.append(subprocess.Popen(["sh", MODULE / "files" / "boot.sh"], env=env, stderr=subprocess.DEVNULL))
        return running[-1]

    yield begin
    for each in running:
        each.kill()
        each.wait()


@pytest.fixture
def machine(server: SshServer, boot_key: KeyPair) -> Machine:
    return server.machine(boot_key.public, first_contact=False)


def test_a_boot_that_ends_well_tells_its_steps(start: Boot, machine: Machine) -> None:
    assert start(x10_one="echo first", x20_two="echo second").wait(20) == 0
    status = boot.wait_for_boot(machine, timeout=10)
    assert status.state == "done"
    assert [(step.name, step.state, step.exit_code) for step in status.steps] == [
        ("x10-one", "done", 0),
        ("x20-two", "done", 0),
    ]
    assert all(step.started and step.ended for step in status.steps)
    assert status.words == "all 2 steps are done"


def test_a_failing_step_is_named_with_its_log(start: Boot, machine: Machine) -> None:
    step = r"""echo 'the "volume" is C:\gone	far'; echo "bell $(printf '\007') über" >&2; exit 7"""
    assert start(x10_one="true", x20_volume=step, x30_never="echo reached").wait(20) == 1
    with pytest.raises(BootFailed) as caught:
        boot.wait_for_boot(machine, timeout=10)
    assert caught.value.step == "x20-volume"
    assert caught.value.message == (
        'web: its boot failed in the step x20-volume (exit code 7):\nthe "volume" is C:\\gone\tfar\nbell  über'
    )
    assert "systemctl restart dogitops-boot" in str(caught.value.hint)
    status = boot.read(machine)
    assert status is not None
    assert [step.name for step in status.steps] == ["x10-one", "x20-volume"], "a later step was begun"


def test_the_boot_goes_on_where_it_failed(start: Boot, machine: Machine, server: SshServer) -> None:
    count = f'echo run >>"{server.root}/count"'
    assert start(x10_one=count, x20_two="exit 1").wait(20) == 1
    assert start(x20_two="echo mended").wait(20) == 0
    assert boot.wait_for_boot(machine, timeout=10).state == "done"
    assert (server.root / "count").read_text() == "run\n", "a step that was done was run again"


def test_what_the_boot_waits_for_is_handed_over(start: Boot, machine: Machine, server: SshServer) -> None:
    out = server.root / "out"
    runner = start(x10_join=f'file="$(handover join-token)"; stat -c %a "$file" >"{out}"; cat "$file" >>"{out}"')
    made: list[str] = []

    def token() -> Secret:
        made.append("token")
        return Secret("K10-secret-token")

    status = boot.wait_for_boot(machine, timeout=25, gives={"join-token": token}, interval=0.2)
    assert status.state == "done"
    assert runner.wait(10) == 0
    assert out.read_text() == "600\nK10-secret-token"
    assert made == ["token"], "one token is enough"
    assert not (server.root / "run/dogitops/handover").exists(), "what was handed over stayed"
    assert not any("K10-secret" in command for command in server.commands), "a secret stood on a command line"


def test_a_file_in_a_folder_is_handed_over(start: Boot, machine: Machine) -> None:
    start(x10_restore='cat "$(handover restore/nightly-1)"')
    gives = {"restore/nightly-1": lambda: Secret("a database")}
    assert boot.wait_for_boot(machine, timeout=25, gives=gives, interval=0.2).state == "done"


def test_nobody_gives_what_the_boot_waits_for(start: Boot, machine: Machine) -> None:
    start(x10_join="handover join-token")
    with pytest.raises(DogitopsError, match="waits for join-token, and nobody gives it") as caught:
        boot.wait_for_boot(machine, timeout=25, interval=0.2)
    assert "Given was: nothing" in str(caught.value.hint)


def test_patience_with_the_hand_over_ends_in_a_failed_step(start: Boot, machine: Machine) -> None:
    assert start(x10_join="PATIENCE=1; handover join-token").wait(20) == 1
    with pytest.raises(BootFailed, match="nobody handed over join-token within 1 s"):
        boot.wait_for_boot(machine, timeout=5)


def test_nothing_is_handed_to_a_machine_at_its_first_contact(server: SshServer, boot_key: KeyPair) -> None:
    with pytest.raises(Refused):
        boot.hand_over(server.machine(boot_key.public), "join-token", Secret("a token"))


@pytest.mark.parametrize("name", ["../etc/shadow", "a b", "", "/etc/x", "a;reboot"])
def test_a_name_that_leaves_the_folder_is_no_name(machine: Machine, name: str) -> None:
    with pytest.raises(ValueError, match="no name of something"):
        boot.hand_over(machine, name, Secret("x"))


def test_a_deadline_names_the_step_and_its_log(start: Boot, machine: Machine) -> None:
    start(x10_slow="echo fetching the world; exec sleep 30")
    with pytest.raises(DeadlineExceeded) as caught:
        boot.wait_for_boot(machine, timeout=2.5, interval=0.5)
    assert "step x10-slow (running)" in caught.value.message
    assert "fetching the world" in caught.value.message


def test_a_machine_that_never_answers(server: SshServer, boot_key: KeyPair) -> None:
    nowhere = Machine("web", "127.0.0.1", server.login, (boot_key.public,), port=1)
    with pytest.raises(DeadlineExceeded, match=r"Last seen: web at 127.0.0.1 does not answer over SSH"):
        boot.wait_for_boot(nowhere, timeout=0.5, interval=0.2)


def test_cloud_init_that_fails_before_our_steps_is_told(server: SshServer, machine: Machine) -> None:
    log = server.root / "var/log/cloud-init-output.log"
    log.parent.mkdir(parents=True)
    log.write_text("Failed loading yaml blob\n")
    tool = server.root / "cloud-init"
    tool.write_text("#!/bin/sh\necho 'status: error'\necho 'detail: the user-data is no YAML'\n")
    tool.chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{server.root}:{before}"
    try:
        with pytest.raises(BootFailed, match="failed in the step cloud-init") as caught:
            boot.wait_for_boot(machine, timeout=5)
    finally:
        os.environ["PATH"] = before
    assert "the user-data is no YAML" in caught.value.message
    assert "Failed loading yaml blob" in caught.value.message


def test_the_moment_before_our_first_step_is_no_failure(
    server: SshServer, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {"cloud-init": "echo 'status: done'", "systemctl": "exit 0"}.items():
        (server.root / name).write_text(f"#!/bin/sh\n{text}\n")
        (server.root / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{server.root}:{os.environ['PATH']}")
    with pytest.raises(DeadlineExceeded, match="cloud-init has not come to our steps yet"):
        boot.wait_for_boot(machine, timeout=0.5, interval=0.2)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "steps": [{"x": 1}]}'])
def test_what_is_no_status_is_refused(text: str) -> None:
    with pytest.raises(DogitopsError, match="is not what dogitops writes"):
        boot.parse(text)


def test_a_status_of_another_version_is_refused() -> None:
    with pytest.raises(DogitopsError, match="in format 2, and known here is 1"):
        boot.parse('{"format": 2, "state": "done"}')


def test_who_joins_by_kubeadm_gets_what_the_step_reads(
    server: SshServer, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The programs stand in by their outputs: a real cluster is joined in the end-to-end tests."""
    for name, text in {"kubeadm": 'case "$1" in token) echo abc.def;; init) echo "note"; echo 0f0f;; esac'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    told = joining.kubeadm(machine, control_plane=True).reveal()
    assert "TOKEN=abc.def\n" in told
    assert "CERTIFICATE_KEY=0f0f\n" in told
    assert "CERTIFICATE_KEY=''\n" in joining.kubeadm(machine, control_plane=False).reveal()
    assert any("--ttl 15m" in command for command in server.commands)
    (tmp_path / "kubeadm").write_text("#!/bin/sh\n")
    with pytest.raises(DogitopsError, match="made no token"):
        joining.kubeadm(machine, control_plane=False)


def test_an_agent_of_k3s_gets_a_short_lived_token(
    server: SshServer, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "k3s").write_text('#!/bin/sh\necho "$*"\n')
    (tmp_path / "k3s").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert joining.k3s(machine, server=False).reveal() == "token create --ttl 15m"
    with pytest.raises(DogitopsError, match="No such file"):
        joining.k3s(machine, server=True)
