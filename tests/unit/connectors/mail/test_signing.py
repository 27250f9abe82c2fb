import pytest

from bridge.connectors.mail.signing import Keys, envelope_sender, looks_like_message_id, message_id_in
from bridge.domain.errors import ConfigurationError
from bridge.domain.ids import DeliveryId, Reference

OLD, NEW, OTHER = b"the old key, 16 bytes", b"the new key, 16 bytes", b"somebody else's key"
REFERENCE = Reference("4ZJ6T0Q2WX")
DELIVERY = DeliveryId("e5802c97-8988-59f4-8ef8-7c0cbf9ea701")


def test_a_signed_reference_is_recognised():
    keys = Keys((NEW,))
    assert keys.verify_reference(keys.sign_reference(REFERENCE)) == REFERENCE


def test_a_reference_survives_lower_case_and_a_person_who_types_letters_for_digits():
    keys = Keys((NEW,))
    signed = keys.sign_reference(REFERENCE)
    assert keys.verify_reference(signed.lower()) == REFERENCE
    assert keys.verify_reference(signed.replace("0", "O").replace("1", "l")) == REFERENCE


def test_the_code_is_eighty_bits_long():
    _, code = Keys((NEW,)).sign_reference(REFERENCE).split("-")
    assert len(code) * 5 == 80


@pytest.mark.parametrize("place", range(27))
def test_a_reference_with_any_character_changed_is_refused(place):
    keys = Keys((NEW,))
    signed = keys.sign_reference(REFERENCE)
    other = "Z" if signed[place] != "Z" else "Y"
    assert keys.verify_reference(signed[:place] + other + signed[place + 1 :]) is None


@pytest.mark.parametrize("length", [0, 10, 11, 20, 26])
def test_a_truncated_reference_is_refused(length):
    keys = Keys((NEW,))
    assert keys.verify_reference(keys.sign_reference(REFERENCE)[:length]) is None


def test_another_bridges_signature_is_refused():
    assert Keys((NEW,)).verify_reference(Keys((OTHER,)).sign_reference(REFERENCE)) is None


def test_the_first_key_signs_and_all_keys_verify():
    rotated = Keys((NEW, OLD))
    assert rotated.sign_reference(REFERENCE) == Keys((NEW,)).sign_reference(REFERENCE)
    assert rotated.verify_reference(Keys((OLD,)).sign_reference(REFERENCE)) == REFERENCE
    assert rotated.verify_message_id(Keys((OLD,)).sign_message_id(DELIVERY, "b.example")) == DELIVERY


def test_a_message_id_is_the_same_at_every_attempt_and_names_its_delivery():
    keys = Keys((NEW,))
    message_id = keys.sign_message_id(DELIVERY, "bridge.example")
    assert message_id == keys.sign_message_id(DELIVERY, "bridge.example")
    assert keys.verify_message_id(message_id) == DELIVERY
    assert keys.verify_message_id(message_id.upper()) == DELIVERY
    assert looks_like_message_id(message_id)


def test_a_message_id_with_another_delivery_is_refused():
    keys = Keys((NEW,))
    forged = keys.sign_message_id(DELIVERY, "bridge.example").replace("e5802c97", "e5802c98")
    assert looks_like_message_id(forged)
    assert keys.verify_message_id(forged) is None


def test_the_code_of_a_message_id_is_no_code_of_a_reference():
    keys = Keys((NEW,))
    code = keys.sign_message_id(DELIVERY, "b.example").split(".")[2].split("@")[0]
    assert keys.verify_reference(f"{REFERENCE}-{code}") is None


def test_a_short_key_is_refused_and_no_key_is_shown():
    with pytest.raises(ConfigurationError, match="16 bytes"):
        Keys((b"short",))
    with pytest.raises(ConfigurationError):
        Keys(())
    assert "old" not in repr(Keys((OLD,)))


def test_an_envelope_sender_names_its_mail():
    message_id = Keys((NEW,)).sign_message_id(DELIVERY, "bridge.example")
    sender = envelope_sender("CPSD@bridge.example", message_id)
    assert message_id_in(sender.upper(), "cpsd@bridge.example") == message_id
    assert message_id_in(sender, "other@bridge.example") == ""
    assert message_id_in("cpsd@bridge.example", "cpsd@bridge.example") == ""


def test_an_envelope_sender_that_would_be_too_long_is_the_plain_address():
    message_id = Keys((NEW,)).sign_message_id(DELIVERY, "bridge.example")
    assert envelope_sender(f"{'a' * 14}@bridge.example", message_id).startswith(f"{'a' * 14}+")
    assert envelope_sender(f"{'a' * 15}@bridge.example", message_id) == f"{'a' * 15}@bridge.example"
    assert envelope_sender("cpsd@bridge.example", "<alert@bridge.example>") == "cpsd@bridge.example"
