"""From two tokens to a running machine, and on to larger and more of them, by the command line alone.

DigitalOcean is the simulator, and its droplets run here (estate). K3s can't be had, so a program stands in for it that
keeps tokens and answers over TLS; everything around it is real: OpenTofu, the provider, Spaces, cloud-init, SSH.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from shutil import copytree, ignore_patterns

import pytest
import yaml

from automation.droplets import k3s
from automation.process import run
from automation.simulators.digitalocean.models.droplets import Droplet
from automation.simulators.digitalocean.models.spaces import Bucket, SpacesKey
from automation.simulators.digitalocean.models.volumes import Volume
from tests.e2e.conftest import ROOT
from tests.e2e.digitalocean.conftest import configuration
from tests.e2e.droplets.place import NAME, Place, placed, stand_in
from tests.integration.jobs.test_reap_scopes import asked, told

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]
__all__ = ["configuration"]  # a fixture


@pytest.fixture(scope="module")
def place(docker: None, configuration: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("estate")
    root = folder / "repository"
    copytree(ROOT / "opentofu", root / "opentofu", ignore=ignore_patterns(".terraform*"))
    file = root / "opentofu/environments/single-node/environment.yaml"
    described = yaml.safe_load(file.with_name("environment.example.yaml").read_text())
    described["gitops"]["repository"] = "https://github.com/acme/infrastructure.git"
    file.write_text(yaml.safe_dump(described))
    with placed(folder, root, configuration, program=stand_in()) as made:
        yield made


@pytest.fixture(scope="module")
def made(place: Place) -> str:
    """Make the cluster, and return what the command said."""
    return place.run("cluster", "create", "single-node")


def test_a_version_of_k3s_that_does_not_exist_is_refused_before_anything_is_made(place: Place) -> None:
    (place.releases / "download" / k3s.VERSION / "sha256sum-amd64.txt").rename(place.releases / "kept")
    said = place.run("cluster", "create", "single-node", code=2)
    (place.releases / "kept").rename(place.releases / "download" / k3s.VERSION / "sha256sum-amd64.txt")
    assert f"There is no K3s {k3s.VERSION}." in said
    assert "its key was made: it opens this bucket alone" in said
    with place.cloud.lock:
        assert not place.cloud.state.all(Droplet)


def test_one_command_and_a_token_give_a_machine_with_its_cluster(place: Place, made: str) -> None:
    assert "it does: of two who write at once, one is refused" in made
    assert "SSH and the API are open to 93.184.216.34/32" in made
    assert "$12.00" in made
    (cluster,) = yaml.safe_load((place.kept / "kubeconfig").read_text())["clusters"]
    assert cluster["cluster"]["server"].startswith("https://198.1")
    assert (place.kept / "kubeconfig").stat().st_mode & 0o777 == 0o600
    status = json.loads(place.on("cat /var/lib/dogitops/status.json"))
    assert status["state"] == "done"
    assert place.on("findmnt --noheadings --output FSTYPE /var/lib/rancher") == "ext4"


def test_what_is_left_opens_no_more_than_it_must(place: Place, made: str) -> None:
    with place.cloud.lock:
        keys = {it.name: it.grants for it in place.cloud.state.all(SpacesKey).values()}
        buckets = sorted(place.cloud.state.all(Bucket))
    assert {name: [(it.bucket, it.permission) for it in grants] for name, grants in keys.items()} == {
        f"{NAME}-{what}": [(f"{NAME}-{what}", "readwrite")] for what in ("backups", "state")
    }
    assert buckets == [f"{NAME}-backups", f"{NAME}-state"]
    folder = place.kept / "ssh"
    assert sorted(it.name for it in folder.iterdir()) == ["login", "login.pub", "machines"], (
        "the first host key is gone"
    )
    for secret in ("login", f"machines/{NAME}.json"):
        assert (folder / secret).stat().st_mode & 0o777 == 0o600
    private = (folder / "login").read_text()
    assert private not in made
    found = place.on("grep -rl -e 'full-rights-of-the-stand-in' -e DIGITALOCEAN /var/lib/cloud /etc/dogitops || true")
    assert found == ""


def test_the_same_command_again_changes_nothing(place: Place, made: str) -> None:
    before = place.machine()
    said = place.run("cluster", "create", "single-node")
    assert "nothing has to be changed" in said
    assert place.machine() == before


def test_a_backup_has_a_key_of_its_own(place: Place, made: str) -> None:
    """What Velero gets opens the bucket of the backups, and not that of the state."""
    script = (
        "from automation.jobs.sites import open_site; site = open_site('single-node'); "
        "site.backup_store.write('dogitops-single-node-backups', 'x', b'1'); "
        "print(site.backup_store.opens('dogitops-single-node-state'))"
    )
    done = run([sys.executable, "-c", script], cwd=place.root, env=place.variables, check=False)
    assert done.stdout.strip() == "False", done.text


def test_a_volume_never_shrinks(place: Place, made: str) -> None:
    said = place.run("resize", "single-node", "--volume", "5", "--yes", code=3)
    assert "The volume has 10 GiB, and a volume never shrinks." in said
    assert "volume_gib" not in place.settings()


def test_a_size_that_is_not_there(place: Place, made: str) -> None:
    said = place.run("resize", "single-node", "--size", "s-2vcpu-5gb", "--yes", code=2)
    assert "offers no size of droplets in this region 's-2vcpu-5gb'. Nearest: 's-2vcpu-4gb'." in said


def test_nobody_agreed(place: Place, made: str) -> None:
    said = place.run("resize", "single-node", "--size", "s-2vcpu-4gb", code=3)
    assert "$12.00 a month before, $24.00 after" in said
    assert "their own disks stay as they are: the way back is open" in said.lower().replace("\n", " ")
    assert "Nothing was changed." in said
    assert "size" not in place.settings()
    assert place.on("systemctl is-active dogitops-k3s@server") == "active"


def test_a_volume_grows_while_it_is_in_use(place: Place, made: str) -> None:
    booted = place.on("uptime -s; systemctl show -P ActiveEnterTimestampMonotonic dogitops-k3s@server")
    said = place.run("resize", "single-node", "--volume", "20", "--yes")
    assert "$1.00 a month before, $2.00 after" in said
    assert "Commit opentofu/environments/single-node/settings.auto.tfvars.json" in said
    with place.cloud.lock:
        assert [it.size for it in place.cloud.state.all(Volume).values()] == [20]
    assert place.on("uptime -s; systemctl show -P ActiveEnterTimestampMonotonic dogitops-k3s@server") == booted


def test_an_agent_joins_by_a_token_that_stands_nowhere(place: Place, made: str) -> None:
    said = place.run("join", "single-node", "--yes")
    assert f"Joined: {NAME}-agent-1." in said
    joined = [json.loads(line) for line in place.on("cat /var/lib/rancher/k3s/server/joined").splitlines()]
    assert joined == [{"name": f"{NAME}-agent-1", "lasting": False}]
    token = place.on("cat /etc/rancher/k3s/join-token", f"{NAME}-agent-1")
    assert len(token) == 32
    assert token not in said
    with place.cloud.lock:
        assert [it.name for it in place.cloud.state.all(Droplet).values() if token in it.user_data] == []
    places = "/var/lib/cloud /var/log /var/lib/dogitops /run/dogitops /proc/[0-9]*/cmdline"
    assert place.on(f"grep -sl '[{token[0]}]{token[1:]}' -r {places} || true", f"{NAME}-agent-1") == ""


def test_there_are_never_fewer_by_joining(place: Place, made: str) -> None:
    said = place.run("join", "single-node", "--agents", "0", "--yes", code=3)
    assert "join makes none fewer" in said


def test_a_larger_machine_is_shut_down_in_order_and_comes_back(place: Place, made: str) -> None:
    place.on("touch /root/kept /var/lib/rancher/kept")
    said = place.run("resize", "single-node", "--size", "s-2vcpu-4gb", "--yes")
    assert f"Shutting {NAME} down" in said
    assert "together: $24.00 a month before, $48.00 after" in said
    with place.cloud.lock:
        sizes = {it.name: (it.size, it.disk) for it in place.cloud.state.all(Droplet).values()}
    assert sizes == {NAME: ("s-2vcpu-4gb", 50), f"{NAME}-agent-1": ("s-2vcpu-4gb", 50)}
    assert place.on("ls /root/kept /var/lib/rancher/kept").split() == ["/root/kept", "/var/lib/rancher/kept"]


def test_a_boot_that_fails_is_told_with_its_step_and_its_log(place: Place, made: str) -> None:
    """A program that is not K3s, as here without a stand-in: the machine is wiped, and made again with it."""
    assert place.run("cluster", "delete", "single-node", "--yes")
    program = "#!/bin/sh\necho 'k3s version v0.0.0+k3s0 (not K3s)'\n"
    file = place.root / "opentofu/environments/single-node/settings.auto.tfvars.json"
    good = place.settings()
    (place.releases / "other").write_text(program)
    url = f"{place.variables['DOGITOPS_K3S_RELEASES']}/other"
    bad = {"version": k3s.VERSION, "sha256": sha256(program.encode()).hexdigest(), "url": url}
    file.write_text(json.dumps({**good, "agents": 0, "k3s": bad}))
    said = place.run("cluster", "create", "single-node", code=1)
    assert f"{NAME}: its boot failed in the step 70-k3s (exit code 1)" in said
    assert f"this is k3s version v0.0.0+k3s0 (not K3s), and {k3s.VERSION} was asked for" in said
    file.write_text(json.dumps({**good, "agents": 0}))


def test_after_a_full_wipe_the_same_command_makes_it_again(place: Place, made: str) -> None:
    place.run("cluster", "delete", "single-node", "--yes")
    with place.cloud.lock:
        assert not place.cloud.state.all(Droplet)
        assert not place.cloud.state.all(Volume)
        assert sorted(place.cloud.state.all(Bucket)) == [f"{NAME}-backups", f"{NAME}-state"], "they survive it"
    place.run("cluster", "create", "single-node")
    assert "kept" not in place.on("ls /var/lib/rancher")
    assert json.loads(place.on("cat /var/lib/dogitops/status.json"))["state"] == "done"


def test_no_more_scopes_are_needed_than_the_documentation_says(place: Place, made: str) -> None:
    assert asked(place.cloud) <= set(told("a single node"))
