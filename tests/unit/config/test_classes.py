"""Classes as they are written: each kind of error with its line and column, each warning, the order
of tests, and what they cost at most."""

import time
from pathlib import Path

import pytest

from fastdhcp.config import check, load
from fastdhcp.config.classes import ceiling, in_order
from fastdhcp.config.compile import Ids, compile_image
from fastdhcp.config.weights import RUN, WEIGHTS

SUBNET = '[[subnets]]\nsubnet = "10.0.0.0/24"\npools = ["10.0.0.10-10.0.0.20"]\n'


def written(name: str, rest: str = "") -> str:
    return f'[[classes]]\nname = "{name}"\n{rest}\n'


PHONES = written("phones", "test = \"option[60].hex == 'phone'\"")


def told(tmp_path: Path, text: str) -> tuple[list[str], list[str]]:
    """Errors and warnings: line, key, text."""
    path = tmp_path / "fastdhcp.toml"
    path.write_text(text)
    errors, warnings = check(path)
    return tuple([f"{p.line}: {p.told}" for p in found] for found in (errors, warnings))


ERRORS = [
    ("a class without a name", '[[classes]]\ntest = "known"\n',
     'classes[0]: `name` is missing; write a name such as name = "lan-a"'),
    ("a name that is taken", written("known"), 'name: "known" is taken; write another name'),
    ("one that would be taken", written("Unknown"), 'name: "Unknown" is taken'),
    ("no name at all", written(" "), 'name: " " is not a name; write 1 to 64'),
    ("a name twice", PHONES + PHONES, 'classes[1].name: "phones" stands at '),
    ("an unknown key", written("a", 'tests = "known"'),
     'classes[0].tests: is not a key here; did you mean "test"?'),
    ("an option beside the options", written("a", 'tz-name = "x"'),
     "is an option; write it as options.tz-name"),
    ("an option that is wrong", written("a", "options = { interface-mtu = 3 }"),
     "classes[0].options.interface-mtu: "),
    ("what belongs to a link", written("a", "authoritative = true"),
     "classes[0].authoritative: belongs to a whole link"),
    ("what belongs to an address", written("a", "reuse-grace = 1"),
     "classes[0].reuse-grace: counts when the client is gone"),
    ("a lease without end", written("a", 'lease-time = "infinite"'),
     'classes[0].lease-time: "infinite" is for reservations only'),
    ("times in a wrong order", written("a", "lease-time = 100\nlease-time-min = 200"),
     "lease-time 100 s is below lease-time-min 200 s"),
    ("limits in a wrong order", written("a", "lease-time-max = 100\nlease-time-min = 200"),
     "lease-time-min 200 s is above lease-time-max 100 s"),
    ("T1 behind T2", written("a", "renewal-time = 100\nrebinding-time = 50"),
     "classes[0].renewal-time: renewal-time 100 s is not below rebinding-time 50 s"),
    ("T1 behind the end", written("a", "renewal-time = 100\nlease-time = 100"),
     "is not below the longest lease here, 100 s"),
    ("text for a truth", written("a", 'drop = "yes"'),
     "classes[0].drop: is text, must be true or false"),
    ("one table for many", '[classes]\nname = "a"\n',
     "classes: is a table, must be a list; a table of which there may be several"),
    ("a test that is none", written("a", "test = \"option[60].hex ==\""),
     "classes[0].test: column"),
    ("a value for a test", written("a", "test = \"option[60].hex\""),
     "classes[0].test: column 1: is a value, and a test is wanted"),
    ("a class that is not there", written("a", "test = \"member('b')\"") + PHONES,
     "classes[0].test: column 8: no class is called 'b'"),
    ("itself", written("a", "test = \"member('a')\""),
     'classes[0].test: names itself in a circle: "a" -> "a"; take one member() out'),
    ("a circle", written("a", "test = \"member('b')\"") + written("b", "test = \"not member('c')\"")
     + written("c", "test = \"known or member('a')\""),
     'classes[0].test: names itself in a circle: "a" -> "b" -> "c" -> "a"'),
    ("too many", "".join(written(f"c{i}", "drop = true") for i in range(254)),
     "classes[253]: classes are 254; at most 253 may be written, beside known, bootp, all"),
    ("nobody to allow", PHONES + SUBNET + 'allow = ["phone"]',
     'subnets[0].allow[0]: is not a class; did you mean "phones"?'),
    ("nobody to deny", PHONES + SUBNET + 'deny = ["phones", "printers"]',
     'subnets[0].deny[1]: is not a class; '),
    ("unknown", SUBNET + 'allow = ["unknown"]',
     'subnets[0].allow[0]: is no class; write "known" in `deny`'),
    ("both allowed and denied", PHONES + SUBNET + 'allow = ["phones"]\ndeny = ["phones"]',
     'subnets[0].deny: "phones" is in `allow` too; write it in one of them'),
    ("a class that is not text", SUBNET + "allow = [7]",
     "subnets[0].allow[0]: is a number, must be text in quotes"),
    ("one that is no list", SUBNET + 'allow = "known"',
     'subnets[0].allow: is text, must be a list, as in ["known"]'),
    ("a pool for nobody", SUBNET.replace('["10.0.0.10-10.0.0.20"]',
     '[{ range = "10.0.0.10-10.0.0.20", allow = ["nobody"] }]'),
     "subnets[0].pools[0].allow[0]: is not a class; "),
    ("when who", SUBNET + "when = [{ lease-time = 5 }]",
     'subnets[0].when[0]: `class` is missing; write the name of a class such as class = "phones"'),
    ("when somebody who is not there", SUBNET + 'when = [{ class = "a", lease-time = 5 }]',
     "subnets[0].when[0].class: is not a class; "),
    ("when, one table", SUBNET + 'when = { class = "known" }',
     "subnets[0].when: is a table, must be a list"),
    ("when, an unknown key", SUBNET + 'when = [{ class = "known", test = "known" }]',
     "subnets[0].when[0].test: is not a key here"),
    ("when, of a link", SUBNET + 'when = [{ class = "known", authoritative = true }]',
     "subnets[0].when[0].authoritative: belongs to a whole link"),
    ("when, very often", SUBNET + 'when = [' + '{ class = "known", lease-time = 5 }, ' * 33 + "]",
     "subnets[0].when: has 33 tables; at most 32 may stand in one place"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), [row[1:] for row in ERRORS],
                         ids=[row[0] for row in ERRORS])  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_key(tmp_path, text: str, wanted: str) -> None:
    errors, _ = told(tmp_path, text if "[[subnets]]" in text else text + SUBNET)
    assert len(errors) == 1
    assert wanted in errors[0]
    assert int(errors[0].partition(":")[0]) > 0


def test_the_line_is_that_of_the_key(tmp_path) -> None:
    errors, _ = told(tmp_path, PHONES + written("a", "drop = false\ntest = \"member('x')\""))
    assert errors[0].startswith("7: classes[1].test: column 8:")


WARNINGS = [
    ("nobody is of it", written("a", "drop = true"),
     'classes[0]: "a" has no test, and no reservation names it: nobody is of it'),
    ("nobody can be of it", written("a", "test = \"not member('all')\"\ndrop = true"),
     'classes[0]: "a" has a test that no client can pass: nobody is of it'),
    ("it is never used", PHONES, 'classes[0]: "phones" is never used; name it in `allow`'),
    ("a guard that a renewal fails", PHONES + SUBNET + 'allow = ["known", "phones"]',
     'subnets[0].allow[1]: "phones" reads option[60], which a client may leave out when it renews: '
     "it draws a NAK then. Write lease-class = true in that class: it counts until the client asks "
     "anew"),
    ("one that a test names", PHONES + written("a", "test = \"member('phones')\"") + SUBNET
     + 'allow = ["a"]', '"a" reads option[60], which'),
    ("one by giaddr", written("a", 'test = "pkt4.giaddr == 10.0.0.1"') + SUBNET + 'allow = ["a"]',
     '"a" reads pkt4.giaddr, which'),
    ("it gives nothing", SUBNET + 'when = [{ class = "known" }]',
     "subnets[0].when[0]: gives nothing; write a key of [defaults], or options"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), [row[1:] for row in WARNINGS],
                         ids=[row[0] for row in WARNINGS])  # fmt: skip
def test_what_has_no_effect_is_told(tmp_path, text: str, wanted: str) -> None:
    errors, warnings = told(tmp_path, text if "[[subnets]]" in text else text + SUBNET)
    assert errors == []
    assert len(warnings) == 1
    assert wanted in warnings[0]


@pytest.mark.parametrize("use", [
    SUBNET + 'allow = ["known"]\ndeny = ["phones"]', SUBNET + 'deny = ["phones"]',
    SUBNET + 'when = [{ class = "phones", lease-time = 60 }]',
    written("b", "test = \"member('phones')\"\nlease-class = true") + SUBNET,
])  # fmt: skip
def test_a_class_that_is_named_anywhere_is_in_use(tmp_path, use: str) -> None:
    assert told(tmp_path, PHONES + use) == ([], [])


@pytest.mark.parametrize("text", [
    written("a", "test = \"option[60].hex == 'x'\"\nlease-class = true"),
    written("a", "test = \"relay4[1].hex == 'x' or option[61].hex == 'y'\""),
    written("a", "test = \"option[12].hex == 'x'\""),
    written("a", "test = \"pkt4.mac == 0x020000000001\""),
])  # fmt: skip
def test_a_guard_that_renewals_pass_draws_no_warning(tmp_path, text: str) -> None:
    assert told(tmp_path, text + SUBNET + 'allow = ["a"]') == ([], [])


def test_each_test_stands_behind_those_that_it_names(tmp_path) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(
        written("a", "test = \"member('c') or member('d')\"\ndrop = true")
        + written("b", 'test = "known"\ndrop = true')
        + written("c", "test = \"not member('d')\"") + written("d", 'test = "known"') + SUBNET
    )
    order = [found.name for found in in_order(load(path).classes)]
    assert order == ["b", "d", "c", "a"]


def test_tests_of_one_value_cost_one_look(tmp_path) -> None:
    """Of an option it is the only instruction, and no program begins for it."""
    def cost(count: int, value: str = "option[60].hex") -> int:
        path = tmp_path / "fastdhcp.toml"
        path.write_text("".join(
            written(f"c{i}", f"test = \"{value} == 'model {i}'\"\ndrop = true")
            for i in range(count)
        ) + SUBNET)  # fmt: skip
        return ceiling(load(path).classes)

    assert cost(200) == cost(1) == WEIGHTS["option-among"]
    relay = "relay4[1].hex"
    assert cost(200, relay) == cost(1, relay) == RUN + WEIGHTS["relay"] + WEIGHTS["among"]


def test_a_hundred_classes_by_a_thousand_subnets_compile_in_five_seconds(tmp_path) -> None:
    """Of CPU, reading the text in it."""
    classes = "".join(
        written(f"c{i}", f"test = \"substring(option[60].hex, 0, 9) == 'model-{i:03}'\"")
        for i in range(100)
    )
    subnets = "".join(
        f"""[[subnets]]
subnet = "10.{n >> 8}.{n & 255}.0/24"
allow = [{", ".join(f'"c{(n + i) % 100}"' for i in range(20))}]
when = [{", ".join(f'{{ class = "c{(n + i) % 100}", lease-time = {n + 60} }}' for i in range(9))}]
pools = [{{ range = "10.{n >> 8}.{n & 255}.10-10.{n >> 8}.{n & 255}.250", deny = ["c{n % 100}"] }}]
"""
        for n in range(1000)
    )
    path = tmp_path / "fastdhcp.toml"
    path.write_text(classes + subnets)
    began_s = time.process_time()
    config = load(path)
    ids = Ids({"": 0}, range(1, 1001), {name: n for n, name in enumerate(config.class_names(), 1)})
    compile_image(config, ids, [], 1)
    assert time.process_time() - began_s < 5


def test_programs_that_an_image_has_no_room_for_are_told_by_check(tmp_path: Path) -> None:
    """At its line, and not when the server puts the policy in force."""
    codes = [f'test = "option[{code}].exists"' for code in range(128, 153)]
    text = SUBNET + "".join(written(f"c{place}", test) for place, test in enumerate(codes[:24]))
    assert told(tmp_path, text)[0] == []
    (error,) = told(tmp_path, text + written("last", codes[24]))[0]
    assert error.startswith(f"{text.count(chr(10)) + 1}: classes[24]: expressions read more")
    assert error.endswith("read fewer of them")


def test_all_tests_together_have_8192_instructions(tmp_path: Path) -> None:
    """Tests of one value count once, however many they are; [identifiers] count, too."""
    whole = "".join(
        written(f"c{n}", "test = \"option[12].hex in ({}) or known\"".format(
            ", ".join(f"'{n}-{place}'" for place in range(60))))
        for n in range(8192 // 64)
    )  # fmt: skip
    same = "".join(written(f"s{n}", f"test = \"option[60].hex == '{n}'\"") for n in range(100))
    assert told(tmp_path, SUBNET + whole)[0] == []
    (error,) = told(tmp_path, SUBNET + whole + same)[0]
    assert "all expressions together take more than 8192 instructions; put what many" in error
    (error,) = told(tmp_path, SUBNET + whole + "[identifiers]\nport = \"relay4[1].hex\"\n")[0]
    assert ": identifiers.port: all expressions together take" in error
    assert told(tmp_path, SUBNET + same)[0] == []
