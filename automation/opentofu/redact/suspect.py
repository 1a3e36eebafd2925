"""What looks like a secret though nothing marks it: names, well-known token formats, and randomness.

Tuned on both sides: what these rules miss shows up in a comment, and what they blank without need makes a plan
unreadable. Ids, UUIDs, digests, ARNs, image references, URLs and address ranges stay.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

SHORTEST: Final = 8  # characters of a text that is worth a look

# Names, without separators and in lower case, that hide what stands under them.
_HIDING_PARTS = re.compile(
    "password|passwd|passphrase|privatekey|secretkey|accesskey|apikey|authtoken|accesstoken|refreshtoken|bearertoken"
    "|clientsecret|clientkey|connectionstring|kubeconfig|rawconfig|userdata|cloudinit|dockerconfigjson|htpasswd"
    "|encryptionkey|signingkey|sharedkey|accountkey|masterkey|presharedkey|jwtkey|sslkey|tlskey|licensekey|webhookurl"
    "|clientkeydata|recoverycode|privkey|servicekey|storagekey|hmackey|sessionkey|deploykey"
)
_HIDING_WORDS = frozenset(
    """
    auth authorization cookie credential credentials creds dsn jwt mnemonic otp pass psk pw pwd secret secrets token
    tokens totp
    """.split()  # noqa: SIM905 - words are read as words
)
# Last words that say that the value is about a secret, and not the secret; and first words of a switch or a limit.
_ABOUT = frozenset(
    """
    age alg algorithm allowed arn at after audience authentication before class classname count created date days dir
    disabled enabled endpoint endpoints expiration expired expires expiry file filename files fingerprint format
    generation hash hours id ids issuer keys kind length lifetime location max maximum method min minimum minutes
    mode mount name names namespace optional owner path paths period policy prefix provider ref reference refs region
    required reset revision role roles rotation rules scope scopes seconds selector sha256 size state status store
    suffix time timestamp ttl type until updated uri url used user username validation version versions zone
    """.split()  # noqa: SIM905 - words are read as words
)
_SWITCHES = frozenset(
    """
    allow disable enable force has is limit max min no num number require requires total use
    """.split()  # noqa: SIM905 - words are read as words
)
_DIGEST = re.compile("hash|sha1|sha256|sha384|sha512|md5|checksum|digest|fingerprint|etag|thumbprint|publickey|cacert")
_CAMEL = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[0-9]+")

_PEM_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,60})-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{1,60}-----")
_PUBLIC_TEXT = re.compile(
    r"\b(?:ssh-[a-z0-9-]{3,12}|ecdsa-sha2-[a-z0-9-]{3,20}|sk-[a-z0-9@.-]{5,40}) [A-Za-z0-9+/]{20,}={0,3}"
    r"|\b(?:sha(?:1|256|384|512)[-:]|SHA256:|h1:|zh:|MD5:|md5:)[A-Za-z0-9+/=_-]{16,}"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
)
_URL_CREDENTIALS = re.compile(
    r"://[^\s/?#:@\"'<>\\]{0,256}:(?P<a>[^\s/?#\"'<>\\]{1,512})@"
    r"|\b(?:postgres|postgresql|mysql|mariadb|mongodb|mongodb\+srv|rediss?|amqps?|mssql|sqlserver|clickhouse|valkeys?)"
    r"://[^\s:@\"'<>\\]{0,256}:(?P<b>[^\s\"'<>\\]{1,512})@"
    r"|://(?P<c>[^\s/?#:@\"'<>\\]{16,512})@"
)
_AUTHORIZATION = re.compile(
    r"authorization\\*[\"']?\s{0,3}[:=]\s{0,3}\\*[\"']?(?:(?:basic|bearer|token|digest|apikey|negotiate)\s{1,3})?"
    r"(?P<a>[^\s\"',;\\]{4,4096})"
    r"|\b(?:bearer|basic)\s{1,3}(?P<b>(?=[A-Za-z._~+/-]{0,4000}[0-9=])[A-Za-z0-9._~+/-]{8,4096}=*)",
    re.IGNORECASE,
)
_LONG_RUN = re.compile(r"[A-Za-z0-9_.$/+=-]{16,}")
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"do[oprt]t?_v1_[a-f0-9]{16,}|DO(?:00|80)[A-Z0-9]{16}|AVNS_[A-Za-z0-9_-]{10,}"
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|gl(?:pat|dt|rt|rtr|soat|oas|agent|cbt|imt|ft|ffct|ptt)-[A-Za-z0-9_.-]{16,}"
    r"|(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|AIPA|ANPA)[A-Z0-9]{16}"
    r"|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}"
    r"|xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"
    r"|(?:sk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{20,}|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}"
    r"|GOCSPX-[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{20,}|dckr_pat_[A-Za-z0-9_-]{20,}"
    r"|hv[sbr]\.[A-Za-z0-9_-]{20,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{20,}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{40,}|tskey-[A-Za-z0-9-]{16,}|shp(?:at|ca|pa|ss)_[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{30,}"
    r"|dapi[0-9a-f]{32}|gl(?:c|sa)_[A-Za-z0-9_=+/]{20,}|dp\.(?:pt|st|ct)\.[A-Za-z0-9.]{20,}|sntrys_[A-Za-z0-9_=+/-]{20,}"
    r"|rubygems_[a-f0-9]{32,}|figd_[A-Za-z0-9_-]{20,}|PMAK-[A-Za-z0-9-]{20,}|NRAK-[A-Z0-9]{20,}|xkeysib-[A-Za-z0-9-]{20,}"
    r"|services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{16,}|key-[0-9a-f]{32}|lin_api_[A-Za-z0-9]{20,}"
    r")|\$(?:2[abxy]|[156]|argon2id?|y)\$[A-Za-z0-9./$=,+-]{16,}"
)
_ASSIGNED = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]++)\\*[\"']?(?P<sep>\s{0,3}(?:=>|:=|=|:)\s{0,3})"
    r"(?P<value>\\*\"[^\"\n]*\"?|'[^'\n]*'?|\|[-+]?\n(?:[ \t]+[^\n]*\n?)+|[^\s,;&\"'\\][^\s,;&\"'\\]*)"
)
_FLAG = re.compile(r"--(?P<name>[A-Za-z][\w-]{1,60})[ =]\s{0,3}(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'-][^\s\"']*)")
_REFERENCE = re.compile(
    r"\$\{.*|\$\(?[A-Z_a-z]+\)?|\{\{.*|<[^>]*>|\*+|true|false|null|none|\(sensitive.*|\[\]|\{\}", re.IGNORECASE
)
_KUBERNETES_SECRET = re.compile(r"^\s*\\*[\"']?kind\\*[\"']?:\s*\\*[\"']?Secret\\*[\"']?\s*,?$", re.MULTILINE)
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|([nrt\"'/\\]))")
_PERCENT = re.compile(r"[^\s\"'<>]*%[0-9A-Fa-f]{2}[^\s\"'<>]*")
_HEX = re.compile("[0-9a-fA-F]+")
_SEGMENT = re.compile("[A-Za-z0-9]+")
_CHUNK = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")

Span = tuple[int, int]
_PLAIN_TEXT = 0.9  # of decoded characters are printable in what is text and not chance


@lru_cache(maxsize=8192)
def name_hides(name: str) -> bool:
    """Whether a value that stands under ``name`` is taken for a secret."""
    words = [word.lower() for word in _CAMEL.findall(name[:200])]
    if not words:
        return False
    flat = "".join(words)
    about = words[-1] in _ABOUT and not flat.endswith(("secretid", "secretkeys", "apikeys", "cookie"))
    if about or words[0] in _SWITCHES or "public" in words or flat.endswith(("pullsecret", "pullsecrets")):
        return False
    return not _HIDING_WORDS.isdisjoint(words) or bool(_HIDING_PARTS.search(flat))


@lru_cache(maxsize=8192)
def name_is_digest(name: str) -> bool:
    """Whether what stands under ``name`` is random and public: a checksum, a fingerprint, a public key."""
    return bool(_DIGEST.search(name[:200].lower().replace("_", "").replace("-", "")))


def spans(text: str, dirty: Callable[[str], bool], *, digest: bool = False) -> Iterator[Span]:
    """Yield start and end of what looks like a secret in ``text``; ``dirty`` judges what is decoded from it.

    ``digest`` says that randomness is to be expected here.
    """
    if "://" in text and "@" in text:
        yield from _groups(_URL_CREDENTIALS, text, "abc")
    if "=" in text or ":" in text or "--" in text:
        yield from _assigned(text)
    if "----" in text:
        yield from (span for span, private in _pem_blocks(text) if private)
    if len(text) >= _LEAST_AUTHORIZATION and _AUTHORIZATION.search(text):
        yield from _groups(_AUTHORIZATION, text, "ab")
    if _LONG_RUN.search(text):
        yield from _runs(text, dirty, digest)
    if "%" in text or "\\" in text:
        yield from _escaped(text, dirty)


def _escaped(text: str, dirty: Callable[[str], bool]) -> Iterator[Span]:
    for match in _PERCENT.finditer(text):
        plain = unquote(match[0])
        if plain != match[0] and dirty(plain):
            yield match.span()
    plain = _ESCAPE.sub(_unescaped, text)
    if plain != text and dirty(plain):
        yield 0, len(text)


_LEAST_AUTHORIZATION = len("bearer ") + 8


def _groups(pattern: re.Pattern[str], text: str, groups: str) -> Iterator[Span]:
    for match in pattern.finditer(text):
        for group in groups:
            if match[group] is not None and not match[group].startswith("(sensitive"):
                yield match.span(group)


def _assigned(text: str) -> Iterator[Span]:
    """Yield the values of assignments (YAML, .env, query strings, flags) to names that hide."""
    if "Secret" in text and _KUBERNETES_SECRET.search(text):
        yield 0, len(text)
        return
    for match in _ASSIGNED.finditer(text):
        if not name_hides(match["name"]):
            continue
        start, end = match.span("value")
        if ":" in match["sep"]:
            if (
                match["value"].isalpha()
                and text[end : end + 2].strip().isalpha()
                and not _begins_line(text, match.start())
            ):
                continue  # a sentence such as "the token: must be set"
            end = _end_of_yaml_value(text, start, end)
        if not _REFERENCE.fullmatch(text[start:end].strip("\\\"' ")):
            yield start, end
    if "--" in text:
        for match in _FLAG.finditer(text):
            if name_hides(match["name"]) and not _REFERENCE.fullmatch(match["value"].strip("\"'")):
                yield match.span("value")


def _begins_line(text: str, position: int) -> bool:
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return not line.strip(" \t-\\\"'")


def _end_of_yaml_value(text: str, start: int, end: int) -> int:
    """Return where an unquoted YAML value ends: it has spaces in it, and ends with its line."""
    if text[start] in "\"'\\|{[" or text[end : end + 1] != " ":
        return end
    stop = text.find("\n", end)
    return len(text) if stop < 0 else stop


def _runs(text: str, dirty: Callable[[str], bool], digest: bool) -> Iterator[Span]:
    yield from (match.span() for match in _TOKEN.finditer(text))
    public = [match.span() for match in _PUBLIC_TEXT.finditer(text)]
    if "----" in text:
        public = sorted(public + [span for span, private in _pem_blocks(text) if not private])
    starts = [start for start, _ in public]
    for match in _BASE64_RUN.finditer(text):
        start, end = match.span()
        place = bisect_right(starts, start) - 1
        if place >= 0 and end <= public[place][1]:
            continue
        decoded = _decoded(match[0])
        if decoded is not None:
            if dirty(decoded):
                yield start, end
        elif not digest and looks_random(match[0]):
            yield start, end


def _pem_blocks(text: str) -> Iterator[tuple[Span, bool]]:
    """Yield PEM blocks and whether they are private; one without an end goes on to the next one, or to the end."""
    begins = list(_PEM_BEGIN.finditer(text))
    for number, begin in enumerate(begins):
        limit = begins[number + 1].start() if number + 1 < len(begins) else len(text)
        end = _PEM_END.search(text, begin.end(), limit)
        private = "PRIVATE" in begin[1]
        if end or private:
            yield (begin.start(), end.end() if end else limit), private


def _decoded(run: str) -> str | None:
    """Return the text that ``run`` is the base64 of, or None where it is not, or is of bytes that are no text."""
    stem = run.rstrip("=").translate(_STANDARD)
    if len(stem) % 4 == 1:
        return None
    try:
        text = base64.b64decode(stem + "=" * (-len(stem) % 4)).decode()
    except ValueError:
        return None
    printable = sum(map(str.isprintable, text)) + sum(map(text.count, "\n\r\t"))
    return text if printable >= _PLAIN_TEXT * len(text) else None


_STANDARD = str.maketrans("-_", "+/")
_LEAST_MIXED, _LEAST_ONE_CASE = 20, 32  # characters
# Characters to a chunk (a word of camel case, a number): random letters and digits have 1.8, at most 2.7 in 97 of 100;
# names have 3 and more. Without digits, and in one case, other bounds hold.
_MIXED, _LETTERS, _ONE_CASE = 2.75, 2.2, 4.0
_SEGMENT_LENGTH = 7  # characters between separators, on average; those of names and paths are shorter


def looks_random(run: str) -> bool:
    """Whether a run of letters and digits was made by chance and not by a person.

    Hexadecimal digits alone are taken for a digest or an id.
    """
    if len(run) < _LEAST_MIXED or _HEX.fullmatch(run):
        return False
    segments = _SEGMENT.findall(run)
    letters = "".join(segments)
    if not letters or letters.isdigit() or len(letters) < _SEGMENT_LENGTH * len(segments):
        return False
    chunk = len(letters) / sum(len(_CHUNK.findall(segment)) for segment in segments)
    digits = any(map(str.isdigit, letters))
    if letters.lower() != letters != letters.upper():
        return chunk <= (_MIXED if digits else _LETTERS)
    return (
        digits
        and len(run) >= _LEAST_ONE_CASE
        and chunk <= _ONE_CASE
        and all(not _HEX.fullmatch(segment) for segment in segments)
    )


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return {"n": "\n", "r": "\r", "t": "\t"}.get(match[2], match[2])
