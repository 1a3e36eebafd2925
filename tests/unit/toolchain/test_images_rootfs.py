from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from automation.errors import ConfigurationError
from automation.toolchain import rootfs
from automation.toolchain.rootfs import Wanted


def test_the_machines_own_sources_are_taken_and_no_others() -> None:
    targets = """\
Debian|http://mirror.example/debian/|bookworm|main
Debian|http://mirror.example/debian/|bookworm|contrib
Debian|http://mirror.example/debian/|bookworm|main
Debian|http://mirror.example/debian-security/|bookworm-security|main
Vendor|https://vendor.example/apt/|stable|main
no target at all
"""
    assert rootfs.sources_list(targets, {"Debian": "/keys.gpg"}).splitlines() == [
        "deb [signed-by=/keys.gpg] http://mirror.example/debian/ bookworm main contrib",
        "deb [signed-by=/keys.gpg] http://mirror.example/debian-security/ bookworm-security main",
    ]


def test_without_a_keyring_apt_decides_whom_to_trust() -> None:
    assert (
        rootfs.sources_list("Ubuntu|http://u.example/|noble|universe", {}) == "deb http://u.example/ noble universe\n"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian"\n', "bookworm"),
        ('NAME="Ubuntu"\nID=ubuntu\nVERSION_CODENAME="noble"\n', "noble"),
    ],
)
def test_the_suite_is_the_machines(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "os-release").write_text(text)
    assert rootfs.suite(tmp_path / "os-release") == name


@pytest.mark.parametrize("text", ['ID=fedora\nPRETTY_NAME="Fedora 42"\nVERSION_CODENAME=""\n', None])
def test_another_distribution_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "os-release").write_text(text)
    with pytest.raises(ConfigurationError, match="Fedora 42" if text else "neither"):
        rootfs.suite(tmp_path / "os-release")


def test_what_is_installed_is_read_from_the_archive(tmp_path: Path) -> None:
    status = b"""\
Package: redis-server
Status: install ok installed
Version: 5:7.0.15-1~deb12u5
Description: a server
 Version: not this one

Package: tini
Version: 0.19.0-1
"""
    with tarfile.open(tmp_path / "rootfs.tar", "w") as tar:
        for name, data in (("./etc/hostname", b"x"), ("./var/lib/dpkg/status", status)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    assert rootfs.installed(tmp_path / "rootfs.tar") == {"redis-server": "5:7.0.15-1~deb12u5", "tini": "0.19.0-1"}


def test_an_archive_without_dpkg_has_nothing_installed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "rootfs.tar", "w"):
        pass
    assert rootfs.installed(tmp_path / "rootfs.tar") == {}


def test_the_digest_changes_with_what_is_wanted_and_not_with_its_order() -> None:
    plain = Wanted(("git", "tini"))
    assert plain.digest() == Wanted(("tini", "git")).digest()
    others = [
        Wanted(("git",)),
        Wanted(("git", "tini"), variant="minbase"),
        Wanted(("git", "tini"), users=(("argocd", 999),)),
        Wanted(("git", "tini"), hooks=("true",)),
    ]
    assert len({plain.digest(), *(other.digest() for other in others)}) == 5
