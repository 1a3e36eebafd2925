"""Runs the ``tofu`` binary in an environment's root and keeps the saved plan with what it was made from."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from automation import keeper, report, retry
from automation.errors import ConfigurationError, DogitopsError
from automation.opentofu import explain, outcome
from automation.opentofu.explain import Passing, StateLocked
from automation.opentofu.outcome import Outcome
from automation.opentofu.saved import PlanFolder, SavedPlan, digest
from automation.process import Completed, Environment, run
from automation.secret import masked
from automation.workspace import Workspace, cache_folder

__all__ = ["Outcome", "SavedPlan", "StateLocked", "Tofu"]

_PACKAGES = Path(__file__).parents[2]
_CHANGES = 2  # exit code of `tofu plan -detailed-exitcode` for a plan with changes
_ATTEMPTS: Final = 4  # after a rate limit or a network fault, with 1, 2 and 4 seconds between them and some jitter
_CACHE_VARIABLE: Final = "TF_PLUGIN_CACHE_DIR"


class Tofu:
    """OpenTofu in the folder ``root``; plans and data lie in ``kept``, outside of Git.

    ``provider`` is the cluster provider that was asked for: a plan remembers it, and its apply uses it.
    ``lock_patience`` is how many seconds it waits for another run to give the state's lock back.
    ``redact`` takes more out of tofu's words than the known secrets, which never stay in.

    Providers are kept in the user's cache folder, shared by all environments and safe for inits that run at once:
    tofu 1.10 and later takes a file lock for each provider version there (its documentation of the provider plugin
    cache, and internal/providercache/dir_modify.go). A CLI configuration that names another cache is left alone.
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
        redact: Callable[[str], str] = str,
    ) -> None:
        self.binary = binary
        self.redact = redact
        self.outcome: Outcome | None = None
        self._lock_patience = lock_patience
        self._provider = provider
        self.root = root
        self.kept = kept
        kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        data = kept / "terraform"
        self._saved = PlanFolder(kept / "plans", Workspace(root.parents[2]), root.name, data)
        configuration = self._cli_configuration()
        self._variables = {
            **variables,
            **_provider_cache(configuration),
            "TF_DATA_DIR": str(data),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(configuration),
            "DOGITOPS_ROOT": str(root.parents[2]),
            "PATH": f"{self._own_command()}:{os.environ.get('PATH', '')}",
            "PYTHONPATH": f"{_PACKAGES}:{os.environ.get('PYTHONPATH', '')}".rstrip(":"),  # tofu runs in the root
        }

    @contextmanager
    def lent(self, variables: Environment) -> Iterator[None]:
        """Give tofu more environment variables for a while."""
        before = dict(self._variables)
        self._variables.update(variables)
        try:
            yield
        finally:
            self._variables.clear()
            self._variables.update(before)

    def has(self, variable: str) -> bool:
        """Whether tofu finds this environment variable set."""
        return bool(self._variables.get(variable) or os.environ.get(variable))

    @property
    def plan_path(self) -> Path:
        """Where the saved plan lies."""
        return self._saved.path

    def init(self) -> None:
        """Prepare the backend and the providers; needed once, and quick when done before."""
        lock = self.root / ".terraform.lock.hcl"
        locked = ["-lockfile=readonly"] if lock.exists() else []
        self._tofu(["init", "-input=false", "-no-color", "-reconfigure", *locked], timeout=600)

    def plan(
        self, options: Sequence[str] = (), *, destroy: bool = False, refresh_only: bool = False
    ) -> tuple[SavedPlan, dict[str, Any]]:
        """Make a plan, save it, and return it with its JSON document (``tofu show -json``), which is not redacted.

        With ``refresh_only`` it plans to write into the state what has changed outside of OpenTofu, and nothing more.
        """
        before = self._saved.snapshot()
        mode = ["-destroy"] if destroy else ["-refresh-only"] if refresh_only else []
        done = self._tofu(
            [
                "plan", "-input=false", "-no-color", "-detailed-exitcode", f"-lock-timeout={self._lock_patience}s",
                f"-out={self.plan_path}", *mode, *options,
            ],
            allowed=(0, _CHANGES),
            timeout=1800,
        )  # fmt: skip
        record = {"destroy": destroy, "changes": done.returncode == _CHANGES, "provider": self._provider}
        saved = self._saved.keep(before, record)
        return saved, self.show(self.plan_path)

    def show(self, plan: Path) -> dict[str, Any]:
        """Return the JSON document of a saved plan."""
        document: dict[str, Any] = json.loads(self._tofu(["show", "-json", "-no-color", str(plan)]).stdout)
        return document

    def saved_plan(self, environment: str) -> SavedPlan:  # noqa: ARG002 - it reads better where it is called
        """Return the saved plan, checked: the file is whole, and the configuration is what it was made from."""
        return self._saved.load()

    def export_plan(self) -> dict[str, bytes]:
        """Return the saved plan and the files that were made with it, by name, for an envelope."""
        return self._saved.export()

    def import_plan(self, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> SavedPlan:
        """Make a plan from an envelope the saved plan; :meth:`apply` applies it like one that was made here.

        ``manifest`` is the envelope's; names in ``files`` that :meth:`export_plan` does not give are left out.
        Raises DogitopsError when it was made for another environment, configuration, tofu or providers.
        """
        for what, told, here in (
            ("OpenTofu", manifest["tofu_version"], self.version()),
            ("provider lock file", manifest["lock_digest"], self.lock_digest()),
        ):
            if told != here:
                raise DogitopsError(
                    f"The plan of {self.root.name} in the envelope was made with another {what} "
                    f"({told[:12] or 'none'}, and here it is {here[:12] or 'none'}).",
                    hint="Make a new plan with what is here.",
                )
        return self._saved.import_files(files, manifest)

    def apply(self, plan: SavedPlan) -> Outcome:
        """Apply exactly this saved plan, and discard it: a plan is applied once. Return what became of each resource.

        After a failure :attr:`outcome` says what was done, what failed and what was not begun.
        Raises StateLocked, with the plan kept, while another run holds the state: nothing was applied then.
        """
        begun = True
        self.outcome = None
        if plan.manifest.get("provider"):
            self._variables["DOGITOPS_PROVIDER"] = plan.manifest["provider"]
        try:
            self._saved.put_back(plan)
            done = self._run(
                ["apply", "-json", "-input=false", f"-lock-timeout={self._lock_patience}s", str(plan.path)],
                timeout=3600,
            )
            self.outcome = outcome.read(done.stdout.splitlines(), ok=done.returncode == 0, redact=self.redact)
            if done.returncode != 0:
                raise self._explained("apply", done)
        except StateLocked:
            begun = False
            raise
        finally:
            if begun:
                self.discard_plan()
        return self.outcome

    def discard_plan(self) -> None:
        """Remove the saved plan."""
        self._saved.discard()

    def version(self) -> str:
        """Return tofu's version, such as ``1.12.6``."""
        return self._version

    @cached_property
    def _version(self) -> str:
        return str(json.loads(self._tofu(["version", "-json"]).stdout)["terraform_version"])

    def lock_digest(self) -> str:
        """Return the digest of the providers' lock file, or nothing where there is none."""
        lock = self.root / ".terraform.lock.hcl"
        return digest(lock) if lock.is_file() else ""

    def state_identity(self) -> tuple[str, int]:
        """Return the state's lineage and serial; an empty lineage and 0 where there is no state yet."""
        text = self._tofu(["state", "pull"]).stdout.strip()
        try:
            state = json.loads(text) if text else {}
            return str(state.get("lineage", "")), int(state.get("serial", 0))
        except (ValueError, TypeError, AttributeError):
            raise DogitopsError(
                f"The state of {self.root.name} is not one that OpenTofu wrote.",
                hint="Look at it in its bucket; an earlier version of it may be kept there.",
            ) from None  # the text of a state holds secrets

    def outputs(self) -> dict[str, Any]:
        """Return the outputs that are not sensitive."""
        raw = json.loads(self._tofu(["output", "-json", "-no-color"]).stdout)
        return {name: item["value"] for name, item in raw.items() if not item["sensitive"]}

    def sensitive_output(self, name: str) -> Any:
        """Return one output, a sensitive one, too; None where there is no such output (yet)."""
        raw = json.loads(self._tofu(["output", "-json", "-no-color"]).stdout)
        return raw[name]["value"] if name in raw else None

    def resources(self) -> list[str]:
        """Return the addresses of all resources in the state; none where there is no state yet."""
        done = self._tofu(["state", "list"], expected="No state file was found")
        return done.stdout.split() if done.returncode == 0 else []

    def unlock(self, lock: str) -> None:
        """Remove the state lock ``lock`` (its id is in the error that named it).

        Raises ConfigurationError where there is no lock, or another one.
        """
        done = self._tofu(["force-unlock", "-force", lock], allowed=(0, 1))
        if done.returncode == 0:
            return
        text = explain.plain(done.text)
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
        """Return a digest of all files that a plan is made from: the root's, its modules', and what these name.

        Files that the saved plan itself made are left out, so that it is the same in a clone without them.
        """
        return self._saved.configuration_digest()

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
    def _lock_path(self) -> Path:
        return self.kept / "apply.lock"

    def _tofu(
        self, arguments: Sequence[str], *, allowed: Sequence[int] = (0,), expected: str = "", timeout: float = 120
    ) -> Completed:
        """Run a command, again after a fault that passes, and return what it left.

        It went well with an exit code in ``allowed``, or when it says what is ``expected``.
        Raises what explain makes of anything else.
        """
        for attempt in retry.attempts(Passing, tries=_ATTEMPTS):
            with attempt:
                done = self._run(arguments, timeout=timeout)
                if done.returncode not in allowed and not (expected and expected in done.text):
                    raise self._explained(arguments[0], done)
        return done

    def _run(self, arguments: Sequence[str], *, timeout: float) -> Completed:
        argv: list[str | Path] = [self.binary, *arguments]
        shown = arguments[0] in {"apply", "plan"}
        if shown:
            keeper.wait_for_earlier(self._lock_path, f"an apply to {self.root.name}")
        if arguments[0] == "apply":
            argv = keeper.command(self._lock_path, argv)
        on_line = self._show if shown else None
        return run(argv, cwd=self.root, env=self._variables, timeout=timeout, check=False, on_line=on_line)

    def _explained(self, command: str, done: Completed) -> DogitopsError:
        """Return the error for what tofu said; the errors that an apply told in JSON are read there."""
        said = "\n\n".join(self.outcome.errors) if command == "apply" and self.outcome else ""
        text = said or explain.plain(masked(done.stderr or done.stdout))
        return explain.explained(command, done.returncode, self.redact(text), self.root.name)

    def _show(self, line: str) -> None:
        message = outcome.parsed(line)
        text = self.redact(masked(str(message.get("@message", "")) if message else line)).strip()
        if message and message.get("type") not in {"apply_start", "apply_complete", "apply_errored"}:
            text = text if message.get("type") in {"apply_progress", "provision_progress"} else ""
            report.doing(re.sub(r"^.*\(local-exec\): ", "", text))
        elif message or (text.startswith(("terraform_data.", "module.", "digitalocean_")) and "local-exec" not in text):
            report.note(text)
        elif text:
            report.doing(re.sub(r"^.*\(local-exec\): ", "", text))


def _provider_cache(configuration: Path) -> dict[str, str]:
    """Return the variable that names the shared provider cache, unless the user has one."""
    if os.environ.get(_CACHE_VARIABLE) or "plugin_cache_dir" in configuration.read_text(errors="replace"):
        return {}
    folder = cache_folder() / "providers"
    folder.mkdir(parents=True, exist_ok=True)  # tofu does not make it
    return {_CACHE_VARIABLE: str(folder)}
