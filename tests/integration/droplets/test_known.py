"""How machines are known, kept in a private folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from automation.droplets.known import Known
from automation.errors import ConfigurationError


@pytest.fixture
def known(tmp_path: Path) -> Known:
    return Known(tmp_path / "single-node" / "ssh")


def test_keys_are_made_once_and_for_the_user_alone(known: Known) -> None:
    login = known.login()
    assert known.login() == login
    assert known.boot_key().public != login.public
    assert {file.stat().st_mode & 0o777 for file in known.folder.iterdir()} == {0o600}
    assert known.folder.stat().st_mode & 0o777 == 0o700


def test_a_machine_that_is_just_made_is_known_by_the_key_of_its_boot(known: Known) -> None:
    boot = known.boot_key()
    machine = known.machine("web", "17", "198.18.0.17")
    assert (machine.host_keys, machine.first_contact) == ((boot.public,), True)


def test_once_it_has_a_key_of_its_own_that_alone_counts(known: Known) -> None:
    known.boot_key()
    fresh = replace(known.machine("web", "17", "198.18.0.17"), host_keys=("ssh-ed25519 AAAA own",), first_contact=False)
    known.keep(fresh, "17")
    known.settled()
    again = Known(known.folder).machine("web", "17", "198.18.0.99")
    assert (again.host_keys, again.first_contact, again.address) == (fresh.host_keys, False, "198.18.0.99")
    assert known.names() == ["web"]


def test_a_machine_of_the_same_name_that_was_made_anew_is_another_one(known: Known) -> None:
    boot = known.boot_key()
    old = replace(known.machine("web", "17", "198.18.0.17"), host_keys=("ssh-ed25519 AAAA old",), first_contact=False)
    known.keep(old, "17")
    assert known.machine("web", "18", "198.18.0.17").host_keys == (boot.public,)


def test_a_machine_that_somebody_else_made_is_not_trusted(known: Known) -> None:
    with pytest.raises(ConfigurationError, match="web was not made from here: its host key is not known"):
        known.machine("web", "17", "198.18.0.17")


def test_each_boot_has_a_key_of_its_own(known: Known) -> None:
    first = known.boot_key()
    known.settled()
    assert known.boot_key().public != first.public


def test_what_is_gone_is_forgotten(known: Known) -> None:
    known.boot_key()
    for name in ("web", "agent-1"):
        known.keep(known.machine(name, name, "198.18.0.17"), name)
    known.forget(["agent-1"])
    assert known.names() == ["web"]
    known.forget()
    assert known.names() == []


def test_a_damaged_record_makes_no_machine_trusted(known: Known) -> None:
    known.boot_key()
    known.keep(known.machine("web", "17", "198.18.0.17"), "17")
    known.settled()
    (known.folder / "machines" / "web.json").write_text('{"id": "17"')
    with pytest.raises(ConfigurationError, match="not made from here"):
        known.machine("web", "17", "198.18.0.17")
