"""What the policies are given: the plan's values and its configuration, joined with the files that describe them.

::

    environment   the folder's name
    tofu          {required_version, backend, file, line}
    providers     [{source, constraint, locked, file, line}]
    modules       [{address, source, version, local, file, line}]
    resources     [{address, mode, type, name, module, provider, set, provisioners, lifecycle, file, line,
                    instances: [{address, actions, values}]}]
    files         [{file, content}]

``set`` has the attributes that the configuration sets; each leaf is the list of the references in it. ``values``
are those after the plan, "(sensitive)" and "(known after apply)" standing for what may not or can't be known.
``lifecycle`` is null where the module's files are not ours to read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from automation.errors import DogitopsError
from automation.opentofu.policy import blocks
from automation.opentofu.policy.blocks import Layout, Waiver
from automation.opentofu.redact import Hidden, Redactor, Unknown

SENSITIVE = "(sensitive)"
UNKNOWN = "(known after apply)"
LOCK_FILE = ".terraform.lock.hcl"
_BUILT_IN = "terraform.io/builtin/"

Json: TypeAlias = "dict[str, Any]"
Parse = Callable[[Iterable[Path]], dict[Path, Json]]


@dataclass(frozen=True)
class Module:
    """A module of the plan's configuration: its address without indexes, and its folder where that is ours."""

    address: str
    configuration: Json
    folder: Path | None

    def full(self, address: str) -> str:
        """Return the address of something in this module."""
        return f"{self.address}.{address}" if self.address else address


@dataclass(frozen=True)
class Source:
    """The files that a plan was made from: what they hold, and where in them each thing stands."""

    root: Path
    modules: tuple[Module, ...]
    contents: dict[Path, Json]
    layouts: dict[Path, Layout]
    places: dict[str, tuple[Path, int]]  # address without indexes -> where its block stands

    @classmethod
    def read(cls, root: Path, document: Json, parse: Parse) -> Source:
        """Read the files of ``root`` and of the local modules that the plan uses. Raises DogitopsError."""
        if not isinstance(document, dict) or not isinstance(document.get("configuration"), dict):
            raise DogitopsError(
                "The policies were given something that is no plan.",
                hint="They judge what 'tofu show -json PLANFILE' prints.",
            )
        root = root.resolve()
        with _understood():
            modules = tuple(_modules(document["configuration"].get("root_module") or {}, "", root))
        folders = list(dict.fromkeys(module.folder for module in modules if module.folder is not None))
        files = [file for folder in folders for file in sorted([*folder.glob("*.tf"), *folder.glob("*.tofu")])]
        lock = root / LOCK_FILE
        contents = parse([*files, lock] if lock.is_file() else files)
        layouts = {file: blocks.read(file.read_text("utf-8-sig")) for file in files}
        places: dict[str, tuple[Path, int]] = {}
        for module in modules:
            if module.folder is not None:
                in_it = {file: layout for file, layout in layouts.items() if file.parent == module.folder}
                places.update(_places(module, in_it))
        return cls(root, modules, contents, layouts, places)

    def name(self, file: Path) -> str:
        """Return how results call a file: its path in the repository, three folders above the root."""
        try:
            return file.resolve().relative_to(self.root.parents[2]).as_posix()
        except ValueError:
            return file.as_posix()

    def place(self, address: str) -> tuple[str, int] | None:
        """Return the file and the line of a resource, a module or a provider, where it stands in one of our files."""
        found = self.places.get(address)
        return None if found is None else (self.name(found[0]), found[1])

    def waiver(self, file: str | None, line: int | None, rule: str) -> Waiver | None:
        """Return the comment that lets the block at this place break ``rule``; one without a reason does not count."""
        for path, layout in self.layouts.items():
            if line is not None and self.name(path) == file and (block := layout.around(line)) is not None:
                for waiver in layout.waivers:
                    if waiver.rule == rule and waiver.reason and block.first <= waiver.line <= block.last:
                        return waiver
        return None

    def waivers(self) -> Iterator[tuple[str, Waiver]]:
        """Yield every such comment with its file."""
        for path, layout in self.layouts.items():
            for waiver in layout.waivers:
                yield self.name(path), waiver

    def content(self, folder: Path | None, kind: str) -> Iterator[tuple[Path, Any]]:
        """Yield what the files of a folder hold under ``kind``, such as ``terraform``."""
        for file, content in self.contents.items():
            if file.parent == folder and kind in content and file.name != LOCK_FILE:
                yield file, content[kind]


def document(plan: Json, source: Source, redactor: Redactor) -> Json:
    """Return the document that the policies judge. Raises DogitopsError for a plan that can't be read."""
    with _understood():
        return {
            "environment": source.root.name,
            "tofu": _tofu(source),
            "providers": _providers(plan, source),
            "modules": [_call(module, name, call, source) for module, name, call in _calls(source.modules)],
            "resources": _resources(plan, source, redactor),
            "files": [
                {"file": source.name(file), "content": content}
                for file, content in source.contents.items()
                if file.name != LOCK_FILE
            ],
        }


@contextmanager
def _understood() -> Iterator[None]:
    """Turn what goes wrong over a plan of another shape into a DogitopsError."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DogitopsError(
            f"The plan is not as OpenTofu writes it ({type(error).__name__}).",
            hint="Make the plan again, with the version of tofu that 'dogitops tools list' shows.",
        ) from error


def _tofu(source: Source) -> Json:
    """Return what the root's ``terraform`` blocks say, with the place of the first."""
    told: Json = {"required_version": None, "backend": None, "file": None, "line": None}
    for file, each in source.content(source.root, "terraform"):
        block = source.layouts[file].find("terraform")
        if told["file"] is None:
            told.update(file=source.name(file), line=block.line if block else 1)
        for body in each:
            told["required_version"] = body.get("required_version") or told["required_version"]
            told["backend"] = next(iter(body.get("backend", {})), told["backend"])
    return told


def _providers(plan: Json, source: Source) -> list[Json]:
    """Return the providers of all modules, without those built into tofu.

    The constraint is the root's: a provider has one version, and modules should ask for no more than they need.
    """
    lock = source.contents.get(source.root / LOCK_FILE, {}).get("provider", {})
    tofu = _tofu(source)
    found: dict[str, Json] = {}
    for key, each in plan["configuration"].get("provider_config", {}).items():
        name = each["full_name"]
        if name.startswith(_BUILT_IN):
            continue
        provider = found.setdefault(
            name, {"source": name, "constraint": None, "file": tofu["file"], "line": tofu["line"]}
        )
        provider["locked"] = bool(lock.get(name, [{}])[0].get("hashes"))
        if ":" not in key:  # in a module it is module.NAME:KEY
            provider["constraint"] = each.get("version_constraint") or provider["constraint"]
    return list(found.values())


def _call(module: Module, name: str, call: Json, source: Source) -> Json:
    address = module.full(f"module.{name}")
    file, line = source.place(address) or (None, None)
    where = call["source"]
    return {
        "address": address,
        "source": where,
        "version": call.get("version_constraint"),
        "local": _is_local(where),
        "file": file,
        "line": line,
    }


def _resources(plan: Json, source: Source, redactor: Redactor) -> list[Json]:
    providers = plan["configuration"].get("provider_config", {})
    instances = _instances(plan, redactor)
    found = []
    for module in source.modules:
        lifecycles = _lifecycles(module, source)
        for each in module.configuration.get("resources", ()):
            address = module.full(each["address"])
            file, line = source.place(address) or (None, None)
            key = (module.address, each["mode"], each["type"], each["name"])
            found.append({
                "address": address,
                "mode": each["mode"],
                "type": each["type"],
                "name": each["name"],
                "module": module.address,
                "provider": providers.get(each["provider_config_key"], {}).get("full_name"),
                "set": {name: _references(one) for name, one in each.get("expressions", {}).items()},
                "provisioners": [one["type"] for one in each.get("provisioners", ())],
                "lifecycle": None if lifecycles is None else lifecycles.get((each["type"], each["name"]), {}),
                "file": file,
                "line": line,
                "instances": instances.get(key, []),
            })  # fmt: skip
    return found


def _instances(plan: Json, redactor: Redactor) -> dict[tuple[str, str, str, str], list[Json]]:
    """Return what each resource will be after the plan, by module, mode, type and name; what goes is left out."""
    found: dict[tuple[str, str, str, str], list[Json]] = {}
    for one in plan.get("resource_changes") or ():
        change = one["change"]
        if change["after"] is None and not change.get("after_unknown"):
            continue
        if one.get("deposed") or change["actions"] in (["delete"], ["forget"]):
            continue
        tree = redactor.tree(change["after"], change.get("after_sensitive"), change.get("after_unknown"))
        key = (without_keys(one.get("module_address", "")), one["mode"], one["type"], one["name"])
        found.setdefault(key, []).append(
            {"address": redactor.text(one["address"]), "actions": change["actions"], "values": _readable(tree)}
        )
    return found


def without_keys(address: str) -> str:
    """Return an address without the keys of its instances: ``module.a["x"].b.c[0]`` becomes ``module.a.b.c``."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for letter in address:
        if quoted:
            quoted = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter == "[":
            depth += 1
        elif letter == "]":
            depth -= 1
        elif depth == 0:
            kept.append(letter)
    return "".join(kept)


def _readable(tree: Any) -> Any:
    if isinstance(tree, Hidden):
        return SENSITIVE
    if isinstance(tree, Unknown):
        return UNKNOWN
    if isinstance(tree, dict):
        return {name: _readable(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_readable(value) for value in tree]
    return tree


def _references(expression: Any) -> Any:
    """Return the shape of a plan's expression: blocks as lists of objects, and for an attribute its references."""
    if isinstance(expression, list):
        return [_references(each) for each in expression]
    if "references" in expression or "constant_value" in expression or not expression:
        return expression.get("references", [])
    return {name: _references(each) for name, each in expression.items()}


def _lifecycles(module: Module, source: Source) -> dict[tuple[str, str], Json] | None:
    if module.folder is None:
        return None
    found: dict[tuple[str, str], Json] = {}
    for _, types in source.content(module.folder, "resource"):
        for kind, names in types.items():
            for name, bodies in names.items():
                for each in bodies:
                    for settings in each.get("lifecycle", ()):
                        found.setdefault((kind, name), {}).update(settings)
    return found


def _modules(configuration: Json, address: str, folder: Path | None) -> Iterator[Module]:
    module = Module(address, configuration, folder)
    yield module
    for name, call in (configuration.get("module_calls") or {}).items():
        inside = None
        if folder is not None and _is_local(call["source"]):
            inside = (folder / call["source"]).resolve()
        yield from _modules(call.get("module") or {}, module.full(f"module.{name}"), inside)


def _calls(modules: Iterable[Module]) -> Iterator[tuple[Module, str, Json]]:
    for module in modules:
        for name, call in (module.configuration.get("module_calls") or {}).items():
            yield module, name, call


def _is_local(source: str) -> bool:
    return source.startswith(("./", "../"))


def _places(module: Module, layouts: dict[Path, Layout]) -> Iterator[tuple[str, tuple[Path, int]]]:
    """Yield where each resource, data source and module call of a module stands, by its address without indexes."""
    for file, layout in layouts.items():
        for block in layout.blocks:
            if block.kind in {"resource", "data"} and len(block.labels) == 2:  # noqa: PLR2004 - type and name
                prefix = "data." if block.kind == "data" else ""
                yield module.full(prefix + ".".join(block.labels)), (file, block.line)
            elif block.kind == "module" and len(block.labels) == 1:
                yield module.full(f"module.{block.labels[0]}"), (file, block.line)
