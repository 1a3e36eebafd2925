"""Secrets that outlive a cluster: derived from one that all machines have, or kept on this one."""

from __future__ import annotations

import os
from pathlib import Path

from automation import age, report
from automation.environment import Environment
from automation.errors import ConfigurationError
from automation.secret import Secret

VARIABLE = "DOGITOPS_SECRETS_KEY"
AGE_VARIABLES = ("SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "SOPS_AGE_KEY_CMD")  # SOPS reads them itself
_SHORTEST = 32  # characters


def are_derived(environment: Environment) -> bool:
    """Whether an environment's are derived: several machines work on it, and there is what to derive them from.

    Under Actions there must be, because what is kept ends with the job.
    """
    return environment.remote and (bool(_key()) or report.in_actions())


def secret(environment: Environment, folder: Path, name: str, length: int) -> Secret:
    """Return an environment's secret ``name`` of ``length`` characters; ``folder`` is where they are kept.

    Raises ConfigurationError where it has to be derived, and the variable is missing or too short.
    """
    if not are_derived(environment):
        return Secret.kept_in(folder / name, length)
    key = _key()
    if len(key) < _SHORTEST:
        what = f"has fewer than {_SHORTEST} characters" if key else "is not set"
        raise ConfigurationError(
            f"The variable {VARIABLE} {what}; what the next job must have again is derived from it.",
            hint="Make one with 'openssl rand -hex 32', keep it as a secret of the job's environment, and keep a "
            "copy: backups can't be read without it.",
        )
    return Secret(key).derived(f"dogitops {environment.name} {name}", length)


def known(environment: Environment, folder: Path, name: str, length: int) -> Secret | None:
    """Return that secret where it is there already, and None where it would be made."""
    if are_derived(environment) or (folder / name).exists():
        return secret(environment, folder, name, length)
    return None


def age_identity(environment: Environment, folder: Path, *, make: bool = True) -> Secret | None:
    """Return the environment's identity of age, with which SOPS opens its files.

    None where a variable gives another one, and, without ``make``, where it would have to be made. It is made of a
    secret that lasts, so it is there before the first sync and outlives every cluster.
    """
    if any(os.environ.get(name) for name in AGE_VARIABLES):
        return None
    read = secret if make else known
    seed = read(environment, folder, "age", 43)
    return age.identity(seed) if seed is not None else None


def _key() -> str:
    return os.environ.get(VARIABLE, "").strip()
