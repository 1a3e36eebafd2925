"""A machine of the single node, booted from nothing up to the step that needs K3s itself, which can't be had here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import testinfra

from automation.droplets import boot, keys
from automation.droplets.boot import BootFailed
from automation.droplets.keys import KeyPair
from automation.droplets.machine import Machine, replace_host_key, wait_for_ssh
from automation.errors import Refused
from automation.secret import Secret
from automation.toolchain import engine
from tests.e2e.droplets.local import artifact, block_device, droplet, mirror, rendered
from tests.e2e.droplets.local import docker as run_docker
from tests.e2e.droplets.test_user_data import K3S

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

NAME = "dogitops-droplet-single"
VOLUME = "/dev/disk/by-id/scsi-0DO_Volume_dogitops-test-data"
SNAPSHOT = "nightly-20261121"


@dataclass
class Booted:
    """A machine whose boot has gone as far as it can here, and what was seen on the way."""

    before: Machine
    machine: Machine
    failed: BootFailed
    boot_key: KeyPair
    other_device: str

    @property
    def host(self) -> testinfra.host.Host:
        return testinfra.get_host(f"docker://{self.machine.name}")


@pytest.fixture(scope="module")
def booted(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    folder = tmp_path_factory.mktemp("single")
    login, boot_key = keys.new_pair("admin"), keys.new_pair("boot")
    files = folder / "mirror"
    files.mkdir()
    stand_in = files / "k3s"
    stand_in.write_text("#!/bin/sh\necho 'k3s version v0.0.0+k3s0 (not K3s)'\n")
    facts = {**K3S, "role": "first", "first_server": "", "restore": SNAPSHOT}
    with (
        mirror(files) as url,
        block_device(folder / "volume", 64) as device,
        block_device(folder / "other", 16, b"\0" * 100_000 + b"somebody's") as other,
    ):
        artifacts = [artifact(url, stand_in, "/usr/local/bin/k3s")]
        text = rendered(folder / "tofu", facts, boot_key, design="k3s", artifacts=artifacts)
        with droplet(NAME, folder / "seed", text, login, boot_key) as machine:
            # DigitalOcean attaches it while the machine boots; the link is udev's, which a container has not.
            run_docker("exec", NAME, "sh", "-c", f"mkdir -p /dev/disk/by-id && ln -s {device} {VOLUME}")
            yield Booted(machine, *brought_up(machine), boot_key, other)


def brought_up(machine: Machine) -> tuple[Machine, BootFailed]:
    with pytest.raises(Refused, match="so it is sent no secret"):
        machine.run("cat", stdin=Secret("too early"))
    wait_for_ssh(machine, 60, interval=0.5)
    known = replace_host_key(machine, lambda _: None)
    gives = {
        f"restore/{SNAPSHOT}": lambda: Secret("SQLite format 3\nwhat was kept"),
        "k3s-token": lambda: Secret("K10-token-of-the-snapshot"),
    }
    with pytest.raises(BootFailed) as caught:
        boot.wait_for_boot(known, timeout=120, gives=gives)
    return known, caught.value


def test_the_step_that_failed_is_named_with_its_log(booted: Booted) -> None:
    assert booted.failed.step == "70-k3s"
    assert "this is k3s version v0.0.0+k3s0 (not K3s), and v1.34.4+k3s1 was asked for" in booted.failed.log
    status = boot.read(booted.machine)
    assert status is not None
    done = [step.name for step in status.steps if step.state == "done"]
    assert done == ["10-ssh", "20-packages", "30-metadata", "40-volume", "50-artifacts", "60-restore"]


def test_cloud_init_itself_had_nothing_to_complain_of(booted: Booted) -> None:
    told = json.loads(booted.host.check_output("cat /run/cloud-init/result.json"))
    assert told["v1"]["errors"] == []


def test_ssh_takes_keys_alone(booted: Booted) -> None:
    told = booted.host.check_output("sshd -T").splitlines()
    for setting in (
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "permitemptypasswords no",
        "permitrootlogin without-password",
        "authenticationmethods publickey",
        "x11forwarding no",
        "hostkeyalgorithms ssh-ed25519",
    ):
        assert setting in told
    old = ("sha1", "cbc", "3des", "nistp", "hmac-md5", "group14")
    offered = [line for line in told if line.split()[0] in {"ciphers", "macs", "kexalgorithms"}]
    assert len(offered) == 3
    assert not [word for word in old for line in offered if word in line]
    assert booted.host.service("ssh").is_running


def test_root_alone_logs_in_and_has_no_password(booted: Booted) -> None:
    passwords = dict(line.split(":")[:2] for line in booted.host.file("/etc/shadow").content_string.splitlines())
    assert all(value.startswith(("!", "*")) for value in passwords.values())
    shells = [line.split(":") for line in booted.host.file("/etc/passwd").content_string.splitlines()]
    assert [user[0] for user in shells if user[-1].endswith("/bash") or user[-1].endswith("/sh")] == ["root"]
    assert (
        booted.host.file("/root/.ssh/authorized_keys").content_string.split()[:2]
        == (booted.machine.login.public.split()[:2])
    )


def test_the_host_key_of_the_user_data_is_worth_nothing(booted: Booted) -> None:
    assert booted.boot_key.public not in booted.machine.host_keys
    with pytest.raises(Refused, match="another machine"):
        booted.before.run("true")
    assert [it for it in booted.host.file("/etc/ssh").listdir() if it.startswith("ssh_host")] == [
        "ssh_host_ed25519_key", "ssh_host_ed25519_key.pub",
    ]  # fmt: skip


def test_the_volume_is_mounted_by_its_name(booted: Booted) -> None:
    mount = booted.host.mount_point("/var/lib/rancher")
    assert mount.exists
    assert mount.filesystem == "ext4"
    assert f"{VOLUME} /var/lib/rancher ext4 defaults,nofail" in booted.host.file("/etc/fstab").content_string


def step(booted: Booted, volume: str) -> tuple[int, str]:
    """Run the step of the volume again, for another device."""
    script = "/usr/local/lib/dogitops/steps/40-volume.sh"
    facts = f"printf 'ROLE=first\nVOLUME={volume}\n' >/tmp/node.env"
    done = booted.host.run(f"{facts}; DOGITOPS_NODE=/tmp/node.env DOGITOPS_VOLUME_PATIENCE=0 sh {script}")
    return done.rc, done.stderr


def test_a_volume_with_something_unknown_on_it_is_left_alone(booted: Booted) -> None:
    code, told = step(booted, booted.other_device)
    assert code == 1
    assert "is not blank, and holds no file system that is known here: it is left alone" in told


def test_a_file_system_that_is_there_is_not_made_again(booted: Booted) -> None:
    booted.host.check_output("echo kept >/var/lib/rancher/proof")
    code, told = step(booted, VOLUME)
    assert code == 0, told
    assert "making a file system" not in told
    assert booted.host.file("/var/lib/rancher/proof").content_string == "kept\n"


def test_the_datastore_that_was_handed_over_is_in_place(booted: Booted) -> None:
    database = booted.host.file("/var/lib/rancher/k3s/server/db/state.db")
    assert database.content_string == "SQLite format 3\nwhat was kept"
    assert database.mode == 0o600


def test_no_secret_is_in_the_user_data_or_the_logs(booted: Booted) -> None:
    found = booted.host.run("grep -rl 'K10-token-of-the-snapshot' /var/lib/cloud /var/log /var/lib/dogitops /etc")
    assert found.stdout == ""


def test_the_metadata_service_is_for_root_alone(booted: Booted) -> None:
    rules = booted.host.check_output("nft list table inet dogitops")
    assert "ip daddr 169.254.169.254 meta skuid != 0 counter" in rules
    assert "hook forward" in rules
    asked = "curl -sS --max-time 3 http://169.254.169.254/"
    booted.host.run(f"setpriv --reuid=65534 --clear-groups {asked}")
    after = booted.host.check_output("nft list chain inet dogitops output")
    assert "counter packets 0 " not in after, "somebody else's question was let through"
    assert booted.host.service("dogitops-metadata").is_enabled


def test_upgrades_for_security_come_by_themselves(booted: Booted) -> None:
    assert booted.host.service("unattended-upgrades").is_enabled
    told = booted.host.check_output("apt-config dump")
    assert 'APT::Periodic::Unattended-Upgrade "1";' in told
    assert "-security" in told


def test_nothing_else_of_the_machine_has_failed(booted: Booted) -> None:
    failed = booted.host.check_output("systemctl --failed --plain --no-legend").split("\n")
    names = {line.split()[0] for line in failed if line}
    if engine.lacks_sys_resource():  # the kernel lets nobody here make a mounted file system larger
        names.discard("systemd-growfs@var-lib-rancher.service")
    assert names == {"dogitops-boot.service"}
