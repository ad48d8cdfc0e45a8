"""Expressions upon packets as Kea's evaluator says them; its answers are kept (tests/kea)."""

import pytest

from fastdhcp._program import evaluate
from fastdhcp.config.expressions import compile_expression
from fastdhcp.config.programs import small_image
from tests.kea.answers import read_answers
from tests.kea.packets import CLASSES, packets

ANSWERS = read_answers()
BITS = {name: place for place, name in enumerate(CLASSES)}
# Packet, what tests read there that Kea says otherwise, how often (docs/EXPRESSIONS.md): it has not
# decoded option 43 yet, and joins repeated sub-options.
OTHERWISE = {"modem": ("option[43].option", 2), "repeated": ("relay4[1].hex", 4)}


def test_there_are_400_and_they_are_not_all_of_one_answer() -> None:
    assert len(ANSWERS) >= 400
    said = [truth for answers in ANSWERS.values() for truth in answers]
    assert len(packets()) == len(next(iter(ANSWERS.values())))
    assert 0.2 < sum(said) / len(said) < 0.8


@pytest.mark.parametrize("number", range(len(packets())), ids=[p.name for p in packets()])
def test_2131_each_says_of_a_packet_what_kea_says(number: int) -> None:
    packet = packets()[number]
    classes = sum(1 << BITS[name] for name in packet.classes)
    wrong = []
    for text, answers in ANSWERS.items():
        image = small_image(compile_expression(text, classes=CLASSES), classes=BITS)
        truth, _ = evaluate(image, 0, packet.message, known=packet.known, classes=classes)
        if truth is not answers[number]:
            wrong.append(text)
    words, count = OTHERWISE.get(packet.name, ("", 0))
    assert [text for text in wrong if words not in text] == []
    assert len(wrong) == count
