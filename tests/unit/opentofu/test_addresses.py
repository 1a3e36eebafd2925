"""Addresses of resources are counted by kind, and share lines."""

from __future__ import annotations

import pytest

from automation.opentofu.comment.addresses import compact, kind_of


@pytest.mark.parametrize(
    ("addresses", "lines"),
    [
        (["a.b[0]", "a.b[2]", "a.b[1]", "a.b[7]"], ["a.b[0-2, 7]"]),
        (['a.b["x"]', "a.c", 'a.b["y"]'], ["a.c", 'a.b["x", "y"]']),
        (["a.b", "a.b[0]"], ["a.b", "a.b[0]"]),
        (['module.m["x"].a.b', 'module.m["y"].a.b'], ['module.m["x"].a.b', 'module.m["y"].a.b']),
        (['a.b["q\\"]x"]'], ['a.b["q\\"]x"]']),
    ],
)
def test_instances_share_a_line(addresses: list[str], lines: list[str]) -> None:
    assert compact(addresses) == lines


def test_instances_of_a_module_are_one_kind() -> None:
    assert kind_of("x_y", 'module.a["b]"].module.c[3]') == "x_y in module.a[*].module.c[*]"
    assert kind_of("x_y", "") == "x_y"
