"""Evidence as a report that a person reads: the verdict first, then what it rests on; and both forms on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from pathlib import Path
from typing import Final

from automation.recovery.evidence import Evidence, SigningKey, signed, write_atomically
from automation.report import elapsed

_BAR: Final = 24  # characters of the longest bar
_KIB: Final = 1024
_SHOWN: Final = 50  # differences in the report; the JSON has all


def write(folder: Path, evidence: Evidence, key: SigningKey) -> tuple[Path, Path]:
    """Write the signed report and its readable form into ``folder``; return both paths. Neither is ever half there."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"drill-{evidence.finished.astimezone(UTC):%Y%m%dT%H%M%SZ}-{evidence.run}"
    json_path, markdown_path = folder / f"{stem}.json", folder / f"{stem}.md"
    write_atomically(markdown_path, to_markdown(evidence, key.public).encode())
    write_atomically(json_path, signed(evidence, key).encode())
    return json_path, markdown_path


PUBLIC_KEY: Final = "public-key.txt"  # beside the evidence


def keep_public_key(folder: Path, public_key: str) -> None:
    """Write the public key (base64) that verifies the evidence in ``folder`` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / PUBLIC_KEY, f"{public_key}\n".encode())


def to_markdown(evidence: Evidence, public_key: str | None = None) -> str:
    """Return the report in Markdown; ``public_key`` is named as the one that signed the JSON."""
    parts = [
        _heading(evidence),
        _numbers(evidence),
        "## Phases\n\n" + _phases(evidence),
        "## What was verified\n\n" + _verified(evidence),
        _differences(evidence),
        "## What was not compared\n\n" + _list(evidence.not_compared) if evidence.not_compared else "",
        "## What this does not prove\n\n" + _list(evidence.limits) if evidence.limits else "",
        "## Versions\n\n" + _table(("tool", "version"), sorted(evidence.versions.items())) if evidence.versions else "",
        f"Signed with Ed25519; public key `{public_key}`." if public_key else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(evidence: Evidence) -> str:
    passed = evidence.verdict == "passed"
    mark = "✅ Passed" if passed else "❌ Failed"
    title = f"# {mark}: recovery drill of {_text(evidence.environment)}"
    when = f"{evidence.finished:%Y-%m-%d %H:%M} UTC"
    if passed:
        lost = "of what was compared, nothing was lost" if evidence.not_compared else "nothing was lost"
        return f"{title}\n\nThe cluster was destroyed and rebuilt on {when}; {lost}."
    return f"{title}\n\nOn {when} this went wrong:\n\n{_list(evidence.reasons)}"


def _numbers(evidence: Evidence) -> str:
    whole = (evidence.finished - evidence.started).total_seconds()
    rows = [
        ("Recovery time (RTO): from the wipe to verified data", _time(evidence.rto_seconds)),
        ("Recovery point (RPO): writes lost before the wipe", _time(evidence.rpo_seconds)),
        ("Whole drill", elapsed(whole)),
        ("Backup", f"`{_code(evidence.backup)}`"),
        ("Cluster provider", _text(evidence.provider)),
        ("Commit", f"`{_code(evidence.commit)}`"),
        ("Run", f"`{_code(evidence.run)}`"),
    ]
    return _table(("", ""), rows)


def _phases(evidence: Evidence) -> str:
    longest = max((phase.seconds for phase in evidence.phases), default=0) or 1
    rows = [
        (_text(phase.name), f"{phase.started:%H:%M:%S}", elapsed(phase.seconds), _bar(phase.seconds / longest))
        for phase in evidence.phases
    ]
    return _table(("phase", "began", "took", ""), rows)


def _verified(evidence: Evidence) -> str:
    rows: list[tuple[str, str, str]] = []
    if evidence.coverage:
        told = ", ".join(f"{_text(claim.pvc)} ({size(claim.bytes)})" for claim in evidence.coverage)
        rows.append(
            ("Backup's volumes", f"each bound claim has a complete backup of its files: {told}", _mark(good=True))
        )
    data = evidence.data
    if data is not None:
        how = f"{data.entries} entries and a file, {size(data.bytes)}, by SHA-256"
        bad = [f"{count} {word}" for count, word in _counts(data.missing, data.changed, data.extra) if count]
        bad += [] if data.file == "intact" else [f"the file is {data.file}"]
        rows.append(("Data", "; ".join([how, *bad]), _mark(good=data.whole)))
    objects = evidence.objects
    if objects is not None:
        how = f"{objects.compared} objects, field by field after normalising; Secrets by keyed digest"
        bad = [
            f"{count} {word}" for count, word in _counts(objects.missing, objects.changed, objects.unexpected) if count
        ]
        rows.append(("Objects", "; ".join([how, *bad]), _mark(good=objects.whole)))
    return _table(("what", "how", ""), rows) if rows else "Nothing: the drill did not get so far."


def _counts(missing: int, changed: int, unexpected: int) -> tuple[tuple[int, str], ...]:
    return (missing, "missing"), (changed, "changed"), (unexpected, "unexpected")


def _differences(evidence: Evidence) -> str:
    if evidence.objects is None or not evidence.objects.differences:
        return ""
    found = evidence.objects.differences
    rows = [
        (
            one.kind,
            f"`{_code(one.object)}`",
            *(f"`{_code(part)}`" if part else "" for part in (one.path, one.before, one.after)),
        )
        for one in found[:_SHOWN]
    ]
    more = f"\n\n… and {len(found) - _SHOWN} more, in the JSON." if len(found) > _SHOWN else ""
    return "## Differences\n\n" + _table(("", "object", "path", "before", "after"), rows) + more


def size(count: int) -> str:
    """Return a number of bytes as a person reads it."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < _KIB:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= _KIB
    return f"{amount:.1f} GiB"


def _time(seconds: float | None) -> str:
    return "not measured" if seconds is None else f"**{elapsed(seconds)}**"


def _bar(share: float) -> str:
    return "█" * max(1, round(share * _BAR))


def _mark(*, good: bool) -> str:
    return "✅" if good else "❌"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {_text(item)}" for item in items)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(text: str) -> str:
    """Return text that Markdown and HTML leave as it is, on one line."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    for mark in "\\`*_|[]":
        plain = plain.replace(mark, f"\\{mark}")
    return plain


def _code(text: str) -> str:
    """Return text that may stand in a code span in a table."""
    return " ".join(text.split()).replace("`", "'").replace("|", "\\|")
