"""Where something stands: the line of a field, of an entry or of a word in a file of the repository."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Step = str | int


class Lines:
    """Lines in the files below ``root``, each file read once. Every line counts from 1; what is not found is at 1."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._documents = cache(self._composed)
        self._texts = cache(self._read)

    def of_word(self, file: str, pattern: str) -> int:
        """Return the first line in which the regular expression is found."""
        for number, line in enumerate(self._texts(file).splitlines(), start=1):
            if re.search(pattern, line):
                return number
        return 1

    def of_field(self, file: str, path: Sequence[Step]) -> int:
        """Return the line of a field of the file's first document, or of the nearest that is there."""
        documents = self._documents(file)
        return _line(documents[0], path) if documents else 1

    def of_object(self, file: str, kind: str, name: str, path: Sequence[Step] = ()) -> int:
        """Return the line of a field of an object, or of the nearest that is there."""
        documents = self._documents(file)
        of_kind = [one for one in documents if _text(one, ("kind",)) == kind]
        named = [one for one in of_kind if _text(one, ("metadata", "name")) == name]
        for document in (*named, *of_kind):
            return _line(document, path)
        return self.of_word(file, rf"\b{re.escape(name)}\b")

    def _read(self, file: str) -> str:
        try:
            return (self.root / file).read_text()
        except (OSError, UnicodeDecodeError):
            return ""

    def _composed(self, file: str) -> tuple[yaml.Node, ...]:
        try:
            return tuple(node for node in yaml.compose_all(self._texts(file), _LOADER) if node is not None)
        except yaml.YAMLError:
            return ()


def _line(document: yaml.Node, path: Sequence[Step]) -> int:
    node, line = document, document.start_mark.line + 1
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        key, node = found
        line = key.start_mark.line + 1
    return line


def _child(node: yaml.Node, step: Step) -> tuple[yaml.Node, yaml.Node] | None:
    """Return where a child begins (its key, in a mapping) and the child."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and str(step).isdigit() and int(step) < len(node.value):
        item: Any = node.value[int(step)]
        return item, item
    return None


def _text(node: yaml.Node, path: Sequence[Step]) -> str | None:
    for step in path:
        found = _child(node, step)
        if found is None:
            return None
        node = found[1]
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None
