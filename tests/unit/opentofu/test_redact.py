from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from automation.opentofu.redact import KNOWN, NAMED, UNKNOWN, Hidden, Redactor
from automation.opentofu.redact.suspect import name_hides
from automation.secret import Secret

from .plans import change, document, one, planned

KEY = b"k" * 32


def redacted(value: Any, sensitive: Any = False, unknown: Any = False) -> Any:
    return Redactor(KEY).tree(value, sensitive, unknown)


def test_what_is_harmless_is_shared_and_not_copied() -> None:
    value = {"a": ["fra1", {"b": 1}], "c": None}
    assert redacted(value) is value
    mixed = redacted({"keep": value, "password": "x"})
    assert mixed["keep"] is value


def test_the_plans_own_marks() -> None:
    value = {"a": "one", "list": [{"b": "two"}, "three"], "none": None, "four": "4"}
    found = redacted(value, {"a": True, "list": [{"b": True}, False], "none": True})
    assert isinstance(found["a"], Hidden)
    assert isinstance(found["list"][0]["b"], Hidden)
    assert found["list"][1] == "three"
    assert found["none"] is None
    assert found["four"] == "4"
    assert isinstance(redacted({"a": 1}, True), Hidden)


@pytest.mark.parametrize("marks", [{"a": True}, [True], [[True]], {"a": {"b": [True]}}])
def test_marks_of_another_shape_hide_all(marks: Any) -> None:
    assert "two" not in repr(redacted({"x": "one", "a": ["two", "two"]}, {"a": marks}))


def test_a_value_marked_on_one_side_is_hidden_on_both() -> None:
    found = one({"a": "plain text"}, {"a": "plain text"}, before_sensitive={}, after_sensitive={"a": True})
    assert isinstance(found.before, dict)
    assert isinstance(found.before["a"], Hidden)
    assert found.before == found.after


def test_what_is_known_after_the_apply() -> None:
    unknown = {"id": True, "list": [False, {"b": True}], "all": True}
    found = redacted({"n": 1, "list": ["x", {"a": 1}]}, False, unknown)
    assert found == {"n": 1, "list": ["x", {"a": 1, "b": UNKNOWN}], "id": UNKNOWN, "all": UNKNOWN}
    assert redacted(None, False, {"id": True, "no": False}) == {"id": UNKNOWN}
    assert isinstance(redacted({"a": "s"}, {"a": True}, {"id": True})["a"], Hidden)


def test_fingerprints_tell_change_and_nothing_else() -> None:
    one, same, other = (Redactor(KEY).hide(value, "x") for value in ("a", "a", "b"))
    assert one == same != other
    assert Redactor().hide("a", "x") != Redactor().hide("a", "x")
    assert Redactor(KEY).hide({"a": 1, "b": 2}, "x") == Redactor(KEY).hide({"b": 2, "a": 1}, "another reason")
    assert Redactor(KEY).hide(1, "x") != Redactor(KEY).hide("1", "x")


def test_known_secrets_in_longer_text_and_other_encodings() -> None:
    secret = 'a "known" value/with+signs'
    redactor = Redactor(KEY, [Secret(secret)])
    assert redactor.tree(secret) == Hidden(KNOWN, redactor.hide(secret, "").fingerprint)
    text = redactor.text(f"before {secret} after")
    assert text.startswith("before (sensitive #")
    assert text.endswith(") after")
    for form in (base64.b64encode(f"x{secret}y".encode()).decode(), json.dumps({"a": secret}), secret.encode().hex()):
        assert redactor.text(form) != form


def test_secrets_that_the_process_knows_need_not_be_told() -> None:
    Secret("remembered-by-the-process")
    assert "remembered" not in Redactor(KEY).text("it is remembered-by-the-process.")


def test_each_line_of_a_secret_of_several_lines() -> None:
    redactor = Redactor(KEY, [Secret("first line here\n  second line here\n")])
    assert redactor.text("see second line here!") != "see second line here!"


def test_two_secrets_in_a_text_are_told_apart() -> None:
    redactor = Redactor(KEY, [Secret("first-secret"), Secret("other-secret")])
    assert redactor.text("a first-secret b") != redactor.text("a other-secret b")


def test_what_the_plan_marks_in_one_place_is_hidden_in_all() -> None:
    value = "initial-passw0rd"
    plan = planned(
        change(f'x_thing.a["{value}"]', "create", after={"note": f"see {value}", "fine": "see that"}),
        change("x_thing.b", "create", after={"p": value}, after_sensitive={"p": True}),
        output_changes={"o": {"actions": ["create"], "before": None, "after": value, "after_sensitive": False}},
    )
    assert value not in repr(plan)
    assert "see that" in repr(plan)


def test_sensitive_variables_and_what_only_the_state_marks_are_learnt() -> None:
    raw = document(change("x_thing.a", "create", after={"a": "variable-value-1", "b": "state-value-22", "c": "fine"}))
    raw["variables"] = {"v": {"value": "variable-value-1"}, "w": {"value": "fine"}}
    raw["configuration"] = {"root_module": {"variables": {"v": {"sensitive": True}, "w": {}}}}
    data = {"address": "data.x.y", "values": {"k": "state-value-22"}, "sensitive_values": {"k": True}}
    raw["prior_state"] = {"values": {"root_module": {"child_modules": [{"resources": [data]}]}}}
    redactor = Redactor(KEY)
    redactor.learn(raw)
    found: Any = redactor.tree(raw["resource_changes"][0]["change"]["after"])
    assert [type(found[key]) for key in "abc"] == [Hidden, Hidden, str]


def test_short_and_ordinary_sensitive_values_do_not_blank_other_places() -> None:
    after = {"region": "fra1", "url": "https://a.example.com", "on": "true", "word": "production"}
    plan = planned(
        change("x_thing.a", "create", after=after),
        change("x_thing.b", "create", after={"all": after}, after_sensitive={"all": True}),
    )
    assert plan.resources[0].after == after


@pytest.mark.parametrize(
    "name",
    ["password", "dbPassword", "PGPASSWORD", "api_token", "clientSecret", "private_key", "kube_config_raw", "user_data",
     "AWS_SECRET_ACCESS_KEY", "secret_id", ".dockerconfigjson", "Authorization", "tls.key.privateKeyPem", "auth-token"],
)  # fmt: skip
def test_names_that_hide(name: str) -> None:
    assert name_hides(name)
    assert redacted({name: "x"}) == {name: Redactor(KEY).hide("x", NAMED)}
    assert redacted({name: ""}) == {name: ""}
    assert redacted({name: True}) == {name: True}


@pytest.mark.parametrize(
    "name",
    ["name", "id", "password_length", "secret_name", "token_ttl", "node_pool", "token_type", "ssh_key_fingerprint",
     "public_key", "key", "keyboard", "monkey", "secretary", "bypass", "authorized_ip_ranges", "authority", "ssh_keys",
     "kms_key_id", "secret_key_ref", "service_account_name", "password_policy", "max_tokens",
     "image_pull_secrets", "tags"],
)  # fmt: skip
def test_names_that_do_not(name: str) -> None:
    assert redacted({name: "some words"}) == {name: "some words"}


def test_objects_that_name_their_value() -> None:
    env = [
        {"key": "DB_PASSWORD", "value": "x"},
        {"key": "REGION", "value": "fra1"},
        {"name": "a", "type": "SECRET", "value": "x"},
    ]
    found = redacted({"env": env})["env"]
    assert [isinstance(item["value"], Hidden) for item in found] == [True, False, True]


def test_json_in_a_string_stays_json() -> None:
    found = redacted({"a": json.dumps({"user": "me", "password": "hunter22", "n": [1]})})["a"]
    assert json.loads(found)["user"] == "me"
    assert json.loads(found)["password"].startswith("(sensitive #")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgres://shop:pa/ss@db:5432/x", "pa/ss"),
        ("https://user:hunter2@example.com/", "hunter2"),
        ("curl -H 'Authorization: Bearer abc123def456'", "abc123def456"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("password: correct horse battery\nuser: me", "horse"),
        ("run --api-token s3cret --verbose", "s3cret"),
        ("export TOKEN='s3cret value'", "s3cret"),
        ("https://example.com/?a=1&sig_token=abcd&b=2", "abcd"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabcd", "MIIE"),
        ("AccountName=x;AccountKey=abc/def==;Suffix=y", "abc/def"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("$6$rounds=5000$saltsalt$abcdefghijklmnop", "abcdefghijklmnop"),
        ('{"auths":{"r":{"auth":"bWU6aHVudGVyMjI="}}}', "bWU6aHVudGVyMjI="),
        ("kind: Secret\ndata:\n  any: aHVudGVy", "aHVudGVy"),
    ],
)
def test_what_looks_like_a_secret(text: str, secret: str) -> None:
    found = Redactor(KEY).text(text)
    assert secret not in found
    if not text.startswith(("AKIA", "-----", "kind", "$6", "{")):
        assert found.split("(sensitive")[0] == text[: len(found.split("(sensitive")[0])] != ""


@pytest.mark.parametrize(
    "text",
    [
        "4290fd80-6af5-f613-a60c-2d4c65c3c223",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "d41d8cd98f00b204e9800998ecf8427e",
        "arn:aws:iam::123456789012:role/service-role/MyLambdaExecutionRole-us-east-1",
        "ghcr.io/argoproj/argocd:v3.1.9@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "https://github.com/opentofu/opentofu/archive/refs/tags/v1.12.6.tar.gz",
        "https://shop-1.example.com:8443/api/v1/things?size=2&page=10",
        "git@github.com:someone/something.git",
        "10.244.0.0/16, 2001:db8:85a3::8a2e:370:7334/64",
        "do:kubernetes:5f7e8d9c-1234-4abc-9def-0123456789ab",
        "my-very-long-kebab-case-resource-name-with-numbers-12-34-56",
        "MyVeryLongResourceNameForProduction2024Cluster01WithEvenMore",
        "ServiceAccountTokenProjectionV1Beta1FeatureGate",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Xk9aQ2vL8wTz5Rb7Hn3Jd6Pq1Ss2Tt3Uu4Vv5Ww6 me@host",
        "SHA256:Xk9aQ2vL8wTz5Rb7Hn3Jd6Pq1Ss2Tt3Uu4Vv5Ww6Xx7",
        "h1:Xk9aQ2vL8wTz5Rb7Hn3Jd6Pq1Ss2Tt3Uu4Vv5Ww6Xx7=",
        "gke_my-project-123456_europe-west1-b_cluster-1",
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/myGroup/providers/Microsoft.Compute/vm1",
        "The password: must be set before the database is made",
        "Bearer authentication is required",
        "password_file=/run/secrets/db-password",
        "password = ${var.password}",
        "v1.2.3-0.20250610175836-86c9e5e3d8c8",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "-----BEGIN CERTIFICATE-----\nMIIFazCCA1OgAwIBAgIRAIIQz7DSQONZRGPgu2OCiwAwDQYJKo\n-----END CERTIFICATE-----",
        base64.b64encode(b"#!/bin/sh\nset -eu\necho nothing to hide\n").decode(),
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert Redactor(KEY).text(text) == text
    assert redacted({"a": text}) == {"a": text}


def test_digests_under_their_name_may_be_random() -> None:
    value = "Xk9aQ2vL8wTz5Rb7Hn3Jd6Pq1Ss2Tt3Uu4Vv5Ww6Xx7="
    assert redacted({"source_code_hash": value}) == {"source_code_hash": value}
    assert isinstance(redacted({"note": value})["note"], Hidden | str)
    assert redacted({"note": value}) != {"note": value}


def test_control_characters_do_not_reach_a_terminal() -> None:
    found = Redactor(KEY).text("a\x1b[2Jb\u202ec\ud800")
    assert found == "a\\u001b[2Jb\\u202ec\\ud800"
