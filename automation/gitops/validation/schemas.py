"""Manifests held against their schemas by kubeconform, offline.

The schemas of Kubernetes' own kinds are those that a real API server published (``kubernetes-*.json.xz`` beside this
module, written by :func:`compact`); those of other kinds are made from the CustomResourceDefinitions in the tree.
"""

from __future__ import annotations

import json
import lzma
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from automation import process
from automation.errors import DogitopsError
from automation.gitops.manifests import Manifest
from automation.gitops.validation.clusters import Cluster
from automation.gitops.validation.findings import Finding
from automation.gitops.validation.lines import Lines
from automation.gitops.validation.rendering import Rendered

PUBLISHED: Final = Path(__file__).with_name("kubernetes-1.34.json.xz")

_REFERENCE: Final = "#/definitions/"
_OWN: Final = ("io.k8s.api.", "io.k8s.apiextensions-apiserver.", "io.k8s.kube-aggregator.")
_FREE: Final = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_EMBEDDED: Final = "x-kubernetes-embedded-resource"
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_TIMES: Final = ("io.k8s.apimachinery.pkg.apis.meta.v1.Time", "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime")
_GENERAL: Final = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}

_AT: Final = re.compile(r"- at '([^']*)': (.*?)(?=\s+- at '|$)", re.DOTALL)  # how kubeconform tells a problem

Schema = dict[str, Any]


@dataclass(frozen=True)
class Published:
    """What an API server published: its version, the schema of each ``group/version/Kind``, and those they stand on.

    ``namespaced`` are the kinds, as ``group/Kind``, whose objects are in a namespace.
    """

    version: str
    kinds: Mapping[str, str]
    namespaced: frozenset[str]
    definitions: Mapping[str, Schema]


def compact(openapi: Mapping[str, Any]) -> Published:
    """Return what an API server's ``/openapi/v2`` says of Kubernetes' own kinds, without words.

    What others add to it, custom kinds and the servers of further groups, is left out: it differs from cluster to
    cluster.
    """
    kinds, definitions = {}, {}
    for name, schema in openapi["definitions"].items():
        definitions[name] = _strict(schema)
        told: list[dict[str, str]] = schema.get("x-kubernetes-group-version-kind") or []
        if len(told) == 1 and name.startswith(_OWN):  # more have the objects that requests carry beside kinds
            kinds[_key(told[0]["group"], told[0]["version"], told[0]["kind"])] = name
    definitions[_QUANTITY] = {"type": ["string", "number"]}
    definitions.update({name: {"type": ["string", "null"]} for name in _TIMES})
    inside = {
        f"{kind['group']}/{kind['kind']}"
        for path, verbs in openapi["paths"].items()
        for verb in verbs.values()
        if isinstance(verb, dict) and "/namespaces/{namespace}/" in path
        for kind in [verb.get("x-kubernetes-group-version-kind")]
        if kind
    }
    own = {f"{group}/{kind}" for group, _, kind in (key.split("/") for key in kinds)}
    version = str(openapi["info"]["version"]).removeprefix("v")
    return Published(version, kinds, frozenset(inside & own), _needed(definitions, kinds.values()))


def write(published: Published, file: Path) -> None:
    """Keep what an API server published; the same content makes the same file."""
    told = {
        "version": published.version,
        "kinds": dict(published.kinds),
        "namespaced": sorted(published.namespaced),
        "definitions": dict(published.definitions),
    }
    file.write_bytes(lzma.compress(json.dumps(told, sort_keys=True, separators=(",", ":")).encode(), preset=9))


@cache
def read(file: Path = PUBLISHED) -> Published:
    """Return what was kept."""
    told = json.loads(lzma.decompress(file.read_bytes()))
    return Published(told["version"], told["kinds"], frozenset(told["namespaced"]), told["definitions"])


@dataclass(frozen=True)
class Checked:
    """What schemas refuse, and the kinds that have no schema here."""

    findings: tuple[Finding, ...]
    without: frozenset[str]


def check(clusters: Sequence[Cluster], kubeconform: Path, lines: Lines) -> Checked:
    """Hold every object of the clusters against its schema, each different object once."""
    published = read()
    distinct: dict[str, tuple[Rendered, set[str]]] = {}
    customs: dict[str, Schema] = {}
    for cluster in clusters:
        for _, one in cluster.objects():
            if one.kind == "CustomResourceDefinition":
                customs.update(of_crd(one.manifest))
            distinct.setdefault(json.dumps(one.manifest, sort_keys=True, default=str), (one, set()))[1].add(
                cluster.name
            )
    with tempfile.TemporaryDirectory(prefix="dogitops-") as name:
        folder = Path(name)
        objects = folder / "objects"
        objects.mkdir()
        without: set[str] = set()
        written: dict[str, tuple[Rendered, set[str]]] = {}
        for number, (text, (one, where)) in enumerate(distinct.items()):
            key = _kind_key(one.manifest)
            schema = customs.get(key) or _of(published, key)
            if schema is None:
                without.add(key)
                continue
            (folder / f"{_file(key)}.json").write_text(json.dumps(schema))
            (objects / f"{number}.json").write_text(text)
            written[f"{number}.json"] = (one, where)
        findings = tuple(_findings(_asked(kubeconform, folder, objects), written, lines))
    return Checked(findings, frozenset(without))


def of_crd(manifest: Manifest) -> Iterator[tuple[str, Schema]]:
    """Yield key and schema of each version of a CustomResourceDefinition."""
    spec = manifest["spec"]
    for version in spec["versions"]:
        schema = _strict(version.get("schema", {}).get("openAPIV3Schema") or {})
        if "properties" in schema:
            schema["properties"] = {**schema["properties"], **_GENERAL}
        yield _key(spec["group"], version["name"], spec["names"]["kind"]), schema


def _asked(kubeconform: Path, folder: Path, objects: Path) -> list[dict[str, Any]]:
    pattern = "{{.Group}}-{{.ResourceAPIVersion}}-{{.ResourceKind}}.json"
    done = process.run(
        [kubeconform, "-strict", "-output", "json", "-n", "4", "-schema-location", f"{folder}/{pattern}", objects],
        timeout=120,
        check=False,
    )
    try:
        return list(json.loads(done.stdout).get("resources") or ())
    except ValueError as error:
        raise DogitopsError(
            f"kubeconform exited with {done.returncode}: {done.text.strip()[:500]}",
            hint="Install it anew: dogitops tools install kubeconform",
        ) from error


def _findings(
    results: Iterable[Mapping[str, Any]], written: Mapping[str, tuple[Rendered, set[str]]], lines: Lines
) -> Iterator[Finding]:
    for result in results:
        one, where = written[Path(str(result["filename"])).name]
        for path, problem in _problems(str(result.get("msg", ""))):
            steps = [step for step in path.split("/") if step]
            unknown = re.search(r"additional properties '([^']+)'", problem)
            line = lines.of_object(one.file, one.kind, one.name, [*steps, unknown[1]] if unknown else steps)
            told = f"{one.kind} {one.name}: {'.'.join(steps) or 'it'}: {problem}"
            yield Finding(one.file, line, "schema", told, tuple(sorted(where)))


def _problems(words: str) -> list[tuple[str, str]]:
    """Return path and words of each problem; what only says that there are some below is left out."""
    found = [(match[1], match[2].strip()) for match in _AT.finditer(words)]
    return [one for one in found if one[1] != "validation failed"] or found or [("", words)]


def _of(published: Published, key: str) -> Schema | None:
    """Return the schema of one of Kubernetes' own kinds, with all that it stands on inside of it."""
    name = published.kinds.get(key)
    if name is None:
        return None
    return {"$ref": f"{_REFERENCE}{name}", "definitions": _needed(published.definitions, [name])}


def _needed(definitions: Mapping[str, Schema], names: Iterable[str]) -> dict[str, Schema]:
    """Return the definitions ``names`` and all that they stand on."""
    needed: dict[str, Schema] = {}
    ahead = list(names)
    while ahead:
        here = ahead.pop()
        if here not in needed:
            needed[here] = definitions[here]
            ahead.extend(_referred(definitions[here]))
    return needed


def _referred(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_REFERENCE)
        for inner in schema.values():
            yield from _referred(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _referred(inner)


_WORDS: Final = frozenset(
    {"description", "format", "default", "example", "title", "externalDocs", "x-kubernetes-validations"}
)


def _strict(schema: Mapping[str, Any]) -> Schema:
    """Return the schema without words, refusing what it does not name, as an API server that is strict does."""
    if schema.get(_INT_OR_STRING) or schema.get("format") == "int-or-string":
        return {"type": ["integer", "string"]}
    made: Schema = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: _strict(inner) for name, inner in value.items()}
        elif key in {"items", "additionalProperties", "not"} and isinstance(value, dict):
            made[key] = _strict(value)
        elif key in {"allOf", "anyOf", "oneOf"}:
            made[key] = [_loose(inner) for inner in value]
        elif key not in _WORDS and key != "nullable" and not key.startswith("x-kubernetes-"):
            made[key] = value
    if schema.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if "properties" in made and not schema.get(_FREE):
        if schema.get(_EMBEDDED):
            made["properties"] = {**_GENERAL, **made["properties"]}
        made.setdefault("additionalProperties", False)
    return made


def _loose(schema: Any) -> Any:
    """Return a part of a condition: it names some of the fields, and forbids no others."""
    if isinstance(schema, dict):
        return {key: _loose(value) for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    return [_loose(inner) for inner in schema] if isinstance(schema, list) else schema


def _kind_key(manifest: Manifest) -> str:
    group, _, version = str(manifest.get("apiVersion", "")).rpartition("/")
    return _key(group, version, str(manifest.get("kind", "")))


def _key(group: str, version: str, kind: str) -> str:
    return f"{group}/{version}/{kind}"


def _file(key: str) -> str:
    """Return the name by which kubeconform asks for a schema; of the core group it gives the version as group."""
    group, version, kind = key.split("/")
    return f"{group or version}-{version}-{kind.lower()}"
