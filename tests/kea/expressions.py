"""The expressions that both evaluators are asked: of the kinds of Kea's manual, and drawn ones."""

import random
import re

from fastdhcp.config.syntax import (
    LENGTH_ALL,
    AllOf,
    Among,
    AnyOf,
    Call,
    Compare,
    Literal,
    Member,
    Node,
    Not,
    Path,
    parse,
)
from fastdhcp.config.tokens import ExpressionError
from tests.fuzz import fuzz_program
from tests.fuzz.program_twin import NoRoom, Said, Unlike, twin_test
from tests.kea.packets import packets

SEED, DRAWN = 12, 360
"""The drawn ones: from this seed so many that both say something of."""
UNSUPPORTED = ("lcase", "ucase")
"""What Kea 2.2 does not know: unit/test_program.py has these by the examples of its manual."""

MANUAL = [
    "substring(option[61].hex, 0, 3) == 'foo'", "substring(option[60].hex, 0, 6) == 'docsis'",
    "substring(option[60].hex, 0, 9) == 'PXEClient'", "option[93].hex == 0x0007",
    "option[93].hex == 0x0009", "option[93].exists", "option[12].hex == 'Prn-Floor2'",
    "option[12].text == 'Prn-Floor2'", "option[60].text == ''", "option[224].hex == ''",
    "option[224].exists", "option[230].exists and option[230].hex == ''",
    "option[224].hex == 'abcd'", "option[224].hex == 'ab'", "option[224].hex == 'cd'",
    "option[80].exists", "option[80].hex == ''", "option[81].exists", "option[250].exists",
    "not option[250].exists", "option[250].hex == ''", "relay4[1].hex == 'eth 1/1/7'",
    "relay4[1].exists", "relay4[2].exists", "relay4[2].hex == ''", "relay4[1].hex == 'first'",
    "relay4[1].hex == 'firstsecond'", "relay4[1].hex == 'second'", "relay4[9].exists",
    "relay4[151].hex == 0x0076706e", "relay4[6].hex == 'sub-1'", "relay4[1].hex == ''",
    "option[82].exists", "option[82].hex == ''", "option[82].option[1].hex == relay4[1].hex",
    "option[82].option[2].exists", "option[43].exists", "option[43].option[1].hex == 'ab'",
    "option[43].option[2].exists", "option[43].option[3].exists", "option[43].option[3].hex == ''",
    "vendor[4491].exists", "vendor[*].exists", "vendor[3561].exists", "vendor[9].exists",
    "vendor.enterprise == 4491", "vendor.enterprise == 0x00000de9", "vendor.enterprise == ''",
    "vendor[4491].option[1].exists", "vendor[4491].option[2].hex == 10.0.0.5",
    "vendor[*].option[1].hex == '000A1B'", "vendor[3561].option[2].hex == ''",
    "vendor-class[4491].exists", "vendor-class[*].exists", "vendor-class.enterprise == 3561",
    "vendor-class[4491].data == 'cable'", "vendor-class[4491].data[0] == 'cable'",
    "vendor-class[4491].data[1] == ''", "vendor-class[*].data == 'dsl'",
    "pkt4.mac == 0x02ee0000000b", "substring(pkt4.mac, 0, 2) == 0x02ee", "pkt4.hlen == 6",
    "pkt4.htype == 1", "pkt4.msgtype == 1", "pkt4.msgtype == 3", "pkt4.transid == 0x0102030b",
    "pkt4.giaddr == 10.88.0.1", "pkt4.giaddr == 0.0.0.0", "pkt4.ciaddr == 0.0.0.0",
    "pkt4.yiaddr == 0.0.0.0", "pkt4.siaddr == 0.0.0.0", "option[50].hex == 10.88.0.44",
    "addrtotext(option[50].hex) == '10.88.0.44'", "addrtotext(option[50].hex) == '10.88.0.77'",
    "addrtotext(option[50].hex) == ''", "addrtotext(pkt4.giaddr) == '10.88.0.1'",
    "uint16totext(option[57].hex) == '1500'", "uint16totext(option[57].hex) == ''",
    "int16totext(option[57].hex) == '1260'", "uint8totext(substring(pkt4.mac, 5, 1)) == '11'",
    "int8totext(substring(pkt4.mac, 1, 1)) == '-18'", "uint32totext(pkt4.transid) == '16909067'",
    "int32totext(0xffffffff) == '-' + '1'", "hexstring(pkt4.mac, ':') == '02:ee:00:00:00:0b'",
    "hexstring(relay4[2].hex, '') == '02aa00000007'", "hexstring(option[250].hex, ':') == ''",
    "hexstring(option[230].hex, '-') == '61-3a-62-2f-63-20-64'",
    "concat(relay4[1].hex, relay4[2].hex) == 'ax'", "relay4[2].hex + '/' + relay4[1].hex == 'x/'",
    "option[12].hex + '.example' == 'AbC.example'", "'' + option[12].hex == 'AbC'",
    "split(option[230].hex, '.', 2) == 'y'", "split(option[230].hex, ':/ ', 4) == 'd'",
    "split(option[230].hex, '.', 4) == ''", "split(option[230].hex, '', 3) == 'x.y.z'",
    "split(relay4[1].hex, '/ ', 4) == '7'", "split(relay4[2].hex, '.:', 3) == '2'",
    "split(option[60].hex, ':', 3) == '00007'", "split('..a', '.', 1) == option[250].hex",
    "split('a', 'a', 2) == option[250].hex", "split(option[250].hex, '.', 1) == ''",
    "ifelse(option[12].exists, option[12].hex, 'none') == 'none'",
    "ifelse(known, 'yes', 'no') == 'yes'",
    "ifelse(relay4[1].exists, ifelse(known, 'a', 'b'), 'c') == 'b'", "known", "unknown",
    "not known", "member('KNOWN')", "member('modem')", "member('gold')",
    "member('voice') and unknown", "member('modem') or member('voice')", "member('ALL')",
    "not member('gold') and not member('modem')",
    "substring(option[60].hex, 0, all) == 'docsis1.1'",
    "substring(option[60].hex, -3, all) == '1.1'", "substring(option[60].hex, -3, 2) == '1.'",
    "substring(option[60].hex, 6, -6) == 'docsis'", "substring(option[60].hex, 3, -9) == 'doc'",
    "substring(option[60].hex, 200, 2) == ''", "substring(option[60].hex, -200, 2) == ''",
    "substring(option[60].hex, 8, 1) == '1'", "substring(option[60].hex, 9, 1) == ''",
    "substring(option[224].hex, 1, 2) == 0x01fe", "substring(option[224].hex, -1, all) == 0xff",
    "substring(option[12].hex, 2, 40) == 'C'", "option[55].hex == 0x0103060f",
    "option[55].hex == 0x010f0306", "option[61].hex == 0x0102",
    "option[97].exists and substring(option[97].hex, 0, 1) == 0x00", "option[94].hex == 0x010310",
    "not (known or member('modem')) and relay4[2].exists",
    "known or member('modem') and relay4[6].exists",
    "(known or member('gold')) and not option[93].exists", "not not known",
    "option[12].hex == option[250].hex", "relay4[1].hex == relay4[2].hex",
    "option[60].hex in ('docsis1.1', 'MSFT 5.0')", "option[60].hex != 'MSFT 5.0'",
    "pkt4.giaddr in (10.1.0.1, 10.88.0.1)", "option[93].hex in (0x0006, 0x0007, 0x0009)",
]  # fmt: skip


def kea_text(node: Node) -> str:
    """An expression as Kea writes it: what it has no word for, in others."""
    match node:
        case Literal():
            return _literal(node)
        case Path():
            return _path(node)
        case Call():
            return _call(node)
        case Compare():
            text = f"{kea_text(node.left)} == {kea_text(node.right)}"
            return f"not ({text})" if node.negated else f"({text})"
        case Among():
            value = kea_text(node.value)
            return "(" + " or ".join(f"{value} == {kea_text(item)}" for item in node.items) + ")"
        case Member():
            name = node.name.upper() if node.name.lower() in ("known", "all") else node.name
            return f"member('{name}')"
        case Not():
            return f"not ({kea_text(node.test)})"
        case AllOf():
            return "(" + " and ".join(map(kea_text, node.tests)) + ")"
        case AnyOf():
            return "(" + " or ".join(map(kea_text, node.tests)) + ")"
    raise AssertionError(node)


def _literal(node: Literal) -> str:
    if node.kind == "text":
        return f"'{node.data.decode()}'"
    return f"0x{node.data.hex()}"


def _path(node: Path) -> str:
    text = ""
    for step in node.steps:
        if isinstance(step, str):
            text += f".{step}" if text else step
        else:
            text += f"[{'*' if step is None else step}]"
    return text.replace("vendor.exists", "vendor[*].exists")


def _call(node: Call) -> str:
    parts = [kea_text(value) for value in node.values]
    parts += ["all" if number == LENGTH_ALL else str(number) for number in node.numbers]
    return f"{node.name}({', '.join(parts)})"


def is_like(text: str) -> bool:
    """Whether both evaluators are to say the same: docs/EXPRESSIONS.md tells where they do not."""
    if any(word in text for word in (*UNSUPPORTED, "bootp", "pkt.")):
        return False
    if re.search(r"option\[\d+\]\.option", text):
        return False
    try:
        fuzz_program.compiled(text, value=False)
        tree = parse(text)
        for packet in packets():
            said = Said(packet.message, known=packet.known, classes=packet.classes, strict=True)
            twin_test(said, tree)
    except (ExpressionError, NoRoom, Unlike):
        return False
    return fuzz_program.compiled(text, value=False) is not None


def expressions() -> list[str]:
    """All of them, in their order."""
    rng = random.Random(SEED)
    found = dict.fromkeys(MANUAL)
    while len(found) < len(MANUAL) + DRAWN:
        text = fuzz_program.drawn_test(rng, 2)
        if len(text) < 200 and is_like(text) and says_something(rng, text):
            found[text] = None
    return list(found)


def says_something(rng: random.Random, text: str) -> bool:
    """Whether it is not the same of all packets; of the others some are taken, too."""
    tree = parse(text)
    answers = {
        twin_test(Said(p.message, known=p.known, classes=p.classes, strict=True), tree)
        for p in packets()
    }
    return len(answers) == 2 or rng.random() < 0.1
