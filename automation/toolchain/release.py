"""Vendors' releases: downloaded where they can be reached, checked against the vendor's checksum file."""

from __future__ import annotations

import http.client
import shutil
import tarfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from automation.errors import DogitopsError
from automation.toolchain.cache import file_sha256
from automation.toolchain.catalogue import Release, Tool, arch

Progress = Callable[[str], None]

_PROBE_TIMEOUT = 3.0
_TIMEOUT = 30.0  # without a single byte
_PIECE = 1 << 20

_reachable: dict[str, bool] = {}


class Unavailable(Exception):  # noqa: N818 - reads as what was found; always caught in this room
    """The release can't be had from here: the host does not answer, or does not have the file."""


def reachable(url: str) -> bool:
    """Whether the host of ``url`` answers at all; asked once in a process, within three seconds."""
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    if host not in _reachable:
        _reachable[host] = answers(host, _PROBE_TIMEOUT)
    return _reachable[host]


def answers(url: str, timeout: float) -> bool:
    """Whether an HTTP answer, whatever it says, comes from ``url`` within ``timeout`` seconds."""
    found: list[bool] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the catalogue allows https only
            urllib.request.urlopen(request, timeout=timeout).close()  # noqa: S310
        except urllib.error.HTTPError:
            found.append(True)
        except (OSError, http.client.HTTPException):
            found.append(False)
        else:
            found.append(True)

    asking = threading.Thread(target=ask, daemon=True)  # names may take longer to resolve than any timeout
    asking.start()
    asking.join(timeout)
    return found == [True]


def fetch(name: str, tool: Tool, into: Path, progress: Progress) -> None:
    """Put every binary of ``tool`` into the folder ``into``, from its vendor's release.

    Raises Unavailable where there is none to be had, DogitopsError where a file is not what its vendor says.
    """
    release = tool.release
    if release is None:
        raise Unavailable(f"{name} has no release of its own")
    if not reachable(release.url):
        raise Unavailable(f"{urlsplit(release.url).hostname} can't be reached from here")
    done: dict[str, Path] = {}
    for binary in tool.binaries:
        url = _filled(release, release.url, tool, binary)
        if url not in done:
            done[url] = into / f".download-{len(done)}"
            _download(url, done[url], lambda text: progress(f"{name}: {text}"))
            _verify(done[url], url, _filled(release, release.checksums, tool, binary))
        if url.endswith((".tar.gz", ".tgz")):
            _extract(done[url], binary, into / binary, url)
        else:
            shutil.copyfile(done[url], into / binary)
    for download in done.values():
        download.unlink()


def _filled(release: Release, template: str, tool: Tool, binary: str) -> str:
    machine = arch()
    return tool.filled(template, binary=binary, arch=release.arch.get(machine, machine))


def _download(url: str, to: Path, progress: Progress) -> None:
    file_name = PurePosixPath(urlsplit(url).path).name
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer, to.open("wb") as file:  # noqa: S310
            total = int(answer.headers.get("Content-Length") or 0)
            got = 0
            while piece := answer.read(_PIECE):
                file.write(piece)
                got += len(piece)
                progress(f"{file_name}, {got >> 20} of {total >> 20} MB")
    except urllib.error.HTTPError as error:
        raise Unavailable(f"{url} answered {error.code}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        parts = urlsplit(url)
        _reachable[f"{parts.scheme}://{parts.netloc}"] = False  # the next tools need not try
        raise Unavailable(f"{url} broke off: {getattr(error, 'reason', error)}") from error
    if total and got != total:
        raise Unavailable(f"{url} broke off after {got} of {total} bytes")


def _verify(file: Path, url: str, checksums_url: str) -> None:
    """Check a downloaded file against its vendor's word. A mismatch is never passed over."""
    listing = file.with_name(f"{file.name}.sums")
    _download(checksums_url, listing, lambda _text: None)
    file_name = PurePosixPath(urlsplit(url).path).name
    expected = _expected(listing.read_text(errors="replace"), file_name)
    listing.unlink()
    if expected is None:
        raise DogitopsError(
            f"{checksums_url} names no checksum for {file_name}.",
            hint="The vendor may have changed its files: compare them with catalogue.yaml. Nothing was installed.",
        )
    found = file_sha256(file)
    if found != expected:
        raise DogitopsError(
            f"{url} is not what its vendor says: its sha256 is {found}, and {checksums_url} names {expected}.",
            hint="Somebody may have tampered with the file or with your connection. Nothing was installed. "
            "Try again on a network that you trust; if it stays, tell the vendor.",
        )


def _expected(listing: str, file_name: str) -> str | None:
    """Return the sha256 for ``file_name`` in a checksum file: lines of hash and name, or a lone hash."""
    lines = [line.split() for line in listing.splitlines() if line.strip()]
    if len(lines) == 1 and len(lines[0]) == 1:
        return lines[0][0].lower()
    for words in lines:
        if len(words) > 1 and PurePosixPath(words[-1].lstrip("*")).name == file_name:
            return words[0].lower()
    return None


def _extract(archive: Path, binary: str, to: Path, url: str) -> None:
    """Take the file named ``binary`` that lies least deep in the archive; nothing else is written."""
    try:
        with tarfile.open(archive) as opened:
            named = [one for one in opened if one.isfile() and PurePosixPath(one.name).name == binary]
            if not named:
                raise DogitopsError(f"{url} holds no {binary}.", hint="Compare it with catalogue.yaml.")
            source = opened.extractfile(min(named, key=lambda one: one.name.count("/")))
            assert source is not None  # noqa: S101 - it is a regular file
            with source, to.open("wb") as file:
                shutil.copyfileobj(source, file)
    except (tarfile.TarError, EOFError) as error:
        raise DogitopsError(f"{url} is not an archive that can be read: {error}.") from error
