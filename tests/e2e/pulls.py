"""A small project under dogitops, hosted on the simulated GitHub: what the end-to-end tests of pull requests work on.

It is this repository's own tree with one environment more, ``sandbox``: built-in resources only, so that OpenTofu
needs no network, with secrets planted in every way that a plan can hold them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from automation import objectstore
from automation.objectstore import ObjectStore
from automation.simulators.github import GitHubSimulator
from automation.toolchain import install
from tests.e2e.act import Act, Outcome, bytecode
from tests.e2e.hosted import Hosted, git

ROOT = Path(__file__).resolve().parents[2]
NAME = "octo-org/infrastructure"
ENVIRONMENT = "sandbox"
STATE = "environment.tfstate"
FOLDER = f"opentofu/environments/{ENVIRONMENT}"
PEOPLE = {"ada": "admin", "grace": "maintain", "linus": "write", "eve": "read"}
RUN_HERE = ("plan.yml", "apply.yml", "comment-commands.yml", "drift.yml")
_DATABASE = re.compile(r'resource "terraform_data" "database" \{.*?\n\}\n', re.DOTALL)
_HEADER = re.compile(r"^<!-- dogitops (\{.*\}) -->")

ENVIRONMENT_YAML = """
description: Built-in resources only
cluster: {{provider: existing, name: dogitops-sandbox, kubeconfig: kubeconfig}}
objectstore: {{endpoint: "{endpoint}"}}
state: {{bucket: {bucket}}}
guards: {{protect: [terraform_data.database]}}
plans: {{skip_policies: [runs_programs]}}
gitops: {{path: gitops/clusters/local}}
backup: {{bucket: dogitops-sandbox-backups, namespaces: [ledger]}}
"""
VERSIONS = """
terraform {{
  required_version = ">= 1.10.0"

  backend "s3" {{
    bucket                      = "{bucket}"
    key                         = "environment.tfstate"
    region                      = "us-east-1"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
    skip_s3_checksum            = true
  }}
}}
"""
MAIN = """
variable "password" {{
  type      = string
  default   = "{marked}"
  sensitive = true
}}

resource "terraform_data" "greeting" {{
  input = "hello"
}}

resource "terraform_data" "database" {{
  input = "orders"
}}

resource "terraform_data" "settings" {{
  input = {{
    region         = "fra1"
    password       = var.password
    admin_password = "{named}"
    comment        = "{token}"
  }}
}}

resource "terraform_data" "talkative" {{
  input = "first"

  provisioner "local-exec" {{
    command = "echo the key is $AWS_SECRET_ACCESS_KEY"
  }}
}}

output "greeting" {{
  value = terraform_data.greeting.output
}}

output "password" {{
  value     = var.password
  sensitive = true
}}
"""


@dataclass(frozen=True)
class Planted:
    """Secrets that must never be seen: in the configuration, and those of the jobs."""

    marked: str
    named: str
    token: str
    envelope_key: str
    digitalocean: str

    @classmethod
    def fresh(cls) -> Planted:
        """Return new ones."""
        return cls(
            marked=f"marked-canary-{secrets.token_hex(6)}",
            named=f"named-canary-{secrets.token_hex(6)}",
            token=f"ghp_{secrets.token_hex(18)}",
            envelope_key=secrets.token_hex(32),
            digitalocean=f"dop_v1_{secrets.token_hex(32)}",
        )


@dataclass
class Project:
    """The project: hosted, with a clone in which somebody works, its store and its planted secrets."""

    hosted: Hosted
    desk: Path
    store: ObjectStore
    bucket: str
    planted: Planted
    said: list[str] = field(default_factory=list)

    @property
    def main(self) -> str:
        """The configuration of the sandbox on main."""
        return git(self.hosted.origin, "show", f"main:{FOLDER}/main.tf") + "\n"

    def push(self, branch: str, text: str, message: str = "A change") -> str:
        """Push another configuration of the sandbox to a branch."""
        return self.hosted.hub.push(NAME, branch, {f"{FOLDER}/main.tf": text}, message, login="ada")

    def settle(self, old: str, new: str) -> None:
        """Replace a text of environment.yaml on main; nothing is planned or applied for it."""
        file = f"{FOLDER}/environment.yaml"
        text = git(self.hosted.origin, "show", f"main:{file}")
        assert old in text
        self.hosted.hub.push(NAME, "main", {file: f"{text.replace(old, new)}\n"}, "Settle", login="ada")
        self.hosted.called()

    def propose(self, branch: str, text: str, title: str = "A change") -> int:
        """Open a pull request that gives the sandbox another configuration."""
        self.push(branch, text, title)
        return self.hosted.hub.open_pull_request(NAME, branch, title=title, login="ada")

    def comment(self, number: int, body: str, login: str) -> None:
        """Comment on a pull request."""
        self.hosted.hub.comment(NAME, number, body, login=login)

    def one(self) -> Outcome:
        """Let Actions do what there is to do: one run with jobs, beside those that find nothing to do."""
        ran = self.hosted.deliver()
        busy = [one for one in ran if {job for job, _ in one.outcome.results} - {"held"}]
        assert len(busy) == 1, [(one.call.path, one.outcome.results) for one in ran]
        return busy[0].outcome

    def status(self, number: int) -> str:
        """Return the state of the environment's status on a pull request's head."""
        return self.hosted.statuses(self.hosted.head_of(number)).get(f"dogitops/{ENVIRONMENT}", ("none", ""))[0]

    def shown(self, number: int) -> list[tuple[dict[str, Any], str]]:
        """Return our comments on a pull request that are not collapsed, each with its header."""
        found = []
        for comment in self.hosted.comments(number):
            header = _HEADER.match(comment["body"])
            if header:
                found.append((json.loads(header[1]), comment["body"]))
        return found

    def plan_comment(self, number: int) -> tuple[dict[str, Any], str]:
        """Return the one comment with the plan."""
        found = [one for one in self.shown(number) if one[0]["kind"] == "plan"]
        assert len(found) == 1, [header for header, _ in found]
        return found[0]

    def apply_comment(self, number: int) -> tuple[dict[str, Any], str]:
        """Return the one comment with what became of the merge."""
        found = [one for one in self.shown(number) if one[0]["kind"] == "apply"]
        assert len(found) == 1, [header for header, _ in found]
        return found[0]

    def inputs(self) -> dict[str, Any]:
        """Return the input of each resource in the state."""
        state = json.loads(self.store.client().get_object(Bucket=self.bucket, Key=STATE)["Body"].read())
        resources = [one for one in state["resources"] if one["mode"] == "managed"]
        return {one["name"]: one["instances"][0]["attributes"]["input"]["value"] for one in resources}

    def objects(self) -> dict[str, bytes]:
        """Return what is in the bucket beside the state itself."""
        client = self.store.client()
        keys = [one["Key"] for one in client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        return {key: client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys if key != STATE}

    def envelopes(self) -> list[str]:
        """Return the keys of the sealed plans."""
        return sorted(key for key in self.objects() if key.startswith("dogitops/envelopes/"))

    def holder(self) -> int | None:
        """Return the number of the pull request that holds the environment."""
        lock = json.loads(self.objects().get(f"dogitops/locks/{ENVIRONMENT}.json", b"{}"))
        return lock["holder"]["pull_request"] if lock.get("holder") else None

    def terminal(self, *arguments: str, **files: str) -> str:
        """Run dogitops in the clone where people work, on main, with ``files`` of the sandbox changed by hand."""
        desk = self.desk
        git(desk, "fetch", "-q", "origin")
        git(desk, "checkout", "-q", "-B", "main", "origin/main")
        for name, text in files.items():
            (desk / FOLDER / f"{name}.tf").write_text(text)
        try:
            self.said.append(dogitops(desk, self.hosted.secrets, *arguments))
            return self.said[-1]
        finally:
            git(desk, "checkout", "-q", "--", ".")

    def leaks(self) -> list[str]:
        """Return where a planted secret can be seen: in logs, comments, issues, statuses, summaries, sealed plans."""
        values = {
            **{f"the planted {name}": value for name, value in asdict(self.planted).items()},
            "the store's secret key": self.store.secret_key.reveal(),
        }
        values |= {f"the token of run {ran.number}": ran.token for ran in self.hosted.history}
        with self.hosted.hub.world.store.lock:
            repository = asdict(self.hosted.hub.world.repository(NAME))
        places = {kind: repr(repository[kind]) for kind in _PUBLIC}
        places["what was sent to GitHub"] = "\n".join(one["body"] for one in self.hosted.hub.requests())
        places["the terminal"] = "\n".join(self.said)
        for number, ran in enumerate(self.hosted.history):
            outcome = ran.outcome
            places[f"run {number} ({ran.call.path})"] = "\n".join(
                [outcome.text, *outcome.log, *outcome.summaries, *outcome.outputs.values(), repr(outcome.annotations)]
            )
        for key, content in self.objects().items():
            places[f"object {key}"] = content.decode("latin-1")
        return [
            f"{what} in {place}" for place, text in places.items() for what, value in values.items() if value in text
        ]


_PUBLIC = ("issues", "comments", "statuses", "check_runs", "runs", "artifacts")


def make_tree(folder: Path) -> None:
    """Copy this repository's files, as they are now, but for those that no command reads; nothing is committed."""
    folder.mkdir(parents=True)
    unread = [f":!{name}" for name in ("tests", "docs", "benchmarks")]
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "--", ".", *unread).splitlines():
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    git(folder, "init", "-q", "-b", "main")


@contextlib.contextmanager
def served_store(folder: Path) -> Iterator[ObjectStore]:
    """Serve a local S3 store."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    served = objectstore.serve_local(folder, install.path("versitygw"), "127.0.0.1", port, "us-east-1")
    try:
        yield served
    finally:
        objectstore.stop_local(folder)


def make_project(folder: Path, tree: Path, hub: GitHubSimulator, store: ObjectStore) -> Project:
    """Make the project from ``tree``, with a bucket of its own, and nothing applied yet."""
    bucket = f"dogitops-sandbox-{secrets.token_hex(4)}"
    planted = Planted.fresh()
    origin, desk = folder / "origin.git", folder / "desk"
    shutil.copytree(tree, desk)
    shutil.copytree(bytecode(), desk, dirs_exist_ok=True)
    environment = desk / FOLDER
    environment.mkdir()
    (environment / "environment.yaml").write_text(ENVIRONMENT_YAML.format(endpoint=store.endpoint, bucket=bucket))
    (environment / "versions.tf").write_text(VERSIONS.format(bucket=bucket))
    values = {name: value for name, value in asdict(planted).items() if name in {"marked", "named", "token"}}
    (environment / "main.tf").write_text(MAIN.format(**values))
    git(desk, "add", "-A")
    git(desk, "commit", "-q", "-m", "As tested")
    git(folder, "clone", "-q", "--bare", str(desk), str(origin))
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(desk, "remote", "add", "origin", str(origin))
    hub.add_repository(NAME, str(origin))
    for login, role in PEOPLE.items():
        hub.set_role(NAME, login, role)
    held = {
        "DOGITOPS_ENVELOPE_KEY": planted.envelope_key,
        "SPACES_ACCESS_KEY_ID": store.access_key.reveal(),
        "SPACES_SECRET_ACCESS_KEY": store.secret_key.reveal(),
        "DIGITALOCEAN_TOKEN": planted.digitalocean,
    }
    (folder / "runs").mkdir()
    act = Act(origin, NAME, folder / "runs", {"GITHUB_API_URL": hub.url, "GITHUB_GRAPHQL_URL": f"{hub.url}/graphql"})
    return Project(Hosted(hub, NAME, origin, act, held, RUN_HERE), desk, store, bucket, planted)


def without_database(configuration: str) -> str:
    """Return a configuration of the sandbox without what is protected there."""
    return _DATABASE.sub("", configuration)


def dogitops(root: Path, variables: Mapping[str, str], *arguments: str) -> str:
    """Run the command line of a clone at a terminal, and return what it says."""
    told = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    done = subprocess.run(
        [str(root / "scripts/dogitops"), *arguments],
        cwd=root,
        env={**told, "VIRTUAL_ENV": sys.prefix, "COLUMNS": "120", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"dogitops {' '.join(arguments)} exited with {done.returncode}:\n{done.stdout}"
    return done.stdout
