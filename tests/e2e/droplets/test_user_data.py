"""What machines get, as text: committed, so that a change of it is seen, and known to cloud-init's own schema.

``DOGITOPS_WRITE_SNAPSHOTS=1`` writes the committed texts anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from automation.process import run
from automation.toolchain import droplet_image
from tests.e2e.droplets.local import rendered_all

pytestmark = pytest.mark.e2e

SNAPSHOTS = Path(__file__).parent / "snapshots"
K3S = {
    "name": "dogitops-test",
    "k3s_version": "v1.34.4+k3s1",
    "datastore": "sqlite",
    "volume": "/dev/disk/by-id/scsi-0DO_Volume_dogitops-test-data",
    "restore": "",
}
KUBEADM = {
    "name": "dogitops-test",
    "kubernetes_version": "1.34.4",
    "control_planes": 3,
    "endpoint": "10.24.0.5:6443",
    "pod_subnet": "10.112.0.0/14",
    "service_subnet": "10.96.0.0/16",
}
OF_K3S = {"design": "k3s", "k3s": {"version": "v1.34.4+k3s1", "sha256": "0123456789abcdef" * 4}}
OF_KUBEADM = {
    "design": "kubeadm",
    "kubernetes_version": "1.34.4",
    "snapshots": {"bucket_url": "https://fra1.digitaloceanspaces.com/dogitops-test"},
    "oidc": {"issuer_url": "https://accounts.example.com", "client_id": "dogitops"},
}
# The name of the snapshot, what the module that makes machines fills in, and what the environment says.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "k3s-first": ({**K3S, "role": "first", "first_server": ""}, OF_K3S),
    "k3s-agent": ({**K3S, "role": "agent", "first_server": "10.22.0.2"}, OF_K3S),
    "kubeadm-control-plane": ({**KUBEADM, "role": "control-plane", "number": "1"}, OF_KUBEADM),
    "kubeadm-worker": ({**KUBEADM, "role": "worker", "number": "2"}, OF_KUBEADM),
}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return all of them, rendered once for each design."""
    found: dict[str, str] = {}
    for inputs in (OF_K3S, OF_KUBEADM):
        facts = {name: facts for name, (facts, asked) in CASES.items() if asked is inputs}
        found |= rendered_all(tmp_path_factory.mktemp("rendered"), facts, **inputs)
    return found


@pytest.mark.parametrize("name", CASES)
def test_user_data_is_what_is_committed(texts: dict[str, str], name: str) -> None:
    text, snapshot = texts[name], SNAPSHOTS / f"{name}.yaml"
    if os.environ.get("DOGITOPS_WRITE_SNAPSHOTS"):
        snapshot.write_text(text)
    assert text == snapshot.read_text(), "look at the difference, and write it with DOGITOPS_WRITE_SNAPSHOTS=1"
    assert len(text.encode()) < 64 * 1024, "DigitalOcean takes no more"


def test_cloud_init_knows_all_of_it(docker: None) -> None:
    each = "; ".join(f"cloud-init schema --config-file /texts/{name}.yaml" for name in CASES)
    command = ["docker", "run", "--rm", "--entrypoint", "sh", "--volume", f"{SNAPSHOTS}:/texts:ro"]
    done = run([*command, droplet_image.ensure(), "-ec", each], check=False)
    assert done.returncode == 0, done.text
    assert done.text.count("Valid") == len(CASES), done.text


def test_its_schema_finds_a_mistake(docker: None, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("#cloud-config\nusers: []\n")
    command = ["docker", "run", "--rm", "--entrypoint", "cloud-init", "--volume", f"{tmp_path}:/texts:ro"]
    done = run([*command, droplet_image.ensure(), "schema", "--config-file", "/texts/wrong.yaml"], check=False)
    assert done.returncode != 0
