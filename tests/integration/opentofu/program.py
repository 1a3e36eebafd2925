"""An OpenTofu whose program is a script of the test."""

from __future__ import annotations

from pathlib import Path

from automation.opentofu.runner import Tofu
from automation.secret import Secret


def tofu(root: Path, script: str, **variables: str | Secret) -> Tofu:
    """Return a runner whose tofu is a shell script; it finds the test's folder in $T."""
    home = root.parents[2]
    binary = home / "tofu"
    binary.write_text(f"#!/bin/sh\nT={home}\n{script}\n")
    binary.chmod(0o755)
    return Tofu(binary, root, home / "kept", variables)


PLANNING = """
case "$1" in
  plan) for word; do case "$word" in -out=*) echo "the plan" >"${word#-out=}";; esac; done; exit 2;;
  show) echo '{"resource_changes": []}';;
  apply) echo "$@" >>"$T/applied";;
esac
"""
