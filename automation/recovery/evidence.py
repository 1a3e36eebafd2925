"""The signed report of a drill: what was done, how long it took, what was verified, and what it does not prove.

The file holds the report, the public key and an Ed25519 signature of the report in canonical JSON. Who has the
public key from elsewhere can tell that nobody changed the file; without it, only that nobody changed it by mistake.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    ValidationError,
    model_validator,
)

from automation.errors import ConfigurationError, VerificationFailed
from automation.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_ALGORITHM: Final = "ed25519"
_PRIVATE: Final = 0o600


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Phase(_Value):
    """A phase of the drill: when it began, and how long it took."""

    name: str
    started: AwareDatetime
    seconds: NonNegativeFloat


class Data(_Value):
    """How the known data was found again; ``bytes`` were read back and agreed."""

    entries: NonNegativeInt
    bytes: NonNegativeInt
    missing: NonNegativeInt = 0
    changed: NonNegativeInt = 0
    extra: NonNegativeInt = 0
    file: Literal["intact", "missing", "changed"] = "intact"

    @property
    def whole(self) -> bool:
        """Whether nothing was lost."""
        return not (self.missing or self.changed or self.extra) and self.file == "intact"


class ObjectDifference(_Value):
    """A difference between the objects before and after; values of Secrets are never in it."""

    kind: Literal["missing", "unexpected", "changed"]
    object: str
    path: str = ""
    before: str = ""
    after: str = ""


class Objects(_Value):
    """How the objects were found again, and every difference."""

    compared: NonNegativeInt
    missing: NonNegativeInt = 0
    unexpected: NonNegativeInt = 0
    changed: NonNegativeInt = 0
    differences: tuple[ObjectDifference, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every object came back as it was."""
        return not (self.missing or self.unexpected or self.changed or self.differences)


class CoveredClaim(_Value):
    """A claim whose files the backup holds, and their bytes."""

    pvc: str
    bytes: NonNegativeInt


class Evidence(_Value):
    """The report of one drill; times are UTC, lengths of time are in seconds.

    ``rto_seconds`` is from the wipe to verified data, ``rpo_seconds`` from the newest restored write to the wipe;
    both are None where the drill did not get so far. ``not_compared`` says what could not be compared, and why: a
    drill with a backup without a record of its data can pass without.
    """

    schema_version: Literal[1] = 1
    environment: str
    provider: str
    run: str
    commit: str
    backup: str
    started: AwareDatetime
    finished: AwareDatetime
    phases: tuple[Phase, ...]
    rto_seconds: NonNegativeFloat | None
    rpo_seconds: NonNegativeFloat | None
    data: Data | None
    objects: Objects | None
    coverage: tuple[CoveredClaim, ...]
    versions: dict[str, str]
    verdict: Literal["passed", "failed"]
    reasons: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        """Refuse a report whose verdict its own numbers contradict."""
        if self.finished < self.started:
            raise ValueError("it finished before it started")
        if self.verdict == "failed" and not self.reasons:
            raise ValueError("a failed drill needs reasons")
        if self.verdict == "passed":
            if self.reasons:
                raise ValueError("a passed drill has no reasons to fail")
            if self.rto_seconds is None or self.rpo_seconds is None:
                raise ValueError("a passed drill has measured RTO and RPO")
            if (self.data is None or self.objects is None) and not self.not_compared:
                raise ValueError("a passed drill has verified data and objects, or says why it has not")
            compared = [one.whole for one in (self.data, self.objects) if one is not None]
            if not (all(compared) and self.coverage):
                raise ValueError("a passed drill has lost nothing, and its backup covers at least one claim")
        return self


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key that signs evidence; ``public`` (base64) is what others verify with."""

    private: Ed25519PrivateKey

    @classmethod
    def kept_in(cls, path: Path) -> SigningKey:
        """Return the key kept in ``path`` (mode 0600), making it first where there is none."""
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - heavy
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            pem = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            write_atomically(path, pem, mode=_PRIVATE, replace=False)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigurationError(
                f"{path} holds no signing key: {error}.", hint="Restore it, or remove it."
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigurationError(f"{path} holds a key of another kind than Ed25519.", hint="Remove it.")
        return cls(key)

    @classmethod
    def from_secret(cls, secret: Secret) -> SigningKey:
        """Return the key that belongs to a secret, the same for the same secret."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        seed = hashlib.sha256(secret.reveal().encode()).digest()
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public(self) -> str:
        """The public key, base64."""
        return base64.b64encode(self.private.public_key().public_bytes_raw()).decode()

    def sign(self, message: bytes) -> str:
        """Return the signature of ``message``, base64."""
        return base64.b64encode(self.private.sign(message)).decode()


def signed(evidence: Evidence, key: SigningKey) -> str:
    """Return the report with its signature, as the JSON that :func:`read` verifies."""
    report = evidence.model_dump(mode="json")
    signature = {"algorithm": _ALGORITHM, "public_key": key.public, "value": key.sign(_canonical(report))}
    return json.dumps({"evidence": report, "signature": signature}, indent=2, ensure_ascii=False)


def read(path: Path, public_key: str | None = None) -> Evidence:
    """Return the report in ``path`` once its signature is verified; with ``public_key`` (base64), by that key alone.

    Raises VerificationFailed for a file that was changed, is not signed by that key, or is no evidence.
    """
    try:
        report, message, signer, signature, raw_key = _opened(path.read_text())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise VerificationFailed(f"{path} is no evidence: {error}.", hint="Run the drill again.") from error
    if public_key is not None and signer != public_key:
        raise VerificationFailed(f"{path} was signed by another key.", hint="Only trust evidence of your own drills.")
    if not _is_signed(message, signature, raw_key):
        raise VerificationFailed(f"{path} was changed after it was signed.", hint="Run the drill again.")
    try:
        return Evidence.model_validate_json(json.dumps(report))
    except ValidationError as error:
        first = error.errors()[0]
        told = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".lstrip(": ")
        raise VerificationFailed(f"{path} is no evidence that this version knows: {told}.") from error


def newest(folder: Path) -> Path | None:
    """Return the newest evidence in ``folder``, or None."""
    return max(folder.glob("drill-*.json"), default=None, key=lambda path: path.name)


def _opened(text: str) -> tuple[dict[str, Any], bytes, str, bytes, bytes]:
    """Return the report, what was signed, the public key as written, the signature and the key."""
    signed = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)
    report, signature = signed["evidence"], signed["signature"]
    if set(signed) != {"evidence", "signature"} or signature["algorithm"] != _ALGORITHM:
        raise ValueError("it is in another form")
    signer = str(signature["public_key"])
    value, raw_key = (base64.b64decode(part, validate=True) for part in (signature["value"], signer))
    return report, _canonical(report), signer, value, raw_key


def _is_signed(message: bytes, signature: bytes, raw_key: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(raw_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _canonical(report: Any) -> bytes:
    return json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse objects that name a key twice: readers would disagree about them."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in it")
    return found


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def write_atomically(path: Path, content: bytes, *, mode: int = 0o644, replace: bool = True) -> None:
    """Write a file so that it is whole or absent; without ``replace``, one that exists stays."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(mode)
        if replace:
            part.replace(path)
        else:
            try:
                path.hardlink_to(part)
            except FileExistsError:  # another process was first
                return
    finally:
        part.unlink(missing_ok=True)
