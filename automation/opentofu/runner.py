"""Runs the ``tofu`` binary in an environment's root and keeps the saved plan with what it was made from."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation import keeper, report
from automation.errors import CommandFailed, ConfigurationError, DogitopsError
from automation.process import Completed, Environment, run
from automation.secret import masked

_PACKAGES = Path(__file__).parents[2]
_CHANGES = 2  # exit code of `tofu plan -detailed-exitcode` for a plan with changes


@dataclass(frozen=True)
class SavedPlan:
    """A plan file with the digests of the file and of the configuration that it was made from."""

    path: Path
    manifest: dict[str, Any]

    @property
    def is_destroy(self) -> bool:
        """Whether the plan destroys the environment."""
        return bool(self.manifest["destroy"])


class StateLocked(DogitopsError):  # noqa: N818 - reads as what happened
    """Another run holds the state's lock; nothing was read or changed."""


class Tofu:
    """OpenTofu in the folder ``root``; plans, data and the provider cache lie in ``kept``, outside of Git.

    ``provider`` is the cluster provider that was asked for: a plan remembers it, and its apply uses it.
    ``lock_patience`` is how many seconds it waits for another run to give the state's lock back.
    """

    def __init__(
        self,
        binary: Path,
        root: Path,
        kept: Path,
        variables: Environment,
        *,
        provider: str | None = None,
        lock_patience: int = 20,
    ) -> None:
        self.binary = binary
        self._lock_patience = lock_patience
        self._provider = provider
        self.root = root
        self.kept = kept
        kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._variables = {
            **variables,
            "TF_DATA_DIR": str(kept / "terraform"),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(self._cli_configuration()),
            "DOGITOPS_ROOT": str(root.parents[2]),
            "PATH": f"{self._own_command()}:{os.environ.get('PATH', '')}",
            "PYTHONPATH": f"{_PACKAGES}:{os.environ.get('PYTHONPATH', '')}".rstrip(":"),  # tofu runs in the root
        }

    @property
    def plan_path(self) -> Path:
        """Where the saved plan lies."""
        return self.kept / "plans" / "environment.tfplan"

    def init(self) -> None:
        """Prepare the backend and the providers; needed once, and quick when done before."""
        lock = self.root / ".terraform.lock.hcl"
        locked = ["-lockfile=readonly"] if lock.exists() else []
        self._tofu(["init", "-input=false", "-no-color", "-reconfigure", *locked], timeout=300)

    def plan(self, options: Sequence[str] = (), *, destroy: bool = False) -> tuple[SavedPlan, dict[str, Any]]:
        """Make a plan, save it, and return it with its JSON document (``tofu show -json``)."""
        self.discard_plan()
        self.plan_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        done = self._tofu(
            [
                "plan", "-input=false", "-no-color", "-detailed-exitcode", f"-lock-timeout={self._lock_patience}s",
                f"-out={self.plan_path}", *(["-destroy"] if destroy else []), *options,
            ],
            allowed=(0, _CHANGES),
            timeout=1800,
        )  # fmt: skip
        self.plan_path.chmod(0o600)
        manifest = {
            "plan": _digest(self.plan_path),
            "configuration": self.configuration_digest(),
            "destroy": destroy,
            "changes": done.returncode == _CHANGES,
            "provider": self._provider,
        }
        self._manifest_path.write_text(json.dumps(manifest))
        return SavedPlan(self.plan_path, manifest), self.show(self.plan_path)

    def show(self, plan: Path) -> dict[str, Any]:
        """Return the JSON document of a saved plan."""
        document: dict[str, Any] = json.loads(self._tofu(["show", "-json", "-no-color", str(plan)]).stdout)
        return document

    def saved_plan(self, environment: str) -> SavedPlan:
        """Return the saved plan, checked: the file is whole, and the configuration is what it was made from."""
        try:
            manifest = json.loads(self._manifest_path.read_text())
            digest = _digest(self.plan_path)
        except (FileNotFoundError, json.JSONDecodeError) as error:
            raise ConfigurationError(
                f"There is no saved plan for {environment}.", hint=f"Run 'dogitops plan {environment}' and read it."
            ) from error
        if digest != manifest["plan"]:
            raise DogitopsError(
                f"The saved plan for {environment} is not the file that was planned.",
                hint=f"Something changed it. Run 'dogitops plan {environment}' again.",
            )
        if self.configuration_digest() != manifest["configuration"]:
            raise DogitopsError(
                f"The configuration of {environment} has changed since the plan was made.",
                hint=f"Run 'dogitops plan {environment}' again, and read the new plan.",
            )
        return SavedPlan(self.plan_path, manifest)

    def apply(self, plan: SavedPlan) -> None:
        """Apply exactly this saved plan, and discard it: a plan is applied once.

        Raises StateLocked, with the plan kept, while another run holds the state: nothing was applied then.
        """
        begun = True
        if plan.manifest.get("provider"):
            self._variables["DOGITOPS_PROVIDER"] = plan.manifest["provider"]
        try:
            self._tofu(
                ["apply", "-input=false", "-no-color", f"-lock-timeout={self._lock_patience}s", str(plan.path)],
                timeout=3600,
            )
        except StateLocked:
            begun = False
            raise
        finally:
            if begun:
                self.discard_plan()

    def discard_plan(self) -> None:
        """Remove the saved plan."""
        self.plan_path.unlink(missing_ok=True)
        self._manifest_path.unlink(missing_ok=True)

    def outputs(self) -> dict[str, Any]:
        """Return the outputs that are not sensitive."""
        raw = json.loads(self._tofu(["output", "-json", "-no-color"]).stdout)
        return {name: item["value"] for name, item in raw.items() if not item["sensitive"]}

    def resources(self) -> list[str]:
        """Return the addresses of all resources in the state; none where there is no state yet."""
        done = self._tofu(["state", "list"], allowed=(0, 1))
        if done.returncode != 0 and "No state file was found" not in done.text:
            raise self._explained("state", done)
        return done.stdout.split() if done.returncode == 0 else []

    def unlock(self, lock: str) -> None:
        """Remove the state lock ``lock`` (its id is in the error that named it).

        Raises ConfigurationError where there is no lock, or another one.
        """
        done = self._tofu(["force-unlock", "-force", lock], allowed=(0, 1))
        if done.returncode == 0:
            return
        text = _plain(done)
        if "NoSuchKey" in text or "state is already unlocked" in text:
            raise ConfigurationError(
                f"The state of {self.root.name} is not locked.", hint=f"Go on: 'dogitops plan {self.root.name}'."
            )
        if "does not match" in text:
            raise ConfigurationError(
                f"The state of {self.root.name} is locked, but not by {lock}.",
                hint=f"'dogitops plan {self.root.name}' names the lock, who holds it and since when.",
            )
        raise self._explained("force-unlock", done)

    def configuration_digest(self) -> str:
        """Return a digest of all files that a plan is made from."""
        whole = hashlib.sha256()
        for file in sorted(
            [*self.root.glob("*.tf"), *self.root.glob("*.yaml"), *self.root.glob(".terraform.lock.hcl")]
        ):
            whole.update(f"{file.name}\0{_digest(file)}\0".encode())
        return whole.hexdigest()

    def _cli_configuration(self) -> Path:
        """Return the user's CLI configuration file, or an empty one: a missing file's warning would spoil JSON."""
        named = os.environ.get("TF_CLI_CONFIG_FILE") or os.environ.get("TERRAFORM_CONFIG")
        candidates = [Path(named)] if named else [Path.home() / ".tofurc", Path.home() / ".terraformrc"]
        for file in candidates:
            if file.is_file():
                return file
        empty = self.kept / "tofurc"
        empty.touch()
        return empty

    def _own_command(self) -> Path:
        """Return a folder with a ``dogitops`` that is this very program, for the roots' provisioners."""
        folder = self.kept / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        script = folder / "dogitops"
        text = f'#!/bin/sh\nexec "{sys.executable}" -m automation "$@"\n'
        if not script.exists() or script.read_text() != text:
            script.write_text(text)
            script.chmod(0o755)
        return folder

    @property
    def _manifest_path(self) -> Path:
        return self.plan_path.with_suffix(".json")

    @property
    def _lock_path(self) -> Path:
        return self.kept / "apply.lock"

    def _tofu(self, arguments: Sequence[str], *, allowed: Sequence[int] = (0,), timeout: float = 120) -> Completed:
        argv: list[str | Path] = [self.binary, *arguments]
        if arguments[0] in {"apply", "plan"}:
            keeper.wait_for_earlier(self._lock_path, f"an apply to {self.root.name}")
        if arguments[0] == "apply":
            argv = keeper.command(self._lock_path, argv)
        done = run(
            argv,
            cwd=self.root,
            env=self._variables,
            timeout=timeout,
            check=False,
            on_line=_show if arguments[0] in {"apply", "plan"} else None,
        )
        if done.returncode not in allowed:
            raise self._explained(arguments[0], done)
        return done

    def _explained(self, command: str, done: Completed) -> DogitopsError:
        text = _plain(done)
        if "Error acquiring the state lock" in text:
            # At the start of a line: S3's own errors, told before, carry a RequestID and a HostID.
            lock = re.search(r"^\s*ID:\s+(\S+)", text, re.MULTILINE)
            who = re.search(r"^\s*Who:\s+(\S+)", text, re.MULTILINE)
            when = re.search(r"^\s*Created:\s+(.+)", text, re.MULTILINE)
            return StateLocked(
                f"The state is locked by {who[1] if who else 'another run'}"
                f"{f' since {when[1].strip()}' if when else ''}.",
                hint="Wait for that run to end. If it died, remove its lock: "
                f"'dogitops unlock {self.root.name} {lock[1] if lock else 'LOCK-ID'}'.",
            )
        if "Saved plan is stale" in text:
            return DogitopsError(
                "The saved plan is stale: the state has changed since it was made.",
                hint=f"Run 'dogitops plan {self.root.name}' again, and read the new plan.",
            )
        if re.search(r"connection refused|dial tcp|no such host|RequestError: send request failed", text) and (
            command != "apply" and "S3" in text
        ):
            return DogitopsError(
                f"The S3 server that holds the state of {self.root.name} can't be reached.\n{_tail(text)}",
                hint="Check the endpoint and that the server runs.",
            )
        full = "no space left on device" in text.lower()
        hint = "Free some disk space and run the command again." if full else None
        return CommandFailed(["tofu", command], done.returncode, text, hint=hint)


def _show(line: str) -> None:
    text = line.strip()
    if text.startswith(("terraform_data.", "module.", "digitalocean_")) and "local-exec" not in text:
        report.note(text)
    elif text:
        report.doing(re.sub(r"^.*\(local-exec\): ", "", text))


def _plain(done: Completed) -> str:
    """Return what tofu said went wrong, without colours and frames."""
    return re.sub(r"\x1b\[[0-9;]*m|[╷│╵]", "", masked(done.stderr or done.stdout)).strip()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-6:])
