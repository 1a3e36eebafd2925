"""Our repository on a simulated GitHub, with a simulated DigitalOcean: what the scheduled workflows work on.

Only addresses and names are other than in the repository: Spaces and Git are on docker's bridge, where the nodes of
simulated clusters reach them, and clusters have names of their own. What people would write into environment.yaml and
gitops/ for a store and a repository of theirs is written here, too.
"""

from __future__ import annotations

import contextlib
import io
import secrets
import shutil
import socket
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from automation import daemon, objectstore
from automation.gitops import repository
from automation.jobs.machines.simulated_clusters import kind_maker
from automation.objectstore import ObjectStore
from automation.recovery import evidence
from automation.simulators.digitalocean import DigitalOceanSimulator, Limits, makers
from automation.simulators.digitalocean.makers import Works
from automation.simulators.github import GitHubSimulator
from automation.toolchain import engine, images, install
from tests.e2e.act import Act
from tests.e2e.conftest import ROOT, Clone
from tests.e2e.hosted import Hosted, Ran, git

NAME = "octo-org/infrastructure"
WORKFLOWS = ("e2e.yml", "drill.yml", "evidence.yml")
EPHEMERAL = "dogitops-e2e-nightly"
MIRROR = "registry"  # the server's name in automation.toolchain.images


@dataclass
class Scheduled:
    """The repository, its GitHub, its DigitalOcean and its Spaces; ``works`` has the real clusters, where there are.

    ``desk`` is a clone where somebody works at a terminal, with the secrets that the workflows have.
    """

    hosted: Hosted
    cloud: DigitalOceanSimulator
    spaces: ObjectStore
    works: Works | None
    desk: Clone

    def night(self, workflow: str) -> Ran:
        """Let the schedule of a workflow come round."""
        self.hosted.hub.schedule(NAME, f".github/workflows/{workflow}")
        return self.one()

    def by_hand(self, workflow: str, **inputs: str) -> Ran:
        """Start a workflow by hand."""
        self.hosted.hub.dispatch(NAME, f".github/workflows/{workflow}", inputs=inputs)
        return self.one()

    def one(self) -> Ran:
        """Let Actions do the one run that there is to do."""
        [call] = self.hosted.called()
        return self.hosted.finish(self.hosted.start(call), timeout=1200)


@contextlib.contextmanager
def scheduled(folder: Path, tree: Path, *, nodes: int = 0, **variables: str) -> Iterator[Scheduled]:
    """Host a copy of ``tree``; clusters at DigitalOcean have so many ``nodes``: none, or what kind makes.

    ``variables`` are set for every step of every run, and at the desk.
    """
    variables = {"DOGITOPS_PATIENCE": "poll=1", **variables}
    engine.ensure_docker()
    bridge = engine.bridge_address()
    desk, origin = folder / "desk", folder / "origin.git"
    shutil.copytree(tree, desk)
    spaces_port, git_port = free_port(bridge), free_port(bridge)
    settle(desk, bridge, spaces_port, git_port)
    git(desk, "add", "-A")
    git(desk, "commit", "-q", "-m", "As tested")
    git(folder, "clone", "-q", "--bare", str(desk), str(origin))
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    with contextlib.ExitStack() as running:
        running.callback(objectstore.stop_local, folder / "spaces")
        spaces = objectstore.serve_local(folder / "spaces", install.path("versitygw"), bridge, spaces_port, "us-east-1")
        running.callback(repository.stop, folder / "git")
        repository.serve(folder / "git", origin, bridge, git_port)
        hub = running.enter_context(GitHubSimulator())
        seed = secrets.randbelow(1_000_000)  # names of nodes, which are containers, come from it
        cloud = running.enter_context(DigitalOceanSimulator(limits=Limits(hour=None, minute=None), seed=seed))
        works = None
        if nodes:
            running.callback(daemon.stop, folder / "mirror", MIRROR)
            works = running.enter_context(makers.using(cloud, kind_maker(nodes, mirror(folder / "mirror", bridge))))
        hub.add_repository(NAME, str(origin))
        held = {
            "DOGITOPS_SECRETS_KEY": secrets.token_hex(32),
            "SPACES_ACCESS_KEY_ID": spaces.access_key.reveal(),
            "SPACES_SECRET_ACCESS_KEY": spaces.secret_key.reveal(),
            "DIGITALOCEAN_TOKEN": cloud.full_token(),
        }
        (folder / "runs").mkdir()
        act = Act(
            origin, NAME, folder / "runs", {"GITHUB_API_URL": hub.url, "DIGITALOCEAN_API_URL": cloud.url, **variables}
        )
        at_desk = {
            "DOGITOPS_ROOT": str(desk), "PYTHONPATH": str(ROOT), "COLUMNS": "1000", "DIGITALOCEAN_API_URL": cloud.url,
        }  # fmt: skip
        clone = Clone(desk, {**at_desk, **held, **variables})
        yield Scheduled(Hosted(hub, NAME, origin, act, held, WORKFLOWS), cloud, spaces, works, clone)


def mirror(folder: Path, address: str) -> str:
    """Return the address of an image mirror with all that a cluster here pulls; nothing where upstream can be had."""
    images.ensure(*images.for_local())
    return images.serve_mirror(folder, free_port(address)) or ""


def settle(desk: Path, bridge: str, spaces_port: int, git_port: int) -> None:
    """Write the addresses of this test's servers into the clone."""
    spaces, code = f"http://{bridge}:{spaces_port}", f"http://{bridge}:{git_port}/repository.git"
    file = desk / "opentofu/environments/ephemeral/environment.yaml"
    told = yaml.safe_load(file.read_text())
    replace(desk / "gitops/clusters/ephemeral/kustomization.yaml", told["gitops"]["repository"], code)
    replace(desk / "gitops/clusters/ephemeral/velero/kustomization.yaml", told["objectstore"]["endpoint"], spaces)
    told["cluster"]["name"] = EPHEMERAL
    told["objectstore"]["endpoint"], told["gitops"]["repository"] = spaces, code
    told["drill"].update(entries=50, file_mib=2)
    file.write_text(yaml.safe_dump(told, sort_keys=False))


def replace(file: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = file.read_text()
    assert old in text, f"{file} does not name {old}"
    file.write_text(text.replace(old, new))


def free_port(address: str) -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def artifact(made: Scheduled, name: str) -> dict[str, bytes]:
    """Return the files of the newest artifact of a name."""
    with made.hosted.hub.world.store.lock:
        found = [one for one in made.hosted.hub.world.repository(NAME).artifacts if one.name == name]
    with zipfile.ZipFile(io.BytesIO(max(found, key=lambda one: one.id).content)) as archive:
        return {one: archive.read(one) for one in archive.namelist()}


def newest(made: Scheduled, folder: Path, name: str = "evidence-ephemeral") -> evidence.Evidence:
    """Return the evidence in the newest artifact, verified by the key that lies beside it."""
    files = artifact(made, name)
    [file] = [one for one in files if one.endswith(".json")]
    assert {Path(one).suffix for one in files} == {".json", ".md", ".txt"}
    (folder / file).write_bytes(files[file])
    return evidence.read(folder / file, files["public-key.txt"].decode().strip())


def leaks(made: Scheduled) -> list[str]:
    """Return which secret can be seen in a run's log, commands, outputs or summaries."""
    texts = [one.outcome.text for one in made.hosted.history]
    texts += ["\n".join([*one.outcome.log, *one.outcome.summaries]) for one in made.hosted.history]
    values = {**made.hosted.secrets, **{f"token {one.number}": one.token for one in made.hosted.history}}
    access = values.pop("SPACES_ACCESS_KEY_ID", None)  # a name rather than a secret
    assert access
    return sorted({name for name, value in values.items() for text in texts if value in text})
