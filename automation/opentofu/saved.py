"""The saved plan of an environment: the file, the files that planning made beside it, and what both were made from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from automation.errors import ConfigurationError, DogitopsError
from automation.opentofu import changed, hcl
from automation.opentofu.envelope import safe_name
from automation.process import run
from automation.workspace import Workspace

PLAN: Final = "plan.tfplan"  # the names in an envelope
RECORD: Final = "saved.json"
_MADE: Final = "made/"
_CONFIGURATION: Final = (*hcl.SUFFIXES, ".tfvars", ".tfvars.json", "environment.yaml", ".terraform.lock.hcl")


@dataclass(frozen=True)
class SavedPlan:
    """A plan file with the digests of the file and of the configuration that it was made from."""

    path: Path
    manifest: dict[str, Any]

    @property
    def is_destroy(self) -> bool:
        """Whether the plan destroys the environment."""
        return bool(self.manifest["destroy"])


@dataclass(frozen=True)
class Snapshot:
    """What lay in an environment's inputs before it was planned: digests by name, and each file's state."""

    listing: Mapping[str, str]
    stats: Mapping[str, tuple[int, ...]]


class PlanFolder:
    """Where the saved plan of one environment is kept, with what its apply needs beside it.

    ``data`` is tofu's data folder, whose ``modules`` are those from elsewhere: planning may make files there, too.
    """

    def __init__(self, folder: Path, workspace: Workspace, environment: str, data: Path) -> None:
        self.path = folder / "environment.tfplan"
        self._record_path = self.path.with_suffix(".json")
        self._made = folder / "made"
        self._workspace = Workspace(workspace.root.resolve())
        self._environment = environment
        self._modules = data / "modules"

    def discard(self) -> None:
        """Remove the saved plan; files that it made in the root stay, as they do where tofu is run by hand."""
        self.path.unlink(missing_ok=True)
        self._record_path.unlink(missing_ok=True)
        shutil.rmtree(self._made, ignore_errors=True)

    def snapshot(self) -> Snapshot:
        """Return what lies in the inputs now, and make room for a plan: an earlier one is gone."""
        self.discard()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        listing = changed.listing(self._workspace, self._environment)
        return Snapshot(listing, {name: _state(file) for name, file in self._watched()})

    def keep(self, before: Snapshot, record: Mapping[str, Any]) -> SavedPlan:
        """Record the plan that was just made, and copy the files that appeared while it was made."""
        self.path.chmod(0o600)
        made = {name: file for name, file in self._watched() if before.stats.get(name) != _state(file)}
        made = self._without_edits(made, before)
        for name, file in made.items():
            kept = self._made / name
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copyfile(file, kept)
        whole = {
            **record,
            "plan": digest(self.path),
            "made": {name: digest(self._made / name) for name in made},
            "configuration": changed.digest_of(before.listing, without=_inputs(made)),
        }
        self._record_path.write_text(json.dumps(whole))
        return SavedPlan(self.path, whole)

    def load(self) -> SavedPlan:
        """Return the saved plan, checked: the file is whole, and the configuration is what it was made from."""
        name = self._environment
        try:
            record = json.loads(self._record_path.read_text())
            found = digest(self.path)
        except (FileNotFoundError, json.JSONDecodeError) as error:
            raise ConfigurationError(
                f"There is no saved plan for {name}.", hint=f"Run 'dogitops plan {name}' and read it."
            ) from error
        if found != record["plan"]:
            raise DogitopsError(
                f"The saved plan for {name} is not the file that was planned.",
                hint=f"Something changed it. Run 'dogitops plan {name}' again.",
            )
        if self.configuration_digest() != record["configuration"]:
            raise DogitopsError(
                f"The configuration of {name} has changed since the plan was made.",
                hint=f"Run 'dogitops plan {name}' again, and read the new plan.",
            )
        return SavedPlan(self.path, record)

    def configuration_digest(self, made: Iterable[str] | None = None) -> str:
        """Return the digest of all files that a plan is made from, without those that the saved plan itself made."""
        if made is None:
            try:
                made = json.loads(self._record_path.read_text()).get("made", ())
            except (FileNotFoundError, json.JSONDecodeError):
                made = ()
        return changed.inputs_digest(self._workspace, self._environment, without=_inputs(made))

    def put_back(self, plan: SavedPlan) -> None:
        """Put the files that planning made where it had made them, for the apply to find.

        Raises DogitopsError where such a file is another one now; a plan that came in an envelope replaces it.
        """
        for name, expected in plan.manifest.get("made", {}).items():
            kept, target = self._made / name, self._place(name)
            if not kept.is_file() or digest(kept) != expected:
                raise DogitopsError(
                    f"A file that the plan of {self._environment} made is not as it was made: {name}.",
                    hint=f"Run 'dogitops plan {self._environment}' again.",
                )
            if target.is_file() and digest(target) == expected:
                continue
            if target.exists() and not plan.manifest.get("imported"):
                raise DogitopsError(
                    f"{target} was made by the plan of {self._environment}, and has been changed since.",
                    hint=f"Run 'dogitops plan {self._environment}' again, and read the new plan.",
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kept, target)

    def export(self) -> dict[str, bytes]:
        """Return the saved plan, checked, as files for an envelope."""
        plan = self.load()
        made = {f"{_MADE}{name}": (self._made / name).read_bytes() for name in plan.manifest.get("made", {})}
        return {PLAN: plan.path.read_bytes(), RECORD: self._record_path.read_bytes(), **made}

    def import_files(self, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> SavedPlan:
        """Take the place of the saved plan with one from an envelope, whose manifest says what it was made from.

        Raises DogitopsError unless it was made for this environment, from what lies here. Other files are left out.
        """
        name = self._environment
        try:
            record = json.loads(files[RECORD])
            made = {str(one): str(told) for one, told in record["made"].items()}
            contents = {one: files[f"{_MADE}{one}"] for one in made}
            plan = files[PLAN]
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise DogitopsError(
                f"The envelope holds no saved plan of {name} that can be read.", hint="Make a new plan."
            ) from error
        if manifest["environment"] != name:
            raise DogitopsError(f"The envelope holds a plan of {manifest['environment']}, not of {name}.")
        for one in made:
            self._place(one)
        if not manifest["configuration"] == record["configuration"] == self.configuration_digest(made):
            raise DogitopsError(
                f"The plan in the envelope was made from another configuration of {name}.",
                hint="Make a new plan of what is there now.",
            )
        self.discard()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.write_bytes(plan)
        self.path.chmod(0o600)
        for one, content in contents.items():
            kept = self._made / one
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            kept.write_bytes(content)
        self._record_path.write_text(json.dumps({**record, "imported": True}))
        return self.load()

    def _watched(self) -> Iterator[tuple[str, Path]]:
        """Yield the files that planning may make: names as they are kept, with where they lie."""
        for file in changed.inputs(self._workspace, self._environment):
            if not file.name.endswith(_CONFIGURATION):
                yield f"repository/{file.relative_to(self._workspace.root).as_posix()}", file
        for file in sorted(self._modules.rglob("*")) if self._modules.is_dir() else ():
            if file.is_file() and not file.is_symlink() and ".git" not in file.parts:
                yield f"modules/{file.relative_to(self._modules).as_posix()}", file

    def _without_edits(self, made: Mapping[str, Path], before: Snapshot) -> dict[str, Path]:
        """Leave out what is Git's: a file of the repository that changed meanwhile was changed by a person."""
        old = [file for name, file in made.items() if name in before.stats and name.startswith("repository/")]
        if not old:
            return dict(made)
        told = run(
            ["git", "-C", self._workspace.root, "ls-files", "-z", "--", *old], check=False, timeout=60
        ).stdout  # nothing where there is no repository
        tracked = {f"repository/{name}" for name in told.split("\0") if name}
        return {name: file for name, file in made.items() if name not in tracked}

    def _place(self, name: str) -> Path:
        """Return where a made file belongs. Raises DogitopsError for a name that planning could not have made."""
        kind, _, rest = name.partition("/")
        base = {"repository": self._workspace.root, "modules": self._modules}.get(kind)
        target = base / rest if base and safe_name(name) and rest else None
        inside = [self._modules] if kind == "modules" else changed.folders(self._workspace, self._environment)
        if (
            target is None
            or target.name.endswith(_CONFIGURATION)
            or target.is_symlink()
            or not any(target.resolve().is_relative_to(folder.resolve()) for folder in inside)
        ):
            raise DogitopsError(
                f"The plan of {self._environment} brings a file that it can't have made: {name!r}.",
                hint="Do not apply it. Find out who made it, and make a new plan.",
            )
        return target


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inputs(made: Iterable[str]) -> set[str]:
    return {name.removeprefix("repository/") for name in made if name.startswith("repository/")}


def _state(file: Path) -> tuple[int, ...]:
    """Return what changes whenever a file is written, though with the same content."""
    stat = file.stat()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
