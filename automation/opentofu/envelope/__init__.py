r"""Seals a saved plan for its way from a pull request to its merge, so that nobody can read or change it on the way.

An envelope is one file::

    magic           8  b"\x89dogenv\n"
    version         1  1
    key kind        1  0: a 32-byte secret, 1: a passphrase through scrypt
    scrypt log2(n)  1  15 for a passphrase, 0 for a secret; r is 8 and p is 1
    salt           16  random
    nonce          12  random, for AES-256-GCM
    key check      16  derived from the key and the salt: tells a wrong key from a changed envelope
    manifest size   4  big-endian
    payload size    8  big-endian
    manifest           canonical JSON, readable without the key
    manifest tag   32  HMAC-SHA256 of all before it
    payload            AES-256-GCM of a tar; all before it is its associated data

The keys of the three uses are derived from the secret and the salt by HKDF-SHA256, so none is used for two things.
"""

from __future__ import annotations

import hmac
import io
import json
import os
import struct
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Annotated, Final, NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from automation.errors import DogitopsError, VerificationFailed
from automation.opentofu.envelope.key import SALT_SIZE, Key, Work

__all__ = [
    "LONGEST_HEAD", "EnvelopeExpired", "EnvelopeInvalid", "EnvelopeTampered", "EnvelopeTruncated", "Key", "KeyWrong",
    "Manifest", "ManifestTampered", "Opened", "UnknownVersion", "read_manifest", "safe_name", "seal", "unseal",
]  # fmt: skip

MAGIC: Final = b"\x89dogenv\n"
VERSION: Final = 1
_HEAD: Final = struct.Struct(f">8sBBB{SALT_SIZE}s12s16sIQ")
_TAG_SIZE: Final = 32  # of the manifest
_GCM_TAG_SIZE: Final = 16
_LONGEST_MANIFEST: Final = 64 * 1024
LONGEST_HEAD: Final = _HEAD.size + _LONGEST_MANIFEST + _TAG_SIZE  # so many first bytes hold every manifest
_LARGEST_PAYLOAD: Final = 1 << 30
_MOST_FILES: Final = 10_000
_SKEW: Final = timedelta(minutes=5)  # how far two machines' clocks may differ
_PLAN_AGAIN: Final = "Nothing was applied. Make a new plan: push to the pull request, or run its plan again."

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?$")]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Word = Annotated[str, StringConstraints(max_length=1024)]


class EnvelopeInvalid(VerificationFailed):
    """An envelope is not what was sealed, or can't be opened; nothing of it may be used."""


class EnvelopeTruncated(EnvelopeInvalid):
    """The file ends before it should, or goes on after."""


class EnvelopeTampered(EnvelopeInvalid):
    """The payload is not what was sealed."""


class ManifestTampered(EnvelopeInvalid):
    """The manifest is not the one that was sealed: changed, or that of another envelope."""


class UnknownVersion(EnvelopeInvalid):
    """Another version of dogitops made the envelope."""


class KeyWrong(EnvelopeInvalid):
    """The key is not the one that the envelope was sealed with."""

    exit_code = 2


class EnvelopeExpired(DogitopsError):  # noqa: N818 - reads as what happened
    """The time in which the plan may be applied is over."""


class Manifest(BaseModel):
    """What an envelope's plan was made from and by whom; readable by everybody, so it holds no secret.

    ``tree`` is the Git tree of what was planned, ``configuration`` the digest of all files that went into the plan
    and ``plan_digest`` the digest of its canonical form. Outside of GitHub ``repository``, ``workflow`` and ``event``
    are empty, ``pull_request`` is None and ``run_id`` is 0. Times are in UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    repository: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100})?$")]
    pull_request: Annotated[int, Field(ge=1)] | None
    head_sha: Commit
    base_sha: Commit
    tree: Commit
    environment: EnvironmentName
    tofu_version: Word
    lock_digest: Digest | Annotated[str, StringConstraints(pattern="^$")]
    configuration: Digest
    lineage: Word
    serial: Annotated[int, Field(ge=0)]
    plan_digest: Digest
    created: AwareDatetime
    expires: AwareDatetime
    run_id: Annotated[int, Field(ge=0)] = 0
    run_attempt: Annotated[int, Field(ge=0)] = 0
    workflow: Word = ""
    event: Word = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.expires <= self.created:
            raise ValueError("an envelope expires after it was made")
        return self

    def canonical(self) -> bytes:
        """Return the one JSON form of this manifest: keys sorted, no spaces, UTF-8."""
        dumped = self.model_dump(mode="json")
        return json.dumps(dumped, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class Opened:
    """What was in an envelope: its manifest, now known to be true, and the files by their names."""

    manifest: Manifest
    files: Mapping[str, bytes]


def now() -> datetime:
    """Return the present time in UTC: the clock unless another is given."""
    return datetime.now(UTC)


def seal(manifest: Manifest, files: Mapping[str, bytes], key: Key) -> bytes:
    """Return an envelope with these files (relative names to contents), bound to the manifest.

    Raises DogitopsError for names that could not be opened again, and for more than fits.
    """
    payload = _packed(files)
    told = manifest.canonical()
    if len(told) > _LONGEST_MANIFEST or len(payload) > _LARGEST_PAYLOAD:
        raise DogitopsError(
            f"The plan of {manifest.environment} is too large for an envelope ({len(payload) >> 20} MiB).",
            hint="Keep large files out of the OpenTofu root, or split the environment.",
        )
    salt, nonce = os.urandom(SALT_SIZE), os.urandom(12)
    keys = key.derive(salt)
    sizes = (len(told), len(payload) + _GCM_TAG_SIZE)
    head = _HEAD.pack(MAGIC, VERSION, key.kind, key.work.log2_n, salt, nonce, keys.check, *sizes) + told
    head += hmac.digest(keys.manifest, head, sha256)
    return b"".join((head, AESGCM(keys.payload).encrypt(nonce, payload, head)))


def read_manifest(blob: bytes) -> Manifest:
    """Return the manifest of an envelope, or of its first :data:`LONGEST_HEAD` bytes. It is *not* authenticated.

    Good for finding an envelope; only :func:`unseal` says whether it is true.
    """
    return _parsed(blob).manifest


def unseal(blob: bytes, key: Key, *, clock: Callable[[], datetime] = now) -> Opened:
    """Open an envelope: every byte of it is as it was sealed, and it has not expired.

    Raises EnvelopeInvalid's kinds (truncated, tampered, manifest, version, key) and EnvelopeExpired.
    """
    parsed = _parsed(blob)
    if len(blob) != parsed.head_size + parsed.payload_size:
        raise EnvelopeTruncated(
            f"The envelope has {len(blob)} bytes instead of {parsed.head_size + parsed.payload_size}.",
            hint=f"Its transfer was cut short, or something was added to it. {_PLAN_AGAIN}",
        )
    if parsed.kind != key.kind:
        kinds = ("a 32-byte secret", "a passphrase")
        raise KeyWrong(
            f"The envelope was sealed with {kinds[parsed.kind]}, and the key given is {kinds[key.kind]}.",
            hint="Give the same secret to the plan and to the apply.",
        )
    keys = key.derive(parsed.salt, parsed.work)
    if not hmac.compare_digest(keys.check, parsed.check):
        raise KeyWrong(
            "The key does not open this envelope: it was sealed with another one.",
            hint="Give the same secret to the plan and to the apply. If it was changed in between, plan again.",
        )
    head = blob[: parsed.head_size]
    expected = hmac.digest(keys.manifest, head[:-_TAG_SIZE], sha256)
    if not hmac.compare_digest(expected, head[-_TAG_SIZE:]):
        raise ManifestTampered(
            "The envelope's manifest is not the one that it was sealed with.",
            hint=f"Somebody changed it, or took it from another envelope; find out who. {_PLAN_AGAIN}",
        )
    try:
        payload = AESGCM(keys.payload).decrypt(parsed.nonce, memoryview(blob)[parsed.head_size :], head)
    except InvalidTag:
        raise EnvelopeTampered(
            "The plan in the envelope is not the one that was sealed.",
            hint=f"Somebody changed it; find out who can write to where it was kept. {_PLAN_AGAIN}",
        ) from None
    _check_time(parsed.manifest, clock())
    return Opened(parsed.manifest, _unpacked(payload))


@dataclass(frozen=True)
class _Parsed:
    manifest: Manifest
    kind: int
    work: Work
    salt: bytes
    nonce: bytes
    check: bytes
    head_size: int
    payload_size: int


def _parsed(blob: bytes) -> _Parsed:
    if not blob or not MAGIC.startswith(blob[: len(MAGIC)]):
        _invalid("it does not begin like one")
    if len(blob) > len(MAGIC) and blob[len(MAGIC)] != VERSION:
        raise UnknownVersion(
            f"The envelope has format version {blob[len(MAGIC)]}, and this dogitops knows version {VERSION}.",
            hint=f"Use the same dogitops for plan and apply. {_PLAN_AGAIN}",
        )
    if len(blob) < _HEAD.size:
        _truncated(len(blob))
    _, _, kind, log2_n, salt, nonce, check, manifest_size, payload_size = _HEAD.unpack_from(blob)
    work = Work.checked(kind, log2_n) or _invalid(f"its key has the unknown kind {kind} with strength {log2_n}")
    if not 0 < manifest_size <= _LONGEST_MANIFEST or not _GCM_TAG_SIZE < payload_size <= _LARGEST_PAYLOAD:
        _invalid("its sizes can't be true")
    head_size = _HEAD.size + manifest_size + _TAG_SIZE
    if len(blob) < head_size:
        _truncated(len(blob))
    raw = blob[_HEAD.size : head_size - _TAG_SIZE]
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ManifestTampered(
            f"The envelope's manifest can't be read: {place + ': ' if place else ''}{first['msg']}.", hint=_PLAN_AGAIN
        ) from None
    if manifest.canonical() != raw:
        raise ManifestTampered("The envelope's manifest is not in its canonical form.", hint=_PLAN_AGAIN)
    return _Parsed(manifest, kind, work, salt, nonce, check, head_size, payload_size)


def _check_time(manifest: Manifest, at: datetime) -> None:
    if at >= manifest.expires:
        raise EnvelopeExpired(
            f"The plan of {manifest.environment} expired on {manifest.expires:%Y-%m-%d %H:%M} UTC.", hint=_PLAN_AGAIN
        )
    if at < manifest.created - _SKEW:
        raise EnvelopeInvalid(
            f"The plan of {manifest.environment} says that it was made in the future "
            f"({manifest.created:%Y-%m-%d %H:%M} UTC, and it is {at:%Y-%m-%d %H:%M}).",
            hint="Correct the clock of this machine, or of the one that planned.",
        )


def _packed(files: Mapping[str, bytes]) -> bytes:
    wrong = next((name for name in files if not safe_name(name)), None)
    if wrong is not None or len(files) > _MOST_FILES:
        raise DogitopsError(
            f"An envelope can't hold a file named {wrong!r}."
            if wrong is not None
            else f"{len(files)} files are too many.",
            hint="Files made while planning must lie in the OpenTofu root or a module, under ordinary names.",
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _unpacked(payload: bytes) -> dict[str, bytes]:
    """Return the files of a payload; what could reach outside of a folder is refused, whoever sealed it."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(payload), mode="r:") as archive:
            for member in archive:
                if not member.isreg() or member.issparse() or not safe_name(member.name) or member.name in files:
                    _invalid(f"it holds {member.name!r}, which is no ordinary file with a relative name of its own")
                if member.size > len(payload) or len(files) >= _MOST_FILES:
                    _invalid("it holds more than it can")
                content = archive.extractfile(member)
                files[member.name] = content.read() if content else b""
    except (tarfile.TarError, ValueError, OSError) as error:
        raise EnvelopeInvalid("The files in the envelope can't be read.", hint=_PLAN_AGAIN) from error
    return files


def safe_name(name: str) -> bool:
    """Whether ``name`` is a relative path in its plain form that stays below the folder that it is put in."""
    path = PurePosixPath(name)
    return (
        bool(name)
        and str(path) == name
        and not path.is_absolute()
        and ".." not in path.parts
        and name != "."
        and name.isprintable()
        and "\\" not in name
        and ":" not in path.parts[0]
    )


def _truncated(size: int) -> NoReturn:
    raise EnvelopeTruncated(
        f"The envelope ends after {size} bytes, before its plan begins.",
        hint=f"Its transfer was cut short. {_PLAN_AGAIN}",
    )


def _invalid(why: str) -> NoReturn:
    raise EnvelopeInvalid(f"This is not a plan envelope, or it was changed: {why}.", hint=_PLAN_AGAIN)
