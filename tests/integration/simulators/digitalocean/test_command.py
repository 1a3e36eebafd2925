"""The command as people and scripts start it: a process of its own."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from automation.objectstore import ObjectStore
from automation.secret import Secret


@contextmanager
def started(*words: str | Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Start the command and yield it with the URL and the token that it printed."""
    argv = [sys.executable, "-m", "automation", "simulate", "digitalocean", *(str(word) for word in words)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield child, child.stdout.readline().strip(), child.stdout.readline().strip()
        finally:
            child.kill()


def ask(url: str, token: str, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - our own server
        url + path, json.dumps(body).encode() if body else None, {"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
        return json.load(answer)


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, None)])
def test_it_keeps_its_state(tmp_path: Path, sign: signal.Signals, code: int | None) -> None:
    file = tmp_path / "state.json"
    with started("--state", file, "--droplets", "3") as (child, url, token):
        assert url.startswith("http://127.0.0.1:")
        assert ask(url, token, "/v2/account")["account"]["droplet_limit"] == 3
        ask(url, token, "/v2/tags", {"name": "kept"})
        child.send_signal(sign)
        _, told = child.communicate(timeout=20)
    assert "Traceback" not in told
    assert code is None or (child.returncode == code and "has ended" in told)
    with started("--state", file) as (_, url, again):
        assert again == token
        assert [it["name"] for it in ask(url, token, "/v2/tags")["tags"]] == ["kept"]


def test_faults_are_drawn_from_the_seed() -> None:
    with started("--faults", "1", "--seed", "3") as (_, url, token):
        outcomes = [failed(url, token) for _ in range(6)]
    assert any(outcomes)  # a slow answer is an answer


def failed(url: str, token: str) -> bool:
    try:
        ask(url, token, "/v2/account")
    except (OSError, http.client.HTTPException):
        return True
    return False


def test_a_file_that_is_no_state(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text("{}")
    argv = [sys.executable, "-m", "automation", "simulate", "digitalocean", "--state", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "is not a state of the DigitalOcean simulator" in done.stderr
    assert "Traceback" not in done.stderr


def test_spaces_are_the_third_line_and_open_to_keys_of_the_account(tmp_path: Path) -> None:
    with started("--spaces", tmp_path / "buckets") as (child, url, token):
        assert child.stdout is not None
        endpoint = child.stdout.readline().strip()
        body = {"name": "all", "grants": [{"bucket": "", "permission": "fullaccess"}]}
        key = ask(url, token, "/v2/spaces/keys", body)["key"]
        store = ObjectStore(
            endpoint.replace("localhost", "127.0.0.1"),
            "us-east-1",
            Secret(key["access_key"]),
            Secret(key["secret_key"]),
        )
        store.ensure_bucket("dogitops-state")
        assert store.buckets() == ["dogitops-state"]
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=20) == 0


def test_real_clusters_and_a_state_are_refused_together(tmp_path: Path) -> None:
    words = ["simulate", "digitalocean", "--clusters", "kind", "--state", str(tmp_path / "state.json")]
    done = subprocess.run(
        [sys.executable, "-m", "automation", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "real clusters end with the simulator" in " ".join(done.stderr.split())
