"""The documentation says what is so: its commands parse, its table of commands is whole, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import pytest
import typer
import yaml

from automation import errors
from automation.cli import app
from automation.recovery import evidence, evidence_report

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "gitops/*.md", "opentofu/*/*.md", "benchmarks/*.md")
    for page in ROOT.glob(pattern)
)
README = ROOT / "README.md"
SETUP = ROOT / "docs" / "setup.md"
RESTORE = ROOT / "docs" / "restore.md"
WIDTH = 120

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"(?<![\w/.-])(?:scripts/)?dogitops((?: [^|&;<>()\n]*)?)")
_NOT_COMMANDS = {"text", "yaml", "json", "python", "mermaid", "toml"}  # blocks in these languages


@dataclass(frozen=True)
class Mention:
    """A dogitops command line in a page."""

    page: Path
    line: str
    in_prose: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}{' (prose)' if self.in_prose else ''}: {self.line}"


def mentions(page: Path) -> Iterator[Mention]:
    """Yield every command line in a page's blocks, and in its inline code where that starts with the command."""
    text = page.read_text()
    for language, block in _FENCE.findall(text):
        if language not in _NOT_COMMANDS:
            for line in block.splitlines():
                for found in _COMMAND.finditer(line.partition(" # ")[0]):
                    yield Mention(page, found.group(0).strip(), in_prose=False)
    for code in _INLINE.findall(_FENCE.sub("", text)):
        if re.match(r"(scripts/)?dogitops ", code):
            yield Mention(page, code, in_prose=True)


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that ``words`` name, and the words that are left for it."""
    command, rest = typer.main.get_command(app), list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        assert name in command.commands, f"there is no command {name!r} among {sorted(command.commands)}"
        command = command.commands[name]
    return command, rest


def check(line: str, *, in_prose: bool = False) -> None:
    """Parse a command line as the program would, without running it; prose may name a command by itself."""
    words = shlex.split(line)[1:]
    command, rest = command_of(words)
    if not rest and (in_prose or hasattr(command, "commands")):
        return
    if set(rest) & {"--help", "-h", "--version"}:
        return
    command.make_context(command.name, rest)


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every command that is shown in help, with the first line of its help."""
    for name, inner in command.commands.items():
        if inner.hidden:
            continue
        if hasattr(inner, "commands"):
            yield from leaves(inner, (*path, name))
        else:
            yield (*path, name), (inner.help or "").splitlines()[0]


def table_of_commands() -> str:
    """Return the table that stands in the README."""
    rows = [f"| `{' '.join(path)}` | {said} |" for path, said in leaves(typer.main.get_command(app))]
    return "\n".join(["| command | what it does |", "| --- | --- |", *rows])


ALL_MENTIONS = list(dict.fromkeys(mention for page in PAGES for mention in mentions(page)))


def test_there_are_commands_to_check() -> None:
    assert {mention.page.name for mention in ALL_MENTIONS} >= {"README.md", "setup.md", "restore.md", "scaling.md"}
    assert len(ALL_MENTIONS) > 30


@pytest.mark.parametrize("mention", ALL_MENTIONS, ids=str)
def test_every_command_in_the_pages_parses(mention: Mention) -> None:
    check(mention.line, in_prose=mention.in_prose)


@pytest.mark.parametrize(
    "line",
    ["dogitops plann local", "dogitops drill local --no-such-option", "dogitops apply", "dogitops cluster make local"],
)
def test_the_check_finds_what_is_wrong(line: str) -> None:
    with pytest.raises(Exception, match=r"(?i)no command|no such|missing"):
        check(line)


def test_the_table_of_commands_is_what_the_program_has() -> None:
    found = re.search(r"<!-- commands -->\n(.*?)\n?<!-- /commands -->", README.read_text(), re.DOTALL)
    assert found is not None
    assert found[1].strip() == table_of_commands(), f"the table must be:\n\n{table_of_commands()}\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"<!--.*?-->", "", _FENCE.sub("", page.read_text()), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        place, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (page.parent / place).resolve() if place else page
        assert file.exists(), f"{page.name} links to {target}, which does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_are_short(page: Path) -> None:
    prose = [line for line in _FENCE.sub("", page.read_text()).splitlines() if not line.lstrip().startswith("|")]
    assert not [line for line in prose if len(line) > WIDTH]


def test_every_variable_of_ours_is_explained() -> None:
    sources = [*ROOT.glob("automation/**/*.py"), *ROOT.glob("scripts/*")]
    used = {name for file in sources for name in re.findall(r"\bDOGITOPS_[A-Z_]+\b", file.read_text())}
    explained = set(re.findall(r"\bDOGITOPS_[A-Z_]+\b", SETUP.read_text()))
    tests = {
        name for file in ROOT.glob("tests/**/*.py") for name in re.findall(r"\bDOGITOPS_[A-Z_]+\b", file.read_text())
    }
    assert used <= explained <= used | tests


def test_the_ports_are_those_of_the_environment() -> None:
    told = yaml.safe_load((ROOT / "opentofu/environments/local/environment.yaml").read_text())
    ports = {str(told[part]["port"]) for part in ("objectstore", "gitops", "images")}
    assert ports == set(re.findall(r"\b74\d\d\b", SETUP.read_text()))


def test_the_exit_codes_are_those_of_the_errors() -> None:
    codes = {0, *(kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and _is_error(kind))}
    rows = re.findall(r"^\| (\d+) \|", RESTORE.read_text(), re.MULTILINE)
    assert {int(row) for row in rows} == codes
    line = re.search(r"^Exit codes: (.*?)\n\n", README.read_text(), re.MULTILINE | re.DOTALL)
    assert line is not None
    assert {int(code) for code in re.findall(r"\b\d+\b", line[1])} == codes


def _is_error(kind: type) -> TypeGuard[type[errors.DogitopsError]]:
    return issubclass(kind, errors.DogitopsError)


def test_the_recipe_for_checking_a_signature_works(tmp_path: Path) -> None:
    recipe = next(block for language, block in _FENCE.findall(RESTORE.read_text()) if language == "python")
    key = evidence.SigningKey.kept_in(tmp_path / "evidence.pem")
    report = evidence.Evidence.model_validate(
        {
            "environment": "local", "provider": "kind", "run": "r", "commit": "c" * 40, "backup": "b",
            "started": 0, "finished": 60, "phases": [], "rto_seconds": None, "rpo_seconds": None, "data": None,
            "objects": None, "coverage": [], "versions": {}, "verdict": "failed", "reasons": ["ünïcode ✗"],
        }
    )  # fmt: skip
    file, _ = evidence_report.write(tmp_path, report, key)
    code = compile(
        recipe.replace('"EVIDENCE.json"', repr(str(file))).replace('"PUBLIC KEY"', repr(key.public)), "doc", "exec"
    )
    exec(code, {})  # noqa: S102 - it is our own page
    file.write_text(file.read_text().replace('"failed"', '"passed"'))
    with pytest.raises(Exception):  # noqa: B017, PT011 - InvalidSignature, whose module the page chooses
        exec(code, {})  # noqa: S102
