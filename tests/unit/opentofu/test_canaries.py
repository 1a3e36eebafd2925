"""Secrets are planted all over generated plans, in every form they take, and must show nowhere."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.opentofu import canonical, diff, guard, text
from automation.opentofu.plan import Plan, parse
from automation.opentofu.redact import Redactor
from automation.secret import Secret

# Every canary has this in it; so any part of one that shows, in whatever form, is found.
MARK = "c4nary"
KNOWN = 'Kn0wn c4nary/"va+lue\\ é'
LINES = "-first line of a c4nary-\n  second-c4nary-line"
MARKED = ("m4rked-c4nary-value", "a m4rked c4nary, with words", "x" * 30 + "c4nary" + "y" * 30)
TOKENS = (
    "dop_v1_" + "0123456789abcdef" * 4,
    "ghp_c4naryABCDEFGHIJKLMNOPQRSTUVWXYZ0123",
    "github_pat_11AAAAAAAc4nary_0123456789abcdef",
    "glpat-c4nary-0123456789abc",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjNG5hcnkifQ.c4narysignature_x",
    "xoxb-123456789012-c4naryc4nary",
    "sk_live_c4nary0123456789abcdef",
    "AVNS_c4naryABCDEFGH",
    "hvs.c4naryABCDEFGHIJKLMNOPQRST",
    "Xk9c4naryQ2vL8wTz5Rb7Hn3Jd6",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nc4naryc4nary\n-----END OPENSSH PRIVATE KEY-----",
    "postgres://shop:c4nary@db.example.com:5432/shop?sslmode=require",
    "https://c4naryc4naryc4nary@sentry.example.com/1",
    "Authorization: Bearer c4nary0123456789",
    "DB_PASSWORD=c4nary-1 ./run",
    "connect --password c4nary-2 --verbose",
    "user: me\npassword: the c4nary with words\nport: 1",
    "https://api.example.com/v1?size=2&token=c4nary-3&page=1",
    "Server=db;User Id=sa;Password=c4nary-4;Encrypt=yes",
    "//registry.example.com/:_authToken=c4nary-5",
    'auth = { client_secret = "c4nary 6" }',
    "apiVersion: v1\nkind: Secret\ndata:\n  anything: YzRuYXJ5\nstringData:\n  other: c4nary\n",
)
NAMES = (
    "password", "db_password", "adminPassword", "PGPASSWORD", "token", "apiToken", "secret", "client_secret",
    "private_key", "privateKeyPem", "kubeconfig", "kube_config_raw", "user_data", "cloud-init", "connection_string",
    "Authorization", "api-key", "AWS_SECRET_ACCESS_KEY", "credentials", "secret_id", ".dockerconfigjson", "pwd",
)  # fmt: skip

plain = st.sampled_from(
    ["fra1", "10.0.0.0/8", "a name", "", "line\nline\n", "8.5", '{"a": 1}', "é", "\x1b[31m"]
) | st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats(allow_nan=False, allow_infinity=False)


def encoded(value: str) -> st.SearchStrategy[str]:
    """Return the forms that a secret takes inside of other text."""
    around = st.tuples(st.sampled_from(["", "x", "xy", "key: ", "a/b/"]), st.sampled_from(["", "z", " and more", "\n"]))
    forms = [
        lambda lead, tail: lead + value + tail,
        lambda lead, tail: base64.b64encode((lead + value + tail).encode()).decode(),
        lambda lead, tail: base64.urlsafe_b64encode((lead + value + tail).encode()).decode().rstrip("="),
        lambda lead, tail: lead + "=" + quote(value, safe="") + tail,
        lambda lead, tail: lead + "=" + quote_plus(value) + tail,
        lambda lead, tail: json.dumps({"a": [lead + value + tail]}),
        lambda lead, tail: json.dumps(json.dumps({"a": value}), ensure_ascii=False) + tail,
        lambda lead, tail: json.dumps({"a": base64.b64encode(value.encode()).decode()}),
        lambda lead, tail: lead + "\n" + value + "\n" + tail,
        lambda lead, tail: lead + value.encode().hex() + tail,
    ]
    return st.tuples(st.sampled_from(forms), around).map(lambda pair: pair[0](*pair[1]))


def carried(token: str) -> st.SearchStrategy[str]:
    """Return the forms in which a secret that nothing but its looks gives away can be told from other text."""
    return st.sampled_from(
        [
            token,
            f"see {token}",
            f"{token}\n",
            json.dumps({"a": [1, token]}),
            json.dumps({"a": json.dumps([token])}),
            base64.b64encode(token.encode()).decode(),
            json.dumps({"b": base64.b64encode(json.dumps({"a": token}).encode()).decode()}),
            quote(token, safe=""),
        ]
    )


planted = st.one_of(
    encoded(KNOWN),
    encoded(LINES.splitlines()[0]),
    encoded("second-c4nary-line"),
    *map(carried, TOKENS),
    st.sampled_from(MARKED),
)
words = plain | planted
keys = st.sampled_from(["a", "name", "value", "rule", "tags", "é ü"]) | planted
Pair = tuple[Any, Any]  # a value and its map of marks


def under_a_name(name: str) -> st.SearchStrategy[Pair]:
    value = st.sampled_from(["c4nary", "a c4nary", ["c4nary", {"x": "c4nary"}], {"any": "c4nary", "n": 1}])
    pairs = st.sampled_from([{"name": name, "value": "c4nary"}, {"key": name, "value": "c4nary"}])
    more = st.sampled_from([{"key": "A", "value": "c4nary", "type": "SECRET"}, json.dumps({name: "c4nary"})])
    return (value.map(lambda item: {name: item}) | pairs | more).map(lambda item: (item, False))


leaves: st.SearchStrategy[Pair] = st.one_of(
    (scalars | words).map(lambda value: (value, False)),
    words.map(lambda value: (value, True)),
    st.sampled_from(MARKED).map(lambda value: ({"deep": [value, 1]}, True)),
    st.sampled_from(MARKED).map(lambda value: (value, {"another": ["shape", True]})),
    *map(under_a_name, NAMES),
)


def nested(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    lists = st.lists(inner, max_size=4).map(lambda pairs: ([v for v, _ in pairs], [m for _, m in pairs]))
    objects = st.dictionaries(keys, inner, max_size=4).map(
        lambda pairs: ({k: v for k, (v, _) in pairs.items()}, {k: m for k, (_, m) in pairs.items() if m})
    )
    return lists | objects


trees = st.recursive(leaves, nested, max_leaves=10)
attributes = st.dictionaries(keys, trees, max_size=4).map(
    lambda pairs: ({k: v for k, (v, _) in pairs.items()}, {k: m for k, (_, m) in pairs.items()})
)
actions = st.sampled_from(
    [["create"], ["update"], ["delete"], ["delete", "create"], ["create", "delete"], ["forget"], ["read"], ["no-op"]]
)


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    (before, before_marks), (after, after_marks) = draw(attributes), draw(attributes)
    kind = draw(st.sampled_from(["digitalocean_droplet", "digitalocean_kubernetes_cluster", "terraform_data"]))
    address = f"{kind}.a[{json.dumps(draw(words))}]"
    return {
        "address": address,
        "module_address": draw(st.none() | words.map(lambda key: f"module.m[{json.dumps(key)}]")),
        "previous_address": draw(st.none() | words.map(lambda key: f"{kind}.b[{json.dumps(key)}]")),
        "mode": "managed",
        "type": kind,
        "name": "a",
        "provider_name": "registry.opentofu.org/digitalocean/digitalocean",
        "deposed": draw(st.none() | words),
        "action_reason": draw(st.none() | words),
        "change": {
            "actions": draw(actions),
            "before": before,
            "after": after,
            "before_sensitive": before_marks,
            "after_sensitive": after_marks,
            "after_unknown": draw(st.sampled_from([{}, {"id": True}, {"a": [False, True]}, {"rule": {"x": True}}])),
            "replace_paths": [draw(st.lists(keys | st.integers(0, 3), max_size=3))],
            "importing": draw(st.none() | words.map(lambda word: {"id": word})),
        },
    }


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    outputs = draw(st.dictionaries(keys | st.sampled_from(NAMES), trees, max_size=3))
    every = {"actions": ["create"], "before": None, "after": list(MARKED), "after_sensitive": True}
    return {
        "format_version": "1.2",
        "terraform_version": draw(words),
        "resource_changes": draw(st.lists(changes(), max_size=3)),
        "resource_drift": draw(st.lists(changes(), max_size=2)),
        "output_changes": {
            # All that is marked somewhere must not show elsewhere either.
            "every": every,
            **{
                name: {
                    "actions": ["update"],
                    "before": None,
                    "after": "c4nary" if name in NAMES else value,
                    "after_sensitive": marks,
                }
                for name, (value, marks) in outputs.items()
            },
        },
        "checks": [
            {
                "address": {"to_display": f"check.a[{json.dumps(draw(words))}]"},
                "status": "fail",
                "instances": [
                    {"address": {"to_display": draw(words)}, "status": "fail", "problems": [{"message": draw(words)}]}
                ],
            }
        ],
    }


def told(plan: Plan) -> str:
    """Return everything that anybody gets to see of a plan."""
    findings = guard.judge(plan, ("terraform_data",), ())
    items = [item for change in [*plan.resources, *plan.drift] for item in diff.attributes(change)]
    items += [item for output in plan.outputs for item in diff.attributes(output)]
    other = parse({"format_version": "1.2", "planned_values": {}})
    return "\n".join(
        [
            text.render(plan, findings),
            json.dumps(canonical.document(plan), ensure_ascii=False),
            json.dumps(canonical.document(plan)),
            *map(str, items),
            *map(str, findings),
            *map(str, canonical.differences(plan, other)),
            repr(plan),
        ]
    )


FORMS = (
    MARK,
    MARK.encode().hex(),
    *(base64.b64encode(b"\0" * lead + MARK.encode() + b"\0" * 3).decode()[4 if lead else 0 : 8] for lead in range(3)),
    "0123456789abcdef" * 4,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents())
def test_no_canary_shows(document: dict[str, Any]) -> None:
    plan = parse(document, Redactor(b"k" * 32, [Secret(KNOWN), Secret(LINES)]))
    shown = told(plan)
    for form in FORMS:
        at = shown.find(form)
        assert at < 0, f"{form} shows: …{shown[max(0, at - 200) : at + 60]}…"
    assert canonical.from_document(json.loads(json.dumps(canonical.document(plan)))) == plan


def test_the_search_for_canaries_finds_them() -> None:
    for value in (MARK, base64.b64encode(b"a c4nary").decode(), base64.b64encode(b"c4nary!").decode(), b"c4nary".hex()):
        assert any(form in value for form in FORMS), value
