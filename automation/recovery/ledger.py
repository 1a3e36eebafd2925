"""Known data in the sample application, and the proof that it came back: entries in Redis and a file beside them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from automation.errors import ConfigurationError, DogitopsError
from automation.kube import Kube
from automation.recovery.velero_objects import checked_name

Loss = Literal["entry", "value", "file"]

_PREFIX: Final = "drill:"
_FILE_BYTES: Final = 32 * 1024 * 1024
_BATCH: Final = 200  # entries in one command; each command is one write to disk
_SMALLEST, _SPREAD = 16, 240  # bytes of a value before it is encoded
_MARK: Final = "== file =="
_ABSENT: Final = "absent"


@dataclass(frozen=True)
class Store:
    """Where the sample application's Redis runs, and the folder of its volume."""

    namespace: str = "ledger"
    pod: str = "redis-0"
    container: str = "redis"
    folder: str = "/data"

    def shell(self, kube: Kube, script: str, *words: str, stdin: bytes | None = None, timeout: float = 120) -> str:
        """Run a shell script in the container, where Redis's password is set; ``words`` are its ``$1``, ``$2``, …."""
        argv = ["sh", "-euc", script, "sh", *words]
        return kube.execute(self.namespace, self.pod, argv, container=self.container, stdin=stdin, timeout=timeout)


@dataclass(frozen=True)
class Ledger:
    """What was written: the SHA-256 of each entry's value, and of the file with its size in bytes."""

    run: str
    entries: dict[str, str]
    file: str
    file_sha256: str
    file_bytes: int
    store: Store

    def to_json(self) -> str:
        """Return the ledger as JSON; it holds no values, only their checksums."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Ledger:
        """Return the ledger that ``to_json`` wrote; raise ConfigurationError for anything else."""
        try:
            read = json.loads(text)
            return cls(**{**read, "store": Store(**read["store"])})
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"This is no ledger: {error}.", hint="Run the drill anew.") from error


@dataclass(frozen=True)
class LedgerReport:
    """How a ledger's data was found again; ``bytes`` counts the values and the file that were read and agreed."""

    expected: int
    verified: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    extra: int
    file: Literal["intact", "missing", "changed"]
    bytes: int

    @property
    def intact(self) -> bool:
        """Whether every entry and the file are as they were written, and nothing was added."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is wrong, in words; nothing where all is well."""
        told = [f"{len(keys)} of {self.expected} entries {what} ({_some(keys)})" for keys, what in self._bad if keys]
        told += [f"{self.extra} entries that were never written"] if self.extra else []
        told += [f"the file is {self.file}"] if self.file != "intact" else []
        return tuple(told)

    @property
    def _bad(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        return (self.missing, "missing"), (self.changed, "changed")


def write(
    kube: Kube,
    run: str,
    *,
    entries: int = 1000,
    file_bytes: int = _FILE_BYTES,
    store: Store | None = None,
) -> Ledger:
    """Write ``entries`` values and a file of ``file_bytes`` random bytes, and return what was written.

    What earlier drills left is removed first, so that it does not fill the volume. Writing again under the same
    ``run`` replaces everything.
    """
    store = store or Store()
    checked_name(run, "run")
    values = {f"{_PREFIX}{run}:{number:06d}": value_of(run, number) for number in range(entries)}
    commands = [_forget_command(), *_mset_commands(values)]
    path = f"{store.folder}/drill-{run}.bin"
    script = (
        'redis-cli --pipe >/dev/null; rm -f "$1"/drill-*; '
        'head -c "$3" /dev/urandom >"$2.part"; sync "$2.part"; mv "$2.part" "$2"; '
        'sha256sum <"$2"'
    )
    told = store.shell(kube, script, store.folder, path, str(file_bytes), stdin=_pipe(commands), timeout=300)
    digest = told.split()[0] if told.split() else ""
    if len(digest) != 64:  # noqa: PLR2004 - a SHA-256
        raise DogitopsError(f"The checksum of {path} could not be read: {told.strip()!r}.")
    sums = {key: hashlib.sha256(value.encode()).hexdigest() for key, value in values.items()}
    return Ledger(run, sums, path, digest, file_bytes, store)


def verify(kube: Kube, ledger: Ledger) -> LedgerReport:
    """Read everything that the ledger names back, compare it by checksum, and count what does not belong."""
    keys = sorted(ledger.entries)
    batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
    # The answers come one a line, an empty line for a key that does not exist (no value is empty).
    lines = [f"KEYS {_PREFIX}{ledger.run}:*", *(f"MGET {' '.join(batch)}" for batch in batches)]
    stdin = "\n".join(["ECHO keys", lines[0], "ECHO values", *lines[1:], ""]).encode()
    script = 'redis-cli; echo "$1"; if [ -f "$2" ]; then sha256sum <"$2"; wc -c <"$2"; else echo absent; fi'
    told = ledger.store.shell(kube, script, _MARK, ledger.file, stdin=stdin, timeout=300)
    found, values, file = _sections(told, len(keys))
    missing, changed, size = [], [], 0
    for key, value in zip(keys, values, strict=True):
        if not value:
            missing.append(key)
        elif hashlib.sha256(value.encode()).hexdigest() != ledger.entries[key]:
            changed.append(key)
        else:
            size += len(value)
    state: Literal["intact", "missing", "changed"] = "changed"
    if file[0] == _ABSENT:
        state = "missing"
    elif file[0].split()[0] == ledger.file_sha256 and int(file[1]) == ledger.file_bytes:
        state = "intact"
        size += ledger.file_bytes
    verified = len(keys) - len(missing) - len(changed)
    extra = len({key for key in found if key} - set(keys))
    return LedgerReport(len(keys), verified, tuple(missing), tuple(changed), extra, state, size)


def plant_loss(kube: Kube, ledger: Ledger, what: Loss) -> str:
    """Lose something on purpose, to see that ``verify`` notices; return what was done."""
    key = sorted(ledger.entries)[len(ledger.entries) // 2] if ledger.entries else ""
    if what == "file" or not key:
        script = 'printf corrupted | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; sync "$1"'
        ledger.store.shell(kube, script, ledger.file, str(ledger.file_bytes // 2))
        return f"9 bytes of {ledger.file} overwritten"
    command = ("DEL", key) if what == "entry" else ("APPEND", key, "x")
    ledger.store.shell(kube, "redis-cli --pipe >/dev/null", stdin=_pipe([command]))
    return f"{key} {'deleted' if what == 'entry' else 'changed'}"


def forget(kube: Kube, store: Store | None = None) -> None:
    """Remove what drills wrote, to give the volume its room back."""
    store = store or Store()
    script = 'redis-cli --pipe >/dev/null; rm -f "$1"/drill-*'
    store.shell(kube, script, store.folder, stdin=_pipe([_forget_command()]))


def value_of(run: str, number: int) -> str:
    """Return the value of an entry: text of 24 to 340 characters that depends on ``run`` and ``number`` alone."""
    seed = hashlib.sha256(f"{run}:{number}".encode()).digest()
    size = _SMALLEST + int.from_bytes(seed[:2], "big") % _SPREAD
    return base64.b64encode(hashlib.shake_256(seed).digest(size)).decode()


def _mset_commands(values: dict[str, str]) -> Iterable[Sequence[str]]:
    pairs = list(values.items())
    for start in range(0, len(pairs), _BATCH):
        yield ("MSET", *(word for pair in pairs[start : start + _BATCH] for word in pair))


def _forget_command() -> Sequence[str]:
    script = f"for _, key in ipairs(redis.call('KEYS', '{_PREFIX}*')) do redis.call('UNLINK', key) end"
    return ("EVAL", script, "0")


def _pipe(commands: Iterable[Sequence[str]]) -> bytes:
    """Return commands in Redis's protocol, as ``redis-cli --pipe`` reads them."""
    parts: list[bytes] = []
    for command in commands:
        parts.append(b"*%d\r\n" % len(command))
        for word in command:
            raw = word.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(raw), raw))
    return b"".join(parts)


def _sections(told: str, expected: int) -> tuple[list[str], list[str], list[str]]:
    """Return the keys that were found, the values in order, and what was told of the file."""
    lines = told.split("\n")
    try:
        first, second, third = lines.index("keys"), lines.index("values"), lines.index(_MARK)
        found, values, file = lines[first + 1 : second], lines[second + 1 : third], lines[third + 1 :]
    except ValueError:
        values = []
        found, file = [], []
    if len(values) != expected or not file:
        raise DogitopsError(
            f"Redis did not answer as expected: {told.strip()[:300]!r}.",
            hint="Check that the pod is ready and has loaded its data.",
        )
    return found, values, file


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys[:3]) + (", …" if len(keys) > 3 else "")  # noqa: PLR2004 - three are enough
