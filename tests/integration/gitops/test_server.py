from __future__ import annotations

import gzip
import http.client
import os
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from automation.gitops.server import Server
from automation.gitops.view import View
from tests.integration.gitops.conftest import git


def packet(line: str) -> bytes:
    """Return a line as Git's protocol frames it."""
    return f"{len(line) + 5:04x}{line}\n".encode()


def status(url: str, method: str, path: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_a_commit_can_be_cloned_the_moment_it_is_made(served: str, clone: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", served, "copy")
    assert (tmp_path / "copy" / "gitops" / "a.yaml").read_text() == "a: 1\n"
    (clone / "gitops" / "a.yaml").write_text("a: 2\n")
    git(clone, "commit", "--quiet", "--all", "-m", "Second")
    git(tmp_path / "copy", "pull", "--quiet")
    assert (tmp_path / "copy" / "gitops" / "a.yaml").read_text() == "a: 2\n"


def test_a_commit_on_no_branch_is_served_on_one(served: str, clone: Path, tmp_path: Path) -> None:
    """A CI runner's clone is on no branch, and Argo CD's client finds HEAD on a branch only."""
    git(clone, "checkout", "--quiet", "--detach")
    (clone / "new").write_text("only here")
    git(clone, "add", "new")
    git(clone, "commit", "--quiet", "-m", "On no branch")
    head = git(clone, "rev-parse", "HEAD")
    listed = git(tmp_path, "ls-remote", "--symref", served).splitlines()
    assert listed == ["ref: refs/heads/main\tHEAD", f"{head}\tHEAD", f"{head}\trefs/heads/main"]
    git(tmp_path, "clone", "--quiet", served, "copy")
    assert (tmp_path / "copy" / "new").read_text() == "only here"


def test_an_earlier_commit_can_be_asked_for(served: str, clone: Path, tmp_path: Path) -> None:
    first = git(clone, "rev-parse", "HEAD")
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "Second")
    git(tmp_path, "init", "--quiet", "copy")
    git(tmp_path / "copy", "-c", "protocol.version=0", "fetch", "--quiet", served, first)
    assert git(tmp_path / "copy", "rev-parse", "FETCH_HEAD") == first


def test_a_rewritten_branch_is_followed(served: str, clone: Path, tmp_path: Path) -> None:
    git(clone, "commit", "--quiet", "--amend", "-m", "First, again")
    assert git(tmp_path, "ls-remote", served, "HEAD").split()[0] == git(clone, "rev-parse", "HEAD")


def test_serving_writes_nothing_into_the_repository(served: str, clone: Path, tmp_path: Path) -> None:
    def files() -> dict[str, int]:
        return {str(file): file.stat().st_mtime_ns for file in (clone / ".git").rglob("*")}

    before = files()
    git(tmp_path, "clone", "--quiet", served, "copy")
    assert files() == before


def test_a_repository_that_went_away_is_said_to_be_unavailable(served: str, clone: Path) -> None:
    (clone / ".git" / "HEAD").write_text("ref: refs/heads/unborn\n")
    assert status(served, "GET", "/repository.git/info/refs?service=git-upload-pack") == 503


def test_a_linked_worktree_is_served_at_its_own_head(clone: Path, tmp_path: Path) -> None:
    git(clone, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    git(tmp_path / "side", "commit", "--quiet", "--allow-empty", "-m", "Aside")
    folder = Path(git(tmp_path / "side", "rev-parse", "--absolute-git-dir"))
    with Server(("127.0.0.1", 0), View(folder, tmp_path / "view")) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/repository.git"
        advertised = git(tmp_path, "ls-remote", url, "HEAD").split()[0]
        server.shutdown()
    assert advertised == git(tmp_path / "side", "rev-parse", "HEAD") != git(clone, "rev-parse", "HEAD")


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_every_version_of_the_protocol_is_spoken(served: str, clone: Path, tmp_path: Path, version: str) -> None:
    git(tmp_path, "-c", f"protocol.version={version}", "clone", "--quiet", served, "copy")
    (clone / "gitops" / "big").write_bytes(os.urandom(300_000))
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "-m", "Random bytes")
    git(tmp_path / "copy", "-c", f"protocol.version={version}", "pull", "--quiet")
    assert (tmp_path / "copy" / "gitops" / "big").read_bytes() == (clone / "gitops" / "big").read_bytes()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
def test_requests_come_whole_or_in_chunks_compressed_or_not(
    served: str, clone: Path, compressed: bool, chunked: bool
) -> None:
    """A client that has much to tell does so in chunks."""
    prefixes = b"".join(packet(f"ref-prefix refs/heads/{number}") for number in range(5000))
    body = packet("command=ls-refs") + b"0001" + prefixes + packet("ref-prefix HEAD") + b"0000"
    headers = {"Content-Type": "application/x-git-upload-pack-request", "Git-Protocol": "version=2"}
    if compressed:
        body = gzip.compress(body)
        headers["Content-Encoding"] = "gzip"
    pieces = [body[at : at + 7000] for at in range(0, len(body), 7000)]
    connection = http.client.HTTPConnection(urlsplit(served).netloc, timeout=10)
    path = "/repository.git/git-upload-pack"
    connection.request("POST", path, iter(pieces) if chunked else body, headers, encode_chunked=chunked)
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.read() == packet(f"{git(clone, 'rev-parse', 'HEAD')} HEAD") + b"0000"
    connection.close()


def test_pushing_is_refused(served: str, clone: Path, tmp_path: Path) -> None:
    before = git(clone, "rev-parse", "HEAD")
    git(tmp_path, "clone", "--quiet", served, "copy")
    git(tmp_path / "copy", "commit", "--quiet", "--allow-empty", "-m", "Mine")
    # Even where the repository's own configuration would allow it.
    git(clone, "config", "http.receivepack", "true")
    done = subprocess.run(
        ["git", "push", served, "HEAD:other"], cwd=tmp_path / "copy", check=False, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "403" in done.stderr
    assert git(clone, "for-each-ref", "refs/heads/other") == ""
    assert git(clone, "rev-parse", "HEAD") == before


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/repository.git/info/refs?service=git-receive-pack", 403),
        ("GET", "/repository.git/info/refs", 403),
        ("GET", "/repository.git/HEAD", 403),
        ("GET", "/repository.git/config", 403),
        ("GET", "/repository.git/../config", 403),
        ("POST", "/repository.git/git-receive-pack", 403),
        ("PUT", "/repository.git/info/refs", 501),
        ("GET", "/", 404),
        ("POST", "/elsewhere.git/git-upload-pack", 404),
        ("GET", "/repository.git/info/refs?service=git-upload-pack", 200),
    ],
)
def test_only_fetching_is_answered(served: str, method: str, path: str, expected: int) -> None:
    assert status(served, method, path) == expected


def test_what_is_not_checked_out_stays_private(served: str, clone: Path) -> None:
    (clone / "gitops" / "a.yaml").write_text("secret: draft\n")
    git(clone, "stash", "--quiet")
    git(clone, "update-ref", "refs/remotes/origin/theirs", "HEAD")
    git(clone, "branch", "draft")
    git(clone, "tag", "v1")
    refs = {line.split()[1] for line in git(clone, "ls-remote", served).splitlines()}
    assert refs == {"HEAD", "refs/heads/main"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_a_clone_of_another_user_is_served(served: str, clone: Path, tmp_path: Path) -> None:
    for folder, folders, files in os.walk(clone):
        for name in (folder, *(f"{folder}/{one}" for one in (*folders, *files))):
            os.chown(name, 65534, 65534)
    git(tmp_path, "clone", "--quiet", served, "copy")
    assert (tmp_path / "copy" / "gitops" / "a.yaml").exists()


def test_a_client_that_goes_away_does_no_harm(served: str) -> None:
    host, port = urlsplit(served).netloc.split(":")
    for _ in range(12):  # more than are answered at once
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.putrequest("POST", "/repository.git/git-upload-pack")
        connection.putheader("Content-Type", "application/x-git-upload-pack-request")
        connection.putheader("Content-Length", "1000")
        connection.endheaders()
        connection.send(b"0011command=ls-refs")
        connection.close()
    assert status(served, "GET", "/repository.git/info/refs?service=git-upload-pack") == 200
