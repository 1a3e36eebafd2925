"""Where in a YAML text something stands, for errors that name file and line and for edits that keep the comments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Path = Sequence[str | int]


def line(text: str, path: Path) -> int:
    """Return the line (from 1) of what ``path`` leads to; of the nearest thing above it where it leads nowhere."""
    return int(_node(text, path)[0].start_mark.line) + 1


def with_value(text: str, path: Path, key: str, value: int | str) -> str:
    """Return ``text`` with ``key: value`` in the mapping that ``path`` leads to, all else as it was.

    Raises KeyError where the path does not lead to a mapping with something in it.
    """
    node, left = _node(text, path)
    if left or not getattr(node, "value", None) or not isinstance(node.value[0], tuple):
        raise KeyError(".".join(map(str, path)))
    for name, there in node.value:
        if name.value == key:
            return f"{text[: there.start_mark.index]}{value}{text[there.end_mark.index :]}"
    name, first = node.value[0]
    entry = f", {key}: {value}" if node.flow_style else f"\n{' ' * name.start_mark.column}{key}: {value}"
    return text[: first.end_mark.index] + entry + text[first.end_mark.index :]


def _node(text: str, path: Path) -> tuple[Any, list[str | int]]:
    """Return the deepest node on the way along ``path``, and what of the path is left."""
    import yaml  # noqa: PLC0415 - heavy

    node = yaml.compose(text, yaml.SafeLoader)  # not the C loader: its marks know no index
    left = list(path)
    while left:
        part = left[0]
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            found = [value for name, value in node.value if name.value == part]
            if not found:
                break
            node = found[0]
        else:
            break
        left.pop(0)
    return node, left
