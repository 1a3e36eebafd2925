"""What tofu's errors mean, and what to do about each: which pass by themselves, and which a person must put right."""

from __future__ import annotations

import re
from typing import Final

from automation.errors import CommandFailed, ConfigurationError, DogitopsError, Refused

_READS_ONLY: Final = frozenset({"init", "plan", "show", "state", "output"})  # what may simply be run again
_RATE_LIMIT: Final = re.compile(
    r"(?i)too many requests|status( code)?:? ?429|StatusCode: 429|rate limit (exceeded|reached)|API rate limit"
    r"|rate limited|exceeded (the|a|your|its)? ?\w* ?rate limit|RequestLimitExceeded|SlowDown|Throttling"
)
_NETWORK_FAULT: Final = re.compile(
    r"(?i)connection reset|broken pipe|i/o timeout|TLS handshake timeout|unexpected EOF|context deadline exceeded"
    r"|Client\.Timeout|server misbehaving|temporary failure in name resolution|network is unreachable|no such host"
    r"|connection refused|\b50[234] (Bad Gateway|Service Unavailable|Gateway Time-?out)|StatusCode: 50[0234]\b"
    r"|\b50[234] \(request "  # DigitalOcean's client
    r"|resource deadlock avoided"  # tofu before 1.12.2 may see one between two inits that share a provider cache
)
_UNREACHED: Final = re.compile(r"connection refused|dial tcp|no such host|RequestError: send request failed")
_PROVIDERS: Final = re.compile(
    r"Failed to (resolve|query available) provider packages|Failed to install provider|Could not resolve provider"
    r"|Could not retrieve the list of available versions|failed to request discovery document"
    r"|Error while installing \S+/\S+ v"
)
_PLACE: Final = re.compile(r"^\s*on (.+?) line \d+", re.MULTILINE)
_PLAN_AGAIN: Final = "Run 'dogitops plan {name}' again, and read the new plan."


class StateLocked(DogitopsError):  # noqa: N818 - reads as what happened
    """Another run holds the state's lock; nothing was read or changed."""


class Passing(DogitopsError):  # noqa: N818 - reads as what happened
    """A fault that may be gone in a moment: a rate limit or the network."""


def explained(command: str, returncode: int, text: str, name: str) -> DogitopsError:
    """Return the error for what ``tofu command`` said, for the environment ``name``. ``text`` is plain and redacted."""
    flat = " ".join(text.split())  # tofu breaks lines at 78 characters
    known = (
        _locked(text, flat, name)
        or _plan_of_another_time(text, flat, name)
        or _passing(command, text, flat, name)
        or _out_of_reach(command, text, flat, name)
        or _kept(text, flat, name)
        or _broken_configuration(command, text, flat, name)
    )
    if known is not None:
        return known
    full = "no space left on device" in flat.lower()
    hint = "Free some disk space and run the command again." if full else None
    return CommandFailed(["tofu", command], returncode, text, hint=hint)


def plain(text: str) -> str:
    """Return what tofu said without colours and frames."""
    bare = re.sub(r"\x1b\[[0-9;]*m|^\s*[╷╵]\s*$|[╷│╵]|├─+", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in bare.splitlines())).strip()


def _locked(text: str, flat: str, name: str) -> DogitopsError | None:
    if "Error acquiring the state lock" not in flat:
        return None
    # At the start of a line: S3's own errors, told before, carry a RequestID and a HostID.
    lock, who, when = (
        re.search(rf"^\s*{field}:\s+({what})", text, re.MULTILINE)
        for field, what in (("ID", r"\S+"), ("Who", r"\S+"), ("Created", r".+"))
    )
    return StateLocked(
        f"The state is locked by {who[1] if who else 'another run'}{f' since {when[1].strip()}' if when else ''}.",
        hint="Wait for that run to end. If it died, remove its lock: "
        f"'dogitops unlock {name} {lock[1] if lock else 'LOCK-ID'}'.",
    )


def _plan_of_another_time(text: str, flat: str, name: str) -> DogitopsError | None:
    hint = _PLAN_AGAIN.format(name=name)
    if "Saved plan is stale" in flat:
        return DogitopsError("The saved plan is stale: the state has changed since it was made.", hint=hint)
    made = re.search(r"created by OpenTofu or Terraform (\S+?),? but this is (\S+?);", flat)
    if made:
        return DogitopsError(
            f"The saved plan was made by OpenTofu {made[1]}, and this is {made[2]}: one can't apply the other's plans.",
            hint=f"Plan and apply with the same version. {hint}",
        )
    if re.search(r"plan file was created by an (earlier|other) version|as a plan file|Failed to read plan", flat):
        return DogitopsError(f"The saved plan can't be read by this OpenTofu.\n{tail(text)}", hint=hint)
    return None


def _passing(command: str, text: str, flat: str, name: str) -> DogitopsError | None:
    refused_by_s3 = "S3" in flat and re.search("connection refused|no such host", flat)
    if command not in _READS_ONLY or refused_by_s3:
        return None
    if _RATE_LIMIT.search(flat):
        return Passing(
            f"A server that OpenTofu asked for {name} says that it was asked too often.\n{tail(text)}",
            hint="Wait some minutes and run the command again. Keep the provider cache between runs "
            "(the setup action does), and give the registry a token if it takes one.",
        )
    if not _NETWORK_FAULT.search(flat):
        return None
    if _PROVIDERS.search(flat):
        return Passing(
            f"OpenTofu can't download the providers of {name}.\n{tail(text)}",
            hint="Check that this machine reaches the provider registry and github.com, or set up a mirror "
            "('provider_installation' in the file that TF_CLI_CONFIG_FILE names).",
        )
    return Passing(
        f"The network failed OpenTofu while it worked on {name}.\n{tail(text)}", hint="Run the command again."
    )


def _out_of_reach(command: str, text: str, flat: str, name: str) -> DogitopsError | None:
    if command != "apply" and "S3" in flat and _UNREACHED.search(flat):
        return DogitopsError(
            f"The S3 server that holds the state of {name} can't be reached.\n{tail(text)}",
            hint="Check the endpoint and that the server runs.",
        )
    lock = re.search(
        r"(?i)lock file (not up-to-date|is read-only)|Inconsistent dependency lock file|-lockfile=readonly", flat
    )
    if lock or re.search(r"doesn't match any of the checksums", flat):
        return ConfigurationError(
            f"The providers of {name} are not those of its .terraform.lock.hcl.\n{tail(text)}",
            hint="If the change is meant, run 'tofu providers lock -platform=linux_amd64 -platform=linux_arm64 "
            "-platform=darwin_arm64' in the root, and commit the file.",
        )
    if command == "init" and _PROVIDERS.search(flat):
        return ConfigurationError(
            f"OpenTofu can't get the providers of {name}.\n{tail(text)}",
            hint="Check their 'source' and 'version' in required_providers, and that the registry has them.",
        )
    return None


def _kept(text: str, flat: str, name: str) -> DogitopsError | None:
    """Recognise that a plan would destroy what ``prevent_destroy`` keeps."""
    kept = list(dict.fromkeys(re.findall(r"Resource instance (\S+) has prevent_destroy set", flat)))
    if not kept:
        return None
    others = [block for block in _errors(text) if "has prevent_destroy set" not in " ".join(block.split())]
    if others:
        return None
    listed = "\n".join(f"  {address}" for address in kept)
    return Refused(
        f"The plan would destroy what {name} keeps (prevent_destroy):\n{listed}",
        hint="If its data may be lost, set TF_VAR_keep_data=false (or take prevent_destroy away, where the environment "
        "has no such variable) and run the command again.",
    )


def _broken_configuration(command: str, text: str, flat: str, name: str) -> DogitopsError | None:
    """Recognise errors of the configuration alone: each names a file and a line, and no resource that was at work."""
    blocks = list(dict.fromkeys(_errors(text)))
    if command not in {"init", "plan"} or not blocks:
        return None
    if "problems with the configuration" not in flat and not all(
        _PLACE.search(block) and not re.search(r"^\s*with \S+,\s*$", block, re.MULTILINE) for block in blocks
    ):
        return None
    told = "\n\n".join(blocks)
    return ConfigurationError(
        f"The OpenTofu configuration of {name} is not valid:\n{told}",
        hint=f"Correct it in opentofu/environments/{name}, or in the module that is named.",
    )


def _errors(text: str) -> list[str]:
    """Return the errors in what tofu said, each from its first line to its last."""
    parts = re.split(r"^(?=\s*(?:Error|Warning): )", text, flags=re.MULTILINE)
    return [part.strip() for part in parts if part.lstrip().startswith("Error: ")]


def tail(text: str) -> str:
    """Return the end of what tofu said."""
    return "\n".join(text.strip().splitlines()[-8:])
