import hashlib

import pytest

from bridge.trail.events import SALT_SIZE, digest, seal, with_name, without_name


def test_a_value_is_sealed_with_a_salt_of_its_own():
    salts = iter([b"1" * SALT_SIZE, b"2" * SALT_SIZE])
    first, second = seal({"text": "same", "sender": "same"}, lambda _: next(salts))
    assert first.digest == hashlib.sha256(b"1" * SALT_SIZE + b"same").hexdigest()
    assert first.digest != second.digest
    assert digest(second.salt, second.value) == second.digest


def test_an_empty_value_is_not_sealed():
    assert seal({"text": ""}, bytes) == ()


def test_text_that_is_no_unicode_is_sealed_all_the_same():
    (sealed,) = seal({"text": "a\ud800b"}, bytes)
    assert sealed.value == b"a?b"


@pytest.mark.parametrize("who", ["servicenow:priya.shah", "operator:ann"])
def test_a_persons_name_is_kept_apart_from_the_role_in_which_they_acted(who):
    role, name = without_name(who)
    assert role + ":" + name["who"] == who
    assert with_name(role, name, {"who": "hash"}) == who
    assert with_name(role, {}, {"who": "hash"}) == f"{role}:[erased]"


@pytest.mark.parametrize("who", ["bridge", "clock", "desk:dcc-service-desk", "servicenow:"])
def test_a_desk_or_the_bridge_itself_is_nobodys_name(who):
    assert without_name(who) == (who, {})
    assert with_name(who, {}, {}) == who
