"""A clone with the environment single-node, the simulated account it lives in, and its machines, which run here."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from automation.droplets import k3s
from automation.process import Completed, run
from automation.simulators.digitalocean import Delays, DigitalOceanSimulator, Limits, spaces
from automation.simulators.digitalocean.models.droplets import Droplet
from automation.toolchain import engine, install
from tests.e2e.conftest import ROOT
from tests.e2e.droplets.estate import Estate, estate
from tests.e2e.droplets.local import docker as run_docker
from tests.e2e.droplets.local import mirror

NAME = "dogitops-single-node"
STAND_IN = Path(__file__).with_name("k3s_stand_in.py")


@dataclass
class Place:
    """A clone with the environment single-node, the account it lives in, and the machines that run here."""

    root: Path
    cloud: DigitalOceanSimulator
    estate: Estate
    variables: dict[str, str]
    releases: Path
    spaces: str

    @property
    def kept(self) -> Path:
        return self.root / ".dogitops" / "single-node"

    def run(self, *words: str, code: int = 0, **variables: str) -> str:
        env = self.variables | variables
        done: Completed = run([sys.executable, "-m", "automation", *words], cwd=self.root, env=env, check=False)
        assert done.returncode == code, f"dogitops {' '.join(words)}: {done.returncode}\n{done.text}"
        assert self.estate.problems == []
        return done.text

    def machine(self, name: str = NAME) -> str:
        """Return the container of a machine."""
        with self.cloud.lock:
            (found,) = [it.id for it in self.cloud.state.all(Droplet).values() if it.name == name]
        return self.estate.running[found]

    def on(self, command: str, name: str = NAME) -> str:
        return run_docker("exec", self.machine(name), "sh", "-c", command)

    def settings(self) -> dict[str, object]:
        told: dict[str, object] = json.loads(
            (self.root / "opentofu/environments/single-node/settings.auto.tfvars.json").read_text()
        )
        return told


def stand_in() -> str:
    """Return the program that stands in for K3s, with a certificate like that of K3s."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "k3s")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(hours=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("kubernetes")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    text = STAND_IN.read_text().replace("@VERSION@", k3s.VERSION)
    return text.replace("@CERTIFICATE@", base64.b64encode(pem).decode()).replace(
        "@KEY@", base64.b64encode(private).decode()
    )


def released(folder: Path, program: str) -> None:
    """Publish a program as the release of K3s that we install."""
    place = folder / "download" / k3s.VERSION
    place.mkdir(parents=True)
    (place / "k3s").write_text(program)
    (place / "sha256sum-amd64.txt").write_text(
        f"{'0' * 64}  k3s-airgap-images-amd64.tar\n{sha256(program.encode()).hexdigest()}  k3s\n"
    )


@contextmanager
def placed(
    folder: Path,
    root: Path,
    configuration: dict[str, str],
    *,
    program: str,
    options: tuple[str, ...] = (),
    spaces_port: int = 0,
    made: Callable[[Droplet], None] | None = None,
    gone: Callable[[int], None] | None = None,
) -> Iterator[Place]:
    """Yield the clone in ``root`` with everything around it; ``program`` is what the release of K3s holds."""
    releases, seen = folder / "releases", folder / "seen"
    seen.mkdir()
    (seen / "from").write_text("93.184.216.34\n")
    released(releases, program)
    with ExitStack() as stack:
        limits = Limits(hour=None, minute=None)
        cloud = stack.enter_context(DigitalOceanSimulator(delays=Delays.scaled(0.02), limits=limits))
        binary, bridge = install.ensure("versitygw")["versitygw"], engine.bridge_address()
        front = stack.enter_context(spaces.serving(cloud, binary, folder / "spaces", address=bridge, port=spaces_port))
        machines = stack.enter_context(estate(cloud, folder / "machines", "dogitops-estate", *options))
        machines.made, machines.gone = made, gone
        url = stack.enter_context(mirror(releases))
        variables = {name: value for name, value in configuration.items() if name != "TF_PLUGIN_CACHE_DIR"} | {
            "PYTHONPATH": str(ROOT),
            "DOGITOPS_ROOT": str(root),
            "DOGITOPS_STATE": str(root / ".dogitops"),
            "DIGITALOCEAN_TOKEN": cloud.full_token(),
            "DIGITALOCEAN_API_URL": cloud.url,
            "DIGITALOCEAN_REQUESTS_PER_SECOND": "0",
            "DIGITALOCEAN_HTTP_RETRY_WAIT_MIN": "0.1",
            "DIGITALOCEAN_HTTP_RETRY_WAIT_MAX": "1",
            "SPACES_ENDPOINT_URL": "http://fra1.digitaloceanspaces.com",
            "HTTP_PROXY": front.proxy,
            "http_proxy": front.proxy,
            "NO_PROXY": f"127.0.0.1,localhost,198.18.0.0/15,{bridge}",
            "DOGITOPS_K3S_RELEASES": url,
            "DOGITOPS_ADDRESS_SERVICE": stack.enter_context(mirror(seen)) + "/from",
            "COLUMNS": "160",
            # Two tokens are all that it takes.
            **dict.fromkeys(("SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY", "DIGITALOCEAN_ACCESS_TOKEN"), ""),
        }
        variables["no_proxy"] = variables["NO_PROXY"]
        yield Place(root, cloud, machines, variables, releases, front.proxy)
        assert cloud.unknown() == []
