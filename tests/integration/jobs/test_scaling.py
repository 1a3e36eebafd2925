"""What resize and join ask of machines and of OpenTofu; the commands themselves run in the end-to-end tests."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from automation.errors import ConfigurationError, DogitopsError
from automation.jobs.machines import droplets as machines
from automation.jobs.machines import scaling
from automation.jobs.machines.droplets import Droplet, Machines
from automation.jobs.machines.scaling import Wanted
from automation.site import Site


def test_the_state_is_taken_over_into_etcd_once(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("node-name: web\n")
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n')
    (tmp_path / "systemctl").chmod(0o755)
    command = scaling._TO_ETCD.replace("/etc/rancher/k3s/config.yaml", str(config))
    for _ in range(2):
        env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        subprocess.run(["sh", "-c", command], check=True, env=env)
    assert config.read_text() == "node-name: web\ncluster-init: true\n"
    assert (tmp_path / "asked").read_text() == "restart dogitops-k3s@server.service\n"


@pytest.mark.parametrize(
    ("name", "role", "address"),
    [
        ("dogitops-x", "first", "digitalocean_droplet.first"),
        ("dogitops-x-server-3", "server", 'digitalocean_droplet.server["3"]'),
        ("dogitops-x-agent-12", "agent", 'digitalocean_droplet.agent["12"]'),
    ],
)
def test_machines_are_found_in_the_state(name: str, role: str, address: str) -> None:
    assert scaling._address(Droplet(name, "1", "198.18.0.1", role)) == f"module.machines.{address}"


def test_other_environments_have_no_machines_of_their_own(site: Site) -> None:
    with pytest.raises(ConfigurationError, match="has no machines of its own"):
        scaling.resize(site, Wanted(size="s-2vcpu-4gb"), confirm=lambda _: True)


def test_what_was_refused_is_taken_back(site: Site) -> None:
    file = Machines(site).settings_file
    with suppress(DogitopsError), Machines(site).changed({"size": "s-2vcpu-4gb"}):
        assert json.loads(file.read_text()) == {"size": "s-2vcpu-4gb"}
        raise DogitopsError("refused")
    assert not file.exists()


def test_what_began_to_be_applied_stays_written(site: Site) -> None:
    Machines(site).write({"agents": 1})
    with suppress(DogitopsError), Machines(site).changed({"size": "s-2vcpu-4gb"}) as stays:
        stays()
        raise DogitopsError("half of it was done")
    assert Machines(site).settings() == {"agents": 1, "size": "s-2vcpu-4gb"}


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_settings_that_can_t_be_read(site: Site, text: str) -> None:
    Machines(site).settings_file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"settings\.auto\.tfvars\.json"):
        Machines(site).settings()


def test_what_the_environment_says_itself_is_left_to_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.root / "terraform.tfvars").write_text(
        'k3s = { version = "v1.34.4+k3s1", sha256 = "…" }\nssh_allowed_addresses = ["203.0.113.0/24"]\n'
    )
    monkeypatch.setenv("DOGITOPS_ADDRESS_SERVICE", "http://127.0.0.1:1/nobody")  # nothing is asked
    monkeypatch.setenv("DOGITOPS_K3S_RELEASES", "http://127.0.0.1:1")
    Machines(site).find_out()
    assert set(Machines(site).settings()) == {"operator_keys"}


@pytest.mark.parametrize("said", ["10.0.0.7", "not an address", "127.0.0.1", "", "<html>"])
def test_an_address_that_can_t_be_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    (tmp_path / "said").write_text(said)
    monkeypatch.setenv("DOGITOPS_ADDRESS_SERVICE", (tmp_path / "said").as_uri())
    with pytest.raises(DogitopsError, match=r"is no public address|does not tell from which address"):
        machines.own_network()


@pytest.mark.parametrize(
    ("said", "network"), [("93.184.216.34\n", "93.184.216.34/32"), ("2606:4700::6810:85e5", "2606:4700::6810:85e5/128")]
)
def test_an_address_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, network: str) -> None:
    (tmp_path / "said").write_text(said)
    monkeypatch.setenv("DOGITOPS_ADDRESS_SERVICE", (tmp_path / "said").as_uri())
    assert machines.own_network() == network
