from __future__ import annotations

import hashlib
import io
import socket
import tarfile
from pathlib import Path
from typing import Any, Protocol

import pytest

from automation.errors import DogitopsError
from automation.toolchain import release
from automation.toolchain.catalogue import Tool, arch

PROGRAM = b"#!/bin/sh\necho hello\n"


class Vendor(Protocol):
    url: str
    files: dict[str, bytes]
    cut: str | None

    def publish(self, path: str, content: bytes) -> None: ...


def tool(vendor_url: str, file: str = "hello", *, binaries: tuple[str, ...] = ("hello",), **more: Any) -> Tool:
    build = {"module": "m", "sum": "h1:" + "A" * 43 + "=", "packages": dict.fromkeys(binaries, ".")}
    return Tool.model_validate(
        {
            "version": "1.2.3",
            "purpose": "says hello",
            "needed_for": ["tests"],
            "seconds": 1,
            "build": build,
            "release": {"url": f"{vendor_url}/{file}", "checksums": f"{vendor_url}/{file}.sha256", **more},
        }
    )


def fetch(of: Tool, into: Path) -> list[str]:
    told: list[str] = []
    release.fetch("hello", of, into, told.append)
    return told


def packed(files: dict[str, bytes], *, link: str | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
    return buffer.getvalue()


def test_a_plain_file(vendor: Vendor, tmp_path: Path) -> None:
    vendor.publish("/v1.2.3/hello-x", PROGRAM)
    told = fetch(tool(vendor.url, "v{version}/{binary}-{arch}", arch={arch(): "x"}), tmp_path)
    assert (tmp_path / "hello").read_bytes() == PROGRAM
    assert [path.name for path in tmp_path.iterdir()] == ["hello"]
    assert told[-1].startswith("hello: hello-x, ")


def test_an_archive_is_fetched_once_and_gives_only_the_programs(vendor: Vendor, tmp_path: Path) -> None:
    files = {"pkg/docs/hello": b"a page", "pkg/hello": PROGRAM, "pkg/bin/world": b"world", "../outside": b"no"}
    vendor.publish("/all.tgz", packed(files))
    fetch(tool(vendor.url, "all.tgz", binaries=("hello", "world")), tmp_path)
    assert (tmp_path / "hello").read_bytes() == PROGRAM
    assert (tmp_path / "world").read_bytes() == b"world"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hello", "world"]
    assert vendor.asked.count("/all.tgz") == 1  # type: ignore[attr-defined]


def test_a_link_in_an_archive_is_not_followed(vendor: Vendor, tmp_path: Path) -> None:
    vendor.publish("/all.tar.gz", packed({}, link="hello"))
    with pytest.raises(DogitopsError, match="holds no hello"):
        fetch(tool(vendor.url, "all.tar.gz"), tmp_path)


def test_an_archive_that_is_none_is_told(vendor: Vendor, tmp_path: Path) -> None:
    vendor.publish("/all.tar.gz", b"<html>sign in to the hotel's network</html>")
    with pytest.raises(DogitopsError, match="not an archive"):
        fetch(tool(vendor.url, "all.tar.gz"), tmp_path)


@pytest.mark.parametrize(
    "listing",
    [
        "{sum}",
        "{sum}\n",
        "{sum}  hello\n",
        "{sum} *hello\n",
        "{other}  world\n{sum}  _dist/hello\n",
        "\n{other}  hello.sig\n{sum}  hello\n",
    ],
)
def test_every_form_of_checksum_file_is_read(vendor: Vendor, tmp_path: Path, listing: str) -> None:
    vendor.files["/hello"] = PROGRAM
    text = listing.format(sum=hashlib.sha256(PROGRAM).hexdigest(), other="0" * 64)
    vendor.files["/hello.sha256"] = text.encode()
    fetch(tool(vendor.url), tmp_path)
    assert (tmp_path / "hello").read_bytes() == PROGRAM


def test_a_mismatch_is_an_error_that_names_both_sums(vendor: Vendor, tmp_path: Path) -> None:
    vendor.publish("/hello", PROGRAM)
    vendor.files["/hello"] = PROGRAM + b"rm -rf /\n"
    with pytest.raises(DogitopsError, match="not what its vendor says") as caught:
        fetch(tool(vendor.url), tmp_path)
    assert hashlib.sha256(PROGRAM).hexdigest() in caught.value.message
    assert not (tmp_path / "hello").exists()


@pytest.mark.parametrize("listing", [b"", b"0000  world\n", b"<html>\n<p>not found</p></html>"])
def test_a_checksum_file_without_the_file_is_an_error(vendor: Vendor, tmp_path: Path, listing: bytes) -> None:
    vendor.files |= {"/hello": PROGRAM, "/hello.sha256": listing}
    with pytest.raises(DogitopsError, match="names no checksum for hello"):
        fetch(tool(vendor.url), tmp_path)


def test_a_file_that_is_not_there_is_unavailable(vendor: Vendor, tmp_path: Path) -> None:
    with pytest.raises(release.Unavailable, match="answered 404"):
        fetch(tool(vendor.url), tmp_path)


def test_a_download_that_breaks_off_is_unavailable(vendor: Vendor, tmp_path: Path) -> None:
    vendor.publish("/hello", PROGRAM)
    vendor.cut = "/hello"
    with pytest.raises(release.Unavailable, match="broke off"):
        fetch(tool(vendor.url), tmp_path)


def test_a_host_that_does_not_answer_is_asked_once(tmp_path: Path) -> None:
    with socket.socket() as listener:  # closed again before it is asked
        listener.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(release.Unavailable, match="can't be reached"):
        fetch(tool(closed), tmp_path)
    assert release._reachable[closed] is False


def test_a_host_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert release.answers(f"http://127.0.0.1:{listener.getsockname()[1]}", 0.2) is False


def test_a_tool_without_a_release_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(release.Unavailable, match="no release"):
        fetch(tool("http://127.0.0.1").model_copy(update={"release": None}), tmp_path)
