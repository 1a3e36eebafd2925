"""Plans what a root would make, without an account: its provider is mocked, and its state is empty.

Only ``tofu test`` mocks providers, and with ``-verbose -json`` it prints the plans of its runs. So the root is copied,
one test that plans it is laid beside it, and the plan is taken from what is printed. Nothing asks for a token, and
nothing of the root's backend is read.
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy2
from tempfile import TemporaryDirectory
from typing import Any

from automation.errors import ConfigurationError, DogitopsError, did_you_mean
from automation.opentofu import changed, explain
from automation.process import Completed, run
from automation.workspace import Workspace, cache_folder

EXAMPLE = "example.tfvars"  # values for what has no default, where the user gave none
_LOCK = ".terraform.lock.hcl"
_PROVIDER = "digitalocean"
# What mocked values can't be just anything for: others read it as a number or a URN.
_MOCKS = {
    "digitalocean_droplet": {"id": "1", "urn": "do:droplet:1"},
    "digitalocean_kubernetes_cluster": {"urn": "do:kubernetes:1"},
    "digitalocean_volume": {"urn": "do:volume:1"},
    "digitalocean_loadbalancer": {"urn": "do:loadbalancer:1"},
    "digitalocean_reserved_ip": {"urn": "do:reservedip:1"},
    "digitalocean_domain": {"urn": "do:domain:1"},
    "digitalocean_spaces_bucket": {"urn": "do:space:1"},
}
# What a mock makes up, a price depends on, and nobody knows before the apply.
_MADE_UP = {"digitalocean_volume_snapshot": ("size",), "digitalocean_droplet_snapshot": ("size",)}
_TEST = "estimate.tftest.hcl"
_GIVEN = re.compile(r"terraform\.tfvars(\.json)?|.*\.auto\.tfvars(\.json)?")


def roots(workspace: Workspace) -> list[str]:
    """Return the names of all roots, those included that nobody has taken into use (with an environment.yaml)."""
    return sorted({file.parent.name for file in workspace.environments.glob("*/*.tf")})


def check(workspace: Workspace, name: str) -> None:
    """Raise ConfigurationError where there is no such root."""
    known = roots(workspace)
    if name not in known:
        raise ConfigurationError(
            f"There is no environment {name!r}.{did_you_mean(name, known)}",
            hint=f"Known environments: {', '.join(known) or 'none'}.",
        )


def plan(workspace: Workspace, name: str, tofu: Path) -> dict[str, Any]:
    """Return the plan that makes everything of the root ``name``, as ``tofu show -json`` would show it.

    Raises ConfigurationError for an unknown name, DogitopsError where the root can't be planned.
    """
    check(workspace, name)
    workspace = Workspace(workspace.root.resolve())
    with TemporaryDirectory(prefix="dogitops-estimate-") as made:
        copy = Workspace(Path(made))
        root = copy.environments / name
        text = ""
        for file in changed.inputs(workspace, name):
            target = copy.root / file.relative_to(workspace.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            copy2(file, target)
            text += file.read_text(errors="replace") if file.suffix == ".tf" else ""
        mocks = _mocks() if f"{_PROVIDER}/{_PROVIDER}" in text else ""
        (root / _TEST).write_text(f'{mocks}run "estimate" {{\n  command = plan\n}}\n')
        variables = [f"-var-file={EXAMPLE}"] if (root / EXAMPLE).exists() and not _given(root) else []
        with _providers() as providers:
            return _honest(_tested(tofu, root, variables, name, providers))


def _mocks() -> str:
    inner = "".join(
        f'  mock_resource "{kind}" {{\n    defaults = {json.dumps(values)}\n  }}\n' for kind, values in _MOCKS.items()
    )
    return f'mock_provider "{_PROVIDER}" {{\n{inner}}}\n\n'


def _honest(document: dict[str, Any]) -> dict[str, Any]:
    """Return the plan, with what is made up and bears on a price as what is not known."""
    for change in document.get("resource_changes", ()):
        for key in _MADE_UP.get(change["type"], ()):
            change["change"]["after"].pop(key, None)
            change["change"]["after_unknown"] = {**(change["change"].get("after_unknown") or {}), key: True}
    return document


def _given(root: Path) -> bool:
    return any(_GIVEN.fullmatch(file.name) for file in root.iterdir())


def _tested(tofu: Path, root: Path, variables: list[str], name: str, providers: Path) -> dict[str, Any]:
    locked = ["-lockfile=readonly"] if (root / _LOCK).exists() else []
    done = _run(tofu, ["init", "-backend=false", "-input=false", "-no-color", *locked], root, providers)
    if done.returncode != 0:
        raise explain.explained("init", done.returncode, explain.plain(done.text), name)
    done = _run(tofu, ["test", "-json", "-verbose", f"-filter={_TEST}", *variables], root, providers)
    planned: dict[str, Any] | None = None
    problems = []
    for line in done.stdout.splitlines():
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            continue
        if told.get("type") == "test_plan":
            planned = told["test_plan"]
        diagnostic = told.get("diagnostic", {})
        if diagnostic.get("severity") == "error":
            problems.append(f"{diagnostic['summary']}: {diagnostic.get('detail', '')}".strip(": "))
    if done.returncode != 0 or planned is None:
        raise _failed(name, "\n".join(problems) or done.text)
    return planned


def _failed(name: str, told: str) -> DogitopsError:
    text = "\n".join(line for line in told.strip().splitlines()[-20:] if line.strip())
    return DogitopsError(
        f"The environment {name} can't be planned.\n{text}",
        hint=f"Correct it in opentofu/environments/{name}, or in the module that is named.",
    )


@contextmanager
def _providers() -> Iterator[Path]:
    """Hold a cache of providers for ourselves: where nothing is locked, ``init`` writes a provider into it anew.

    That must not happen under the hands of a plan or apply that runs it from there, nor of another estimate.
    """
    folder = cache_folder() / "estimates"
    folder.mkdir(parents=True, exist_ok=True)  # tofu does not make it
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield folder


def _run(tofu: Path, words: list[str], root: Path, providers: Path) -> Completed:
    variables = {
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "TF_PLUGIN_CACHE_DIR": str(providers),
        "TF_DATA_DIR": str(root / ".terraform"),
    }
    return run([tofu, *words], cwd=root, env=variables, timeout=600, check=False)
