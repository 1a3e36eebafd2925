"""Whether a cluster is what it should be, seen from outside: a list of checks, each with what was seen."""

from __future__ import annotations
