from __future__ import annotations

from dataclasses import replace

import pytest

from automation.droplets import keys
from automation.droplets.keys import KeyPair
from automation.droplets.machine import Machine, Unreachable, replace_host_key
from automation.errors import DogitopsError, Refused
from automation.secret import Secret
from tests.integration.droplets.server import SshServer


def test_a_command_runs_and_tells_its_code(server: SshServer, boot_key: KeyPair) -> None:
    done = server.machine(boot_key.public).run("cat; echo told >&2; exit 3", stdin="given")
    assert (done.code, done.stdout, done.stderr) == (3, "given", "told\n")


def test_another_machine_at_the_address_is_refused_before_anything_is_sent(server: SshServer) -> None:
    with pytest.raises(Refused, match="it is another machine"):
        server.machine(keys.new_pair("other").public).run("true")
    assert server.commands == []


def test_a_key_that_is_not_let_in(server: SshServer, boot_key: KeyPair) -> None:
    with pytest.raises(DogitopsError, match="does not let root in with our SSH key"):
        server.machine(boot_key.public, login=keys.new_pair("stranger")).run("true")


def test_nothing_answers(server: SshServer, boot_key: KeyPair) -> None:
    nowhere = replace(server.machine(boot_key.public), port=1)
    with pytest.raises(Unreachable, match=r"web at 127.0.0.1 does not answer over SSH"):
        nowhere.run("true")


def test_a_command_that_does_not_end(server: SshServer, boot_key: KeyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automation.droplets.machine._CONNECT", 0.5)
    with pytest.raises(Unreachable, match="did not answer within"):
        server.machine(boot_key.public).run("exec sleep 3", timeout=0.1)


def test_a_failed_command_is_told_with_its_end(server: SshServer, boot_key: KeyPair) -> None:
    with pytest.raises(DogitopsError, match=r"On web, 'echo out of tea; exit 4' exited with 4:\nout of tea"):
        server.machine(boot_key.public).ok("echo out of tea; exit 4")


def test_no_secret_is_sent_to_a_machine_that_is_known_by_its_boot_key_alone(
    server: SshServer, boot_key: KeyPair
) -> None:
    with pytest.raises(Refused, match="so it is sent no secret"):
        server.machine(boot_key.public).run("cat", stdin=Secret("a token"))
    assert server.commands == []


def test_a_host_key_is_replaced_and_the_boot_key_is_worth_nothing_then(server: SshServer, boot_key: KeyPair) -> None:
    kept: list[Machine] = []
    before = server.machine(boot_key.public)
    after = replace_host_key(before, kept.append)
    assert boot_key.public not in after.host_keys
    assert not after.first_contact
    assert after.run("cat", stdin=Secret("a token")).stdout == "a token"
    with pytest.raises(Refused, match="another machine"):
        before.run("true")
    public = server.key.with_suffix(".pub").read_text().strip()
    assert after.host_keys == (public,)
    assert [it.host_keys for it in kept] == [(boot_key.public, public), (public,)]


def test_a_replacement_that_is_cut_off_leaves_a_machine_that_can_be_reached(
    server: SshServer, boot_key: KeyPair
) -> None:
    class PowerCutError(Exception):
        pass

    kept: list[Machine] = []

    def cut(machine: Machine) -> None:
        kept.append(machine)
        if machine.first_contact:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        replace_host_key(server.machine(boot_key.public), cut)
    assert kept[-1].first_contact, "no secret may be sent yet"
    assert replace_host_key(kept[-1], kept.append).run("true").code == 0


def test_a_pair_says_nothing_of_its_private_half() -> None:
    pair = keys.new_pair("admin")
    assert pair.public.startswith("ssh-ed25519 ")
    assert pair.public.endswith(" admin")
    assert "PRIVATE" not in repr(pair)
