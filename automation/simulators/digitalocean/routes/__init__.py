"""The routes, one file a resource. A module in this folder is imported, and its routes are known."""

from __future__ import annotations

import importlib
import pkgutil


def import_all() -> None:
    """Import every module here."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
