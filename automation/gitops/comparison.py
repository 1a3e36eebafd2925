"""What a change does to a cluster: the objects of both sides compared, as Markdown, with nothing secret in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from automation.gitops.manifests import Manifest
from automation.secret import masked

Key = tuple[str, str, str, str]  # application, group/Kind, namespace, name
Objects = Mapping[Key, Manifest]

# What kustomize adds to the names of generated objects: without it, a change is seen as one.
_HASH: Final = re.compile(r"-[2456789bcdfghkmt]{10}$")

HIDDEN: Final = "(hidden)"
HIDDEN_CHANGED: Final = "(hidden, changed)"

_SECRET_NAME: Final = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE_?KEY", re.IGNORECASE)
_FENCE: Final = re.compile(r"`{3,}")
_CONTEXT: Final = 2  # lines around a change
_LONGEST_OBJECT: Final = 120  # lines of one object's difference


@dataclass(frozen=True)
class Difference:
    """How one object differs: ``added``, ``removed`` or ``changed``, and the lines that say it."""

    key: Key
    what: str
    lines: tuple[str, ...]

    @property
    def title(self) -> str:
        """``changed apps/Deployment monitoring/grafana``."""
        _, kind, namespace, name = self.key
        return f"{self.what} {kind} {f'{namespace}/' if namespace else ''}{name}"


def key_of(application: str, manifest: Manifest, namespace: str) -> Key:
    """Return by what an object is found on the other side."""
    kind, metadata = str(manifest["kind"]), manifest["metadata"]
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    name = str(metadata["name"])
    named = _HASH.sub("", name) if kind in {"ConfigMap", "Secret"} else name
    return application, f"{group}/{kind}".removeprefix("/"), str(metadata.get("namespace") or namespace), named


def compare(before: Objects, after: Objects) -> tuple[Difference, ...]:
    """Return how the objects differ, by application; values of Secrets and what looks like one are hidden."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        shown_old, shown_new = _hidden(old, new)
        what = "added" if old is None else "removed" if new is None else "changed"
        found.append(Difference(key, what, tuple(_lines(shown_old, shown_new))))
    return tuple(found)


def markdown(differences: Sequence[Difference], limit: int) -> str:
    """Return the differences as Markdown of at most ``limit`` characters; what does not fit is named and counted."""
    if not differences:
        return "No object of the cluster changes."
    counted = ", ".join(
        f"{many} {what}"
        for what in ("added", "changed", "removed")
        if (many := sum(one.what == what for one in differences))
    )
    parts = [f"**Objects: {counted}.**"]
    left = limit - len(parts[0]) - 200
    for application in dict.fromkeys(one.key[0] for one in differences):
        of_it = [one for one in differences if one.key[0] == application]
        text = _part(application, of_it, whole=True)
        if len(text) > left:
            text = _part(application, of_it, whole=False)
        if len(text) > left:
            parts.append(f"`{application}` and what follows did not fit here: `dogitops promote --dry-run` prints all.")
            break
        parts.append(text)
        left -= len(text) + 2
    return "\n\n".join(parts)


def _part(application: str, differences: Iterable[Difference], *, whole: bool) -> str:
    lines: list[str] = []
    told = list(differences)
    for one in told:
        lines.append(f"# {one.title}")
        if whole:
            lines.extend(one.lines[:_LONGEST_OBJECT])
            if len(one.lines) > _LONGEST_OBJECT:
                lines.append(f"# … {len(one.lines) - _LONGEST_OBJECT} more lines")
    body = "\n".join(lines)
    fence = "`" * max(3, 1 + max((len(run) for run in _FENCE.findall(body)), default=0))
    many = f"{len(told)} object{'s' if len(told) != 1 else ''}"
    return (
        f"<details><summary><code>{application}</code>: {many}</summary>\n\n{fence}diff\n{body}\n{fence}\n\n</details>"
    )


def _lines(old: Manifest | None, new: Manifest | None) -> list[str]:
    found = list(difflib.unified_diff(_text(old), _text(new), lineterm="", n=_CONTEXT if old and new else 0))
    return [masked(line) for line in found[2:] if not line.startswith("@@")]


def _text(manifest: Manifest | None) -> list[str]:
    return yaml.dump(manifest, Dumper=_Readable, sort_keys=False, width=110).splitlines() if manifest else []


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as such: what changed in a configuration file is seen line by line."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data.strip("\n") else None)


_Readable.add_representer(str, _Readable.represent_str)


def _hidden(old: Manifest | None, new: Manifest | None) -> tuple[Manifest | None, Manifest | None]:
    """Return both sides without values that are, or seem to be, secret; that one changed is still seen."""
    return _without(old, new, HIDDEN), _without(new, old, HIDDEN if old is None else HIDDEN_CHANGED)


def _without(one: Any, other: Any, differs: str, *, secret: bool = False) -> Any:
    if isinstance(one, dict):
        counterpart = other if isinstance(other, dict) else {}
        named = one.get("name") if isinstance(one.get("name"), str) and "value" in one else ""
        return {
            key: _without(
                value,
                counterpart.get(key),
                differs,
                secret=secret
                or (one.get("kind") == "Secret" and key in {"data", "stringData"})
                or (key == "value" and bool(named and _SECRET_NAME.search(named)))
                or (isinstance(value, str) and bool(_SECRET_NAME.fullmatch(str(key)))),
            )
            for key, value in one.items()
        }
    if isinstance(one, list):
        pairs = other if isinstance(other, list) and len(other) == len(one) else [None] * len(one)
        return [_without(value, pair, differs, secret=secret) for value, pair in zip(one, pairs, strict=True)]
    if not secret:
        return one
    return HIDDEN if one == other else differs
