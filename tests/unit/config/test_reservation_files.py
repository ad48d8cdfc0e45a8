"""Files of reservations: what CSV may say, each way in which it may be wrong, and how fast it is.

RFC 4180 is the form of the file; RFC 2131 4.3.1 has the address that was configured for a client.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fastdhcp._reservations import CLASS_ID_MAX, ReservationsView
from fastdhcp._rows import Rows
from fastdhcp.config import ConfigError, Configuration, check, load, reservation_files
from fastdhcp.config.compile import Ids, compile_image
from fastdhcp.config.report import Report, Source, Where
from fastdhcp.config.reservations import Part, ReservationTable

SUBNETS = """
[server]
workers = 1
reservation-files = ["cpe.csv"]
[[subnets]]
subnet = "10.0.0.0/8"
[[subnets]]
subnet = "10.0.0.0/24"
vrf = "blue"
interface = "blue0"
[[classes]]
name = "gold"
[[classes]]
name = "silver"
"""
HEADS = "hw-address,address,hostname,classes,vrf,boot-file,next-server\n"
BLUE = 7


def loaded(folder: Path, csv: str | bytes, text: str = SUBNETS) -> Configuration:
    write(folder, csv, text)
    return load(folder / "fastdhcp.toml")


def write(folder: Path, csv: str | bytes, text: str = SUBNETS) -> None:
    (folder / "cpe.csv").write_bytes(csv.encode() if isinstance(csv, str) else csv)
    (folder / "fastdhcp.toml").write_text(text)


def rows(config: Configuration) -> list[dict[str, Any]]:
    with config.reservations.made({"blue": BLUE}, {"gold": 11, "silver": 12}).mapped() as octets:
        view = ReservationsView(bytes(octets))
        return [view.row(number) for number in range(len(view))]


def test_all_columns(tmp_path: Path) -> None:
    config = loaded(tmp_path, HEADS + (
        "02:ee:00:00:00:01,10.1.0.1,cpe-1,,,cm/gold.bin,10.0.0.8\n"
        "02-EE-00-00-00-02,10.1.0.2,,gold+silver,,,\n"
        "\n"
        "02:ee:00:00:00:01,10.0.0.9,,silver,blue,,\r\n"
        "32/0a0b,10.0.0.10,,gold,blue,,\n"
        '"02:ee:00:00:00:03",,"cpe,3",gold+silver,default,,'
    ).replace("0a0b", "0a:0b"))  # fmt: skip
    found = rows(config)
    assert [(row["vrf"], row["address"], row["network"] != 0) for row in found] == [
        (0, 0x0A010001, True), (0, 0x0A010002, True), (BLUE, 0x0A000009, True),
        (BLUE, 0x0A00000A, True), (0, 0, False),
    ]  # fmt: skip
    assert [row["identity"].hex() for row in found] == [
        "0102ee00000001", "0102ee00000002", "0102ee00000001", "200a0b", "0102ee00000003",
    ]  # fmt: skip
    assert [row["classes"] for row in found] == [(), (11, 12), (12,), (11,), (11, 12)]
    assert [row["hostname"] for row in found] == [b"cpe-1", b"", b"", b"", b"cpe,3"]
    assert (found[0]["boot_file"], found[0]["next_server"]) == (b"cm/gold.bin", 0x0A000008)


def test_identifiers_of_several_kinds_one_in_each_row(tmp_path: Path) -> None:
    """RFC 2132 9.14, RFC 3046 3.1 and 3.2; text, or octets in hex."""
    config = loaded(tmp_path, (
        "client-id,circuit-id,remote-id,address\n"
        "hex:01aabbcc,,,10.1.0.1\n"
        ",slot 1 port 7,,10.1.0.2\n"
        f",,{'r' * 255},10.1.0.3\n"
        ",hex:00,,10.1.0.4\n"
        ",Ünï,,10.1.0.5\n"
    ))  # fmt: skip
    assert [(row["kind"], row["identity"]) for row in rows(config)] == [
        (1, bytes.fromhex("01aabbcc")), (3, b"slot 1 port 7"), (4, b"r" * 255), (3, b"\0"),
        (3, "Ünï".encode()),
    ]  # fmt: skip


WRONG = [
    ("a column", "mac,address\n", [(1, "mac", 'is not a column; did you mean "hw-address"?')]),
    ("a column twice", "hw-address,address,address\n", [
        (1, "address", "is there already; name each column once")]),
    ("no identifier", "address,hostname\n", [
        (1, "", 'names no identifier; one column must be one of "client-id", "hw-address", '
         '"circuit-id", "remote-id", "subscriber-id"')]),
    ("an empty file", "", [(1, "", None)]),
    ("fields", "hw-address,address\n02:ee:00:00:00:01\n02:ee:00:00:00:02,10.1.0.1,x\n", [
        (2, "hw-address", "the row has 1 field, and the first line names 2"),
        (3, "address", "the row has 3 fields, and the first line names 2")]),
    ("lines that end in CR", "hw-address,address\r02:ee:00:00:00:01,10.1.0.1\r", [
        (1, "", "ends its lines in CR alone; save it with LF, or with CR and LF")]),
    ("a quote in the first line", '"hw-address,address\n02:ee:00:00:00:01,10.1.0.1\n', [
        (1, "", "is not CSV: unexpected end of data")]),
    ("no identifier in a row", "hw-address,address\n,10.1.0.1\n", [
        (2, "hw-address", "the row has no identifier; write hw-address")]),
    ("two in a row", "hw-address,circuit-id,address\n02:ee:00:00:00:01,x,10.1.0.1\n", [
        (2, "circuit-id", "the row has another identifier already; write one in each")]),
    ("a hardware address", "hw-address,address\n02:ee:00:00:01,10.1.0.1\n02ee,10.1.0.1\n", [
        (2, "hw-address", '"02:ee:00:00:01" has 5 octets; write 6'),
        (3, "hw-address", '"02ee" is not a hardware address; write one as in '
         '"02:ee:00:00:00:01"')]),
    ("an identifier", f"client-id,address\nx,10.1.0.1\nhex:0,10.1.0.1\n{'y' * 256},10.1.0.1\n", [
        (2, "client-id", '"x" has 1 octets; write 2 to 255'),
        (3, "client-id", None),
        (4, "client-id", None)]),
    ("an address", "hw-address,address\n02:ee:00:00:00:01,10.1.0\n02:ee:00:00:00:02,10.1.0.256\n"
     "02:ee:00:00:00:03,0.0.0.0\n02:ee:00:00:00:04,010.1.0.1\n", [
        (2, "address", '"10.1.0" is not an address; write four numbers as in 10.0.0.1'),
        (3, "address", None),
        (4, "address", "0.0.0.0 is no host's address; leave it empty for a row without address"),
        (5, "address", None)]),
    ("a hostname", "hw-address,hostname\n02:ee:00:00:00:01,drücker\n", [
        (2, "hostname", '"drücker" does not fit; write 1 to 255 printable ASCII characters')]),
    ("a boot file", f"hw-address,boot-file\n02:ee:00:00:00:01,{'b' * 128}\n", [
        (2, "boot-file", None)]),
    ("a next server", "hw-address,next-server\n02:ee:00:00:00:01,tftp\n", [
        (2, "next-server", None)]),
    ("classes", "hw-address,classes\n02:ee:00:00:00:01,gold+bronze\n02:ee:00:00:00:02,gold+gold\n"
     "02:ee:00:00:00:03,gold+silver+gold+silver+gold\n", [
        (2, "classes", '"bronze" is not a class; there are gold, silver'),
        (3, "classes", '"gold" is there already; write each class once'),
        (4, "classes", "names 5 classes; a reservation has at most 4")]),
    ("a VRF", "hw-address,vrf\n02:ee:00:00:00:01,red\n", [
        (2, "vrf", 'no subnet is in the VRF "red"; write the vrf of a subnet')]),
    ("a space", "circuit-id,address\n port 1,10.1.0.1\n", [
        (2, "circuit-id", "has a space before or after it; take it out (in an identifier write "
         "hex:20)")]),
    ("a quote", 'circuit-id,address\n"port 1,10.1.0.1\n', [
        (2, "circuit-id", "is not CSV: unexpected end of data")]),
    ("an address of no subnet", "hw-address,vrf,address\n02:ee:00:00:00:01,blue,10.1.0.1\n", [
        (2, "address", "10.1.0.1 lies in no subnet of its VRF; write one of a subnet, or leave it "
         "out")]),
    ("a broadcast address", "hw-address,vrf,address\n02:ee:00:00:00:01,blue,10.0.0.255\n", [
        (2, "address", "10.0.0.255 is not a host's address in 10.0.0.0/24; write one from 10.0.0.1 "
         "to 10.0.0.254")]),
    ("an address twice", "hw-address,address\n02:ee:00:00:00:01,10.1.0.1\n"
     "02:ee:00:00:00:02,10.1.0.1\n", [
        (3, "address", "10.1.0.1 is reserved already, at FILE:2")]),
    ("an identifier twice", "hw-address,address\n02:ee:00:00:00:01,10.1.0.1\n\n"
     "02-ee-00-00-00-01,10.1.0.2\n", [
        (4, "hw-address", '"02:ee:00:00:00:01" has a reservation in this network already, at '
         "FILE:2; write one for each client")]),
    ("a long identifier twice", f"remote-id\n{'r' * 20}\n{'r' * 20}\n", [
        (3, "remote-id", f'"{"r" * 20}" has a reservation in this network already, at FILE:2; '
         "write one for each client")]),
    ("octets twice", "client-id\nhex:0001\nhex:00:01\n", [
        (3, "client-id", '"hex:0001" has a reservation in this network already, at FILE:2; write '
         "one for each client")]),
    ("semicolons", "hw-address;address\n02:ee:00:00:00:01;10.1.0.1\n", [
        (1, "", "separates its columns by semicolons; write commas")]),
    ("no first line", "02:ee:00:00:00:01,10.1.0.1,a,\n", [
        (1, "", "names no columns; write a first line that does, such as "
         "hw-address,address,hostname")]),
    ("a comment first", "# ours\nhw-address,address\n02:ee:00:00:00:01,10.1.0.1\n", [
        (1, "", "begins with #, and CSV has no comments; the first line names the columns")]),
    ("a comment", "hw-address,address\n# ours\n#02:ee:00:00:00:01,10.1.0.1\n", [
        (2, "", "begins with #, and CSV has no comments; take the line out"),
        (3, "", "begins with #, and CSV has no comments; take the line out")]),
    ("a tab", "circuit-id,address\n\tport 1,10.1.0.1\n\"port 2\t\",10.1.0.2\n", [
        (2, "circuit-id", "has a space before or after it; take it out (in an identifier write "
         "hex:20)"),
        (3, "circuit-id", None)]),
]  # fmt: skip


@pytest.mark.parametrize(("csv", "wanted"), [case[1:] for case in WRONG],
                         ids=[case[0] for case in WRONG])  # fmt: skip
def test_what_is_wrong_is_told_by_file_line_and_column(
    tmp_path: Path, csv: str, wanted: list[tuple[int, str, str | None]]
) -> None:
    write(tmp_path, csv)
    errors, _ = check(tmp_path / "fastdhcp.toml")
    file = str(tmp_path / "cpe.csv")
    assert [(e.file, e.line, e.key) for e in errors] == [(file, *row[:2]) for row in wanted]
    for error, (_, _, text) in zip(errors, wanted, strict=True):
        if text is not None:
            assert error.text.replace(file, "FILE") == text


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    """Spreadsheets write it."""
    csv = "\ufeffhw-address,address\n02:ee:00:00:00:01,10.1.0.1\n"
    assert [row["address"] for row in rows(loaded(tmp_path, csv))] == [0x0A010001]


def test_what_is_no_blank_of_ascii_belongs_to_the_field_quoted_or_not(tmp_path: Path) -> None:
    csv = 'circuit-id,address\n\u00a0port,10.1.0.1\n"\u00a0port2",10.1.0.2\n'
    found = [row["identity"].decode() for row in rows(loaded(tmp_path, csv))]
    assert found == ["\u00a0port", "\u00a0port2"]


def test_a_hardware_address_may_have_dots(tmp_path: Path) -> None:
    csv = "hw-address\n02ee.0000.0001\n"
    (row,) = rows(loaded(tmp_path, csv))
    assert row["identity"].hex() == "0102ee00000001"


@pytest.mark.parametrize(("text", "wanted"), [
    ("01:00:11:22:33:44:55", 'is taken as 20 letters; if octets are meant, write '
     '"hex:01001122334455"'),
    ("0x0a0b", 'is taken as 6 letters; if octets are meant, write "hex:0a0b"'),
    ("'charter950'", 'is taken with its quotes; write "charter950" if they are not meant'),
])  # fmt: skip
def test_octets_as_others_write_them_are_taken_as_text_and_told(
    tmp_path: Path, text: str, wanted: str
) -> None:
    """Of each column the first; a file that has not changed is told of again."""
    csv = f"address,client-id,circuit-id\n10.1.0.1,ab,\n10.1.0.2,{text},\n10.1.0.3,,{text}\n"
    write(tmp_path, csv)
    for _ in range(2):
        errors, warnings = check(tmp_path / "fastdhcp.toml")
        told = [(w.line, w.key, w.text) for w in warnings if w.file.endswith("cpe.csv")]
        assert errors == []
        assert told == [
            (3, "client-id", f'"{text}" {wanted}'), (4, "circuit-id", f'"{text}" {wanted}'),
        ]  # fmt: skip


def test_they_are_found_wherever_they_stand(tmp_path: Path) -> None:
    """The file is searched a piece at a time, and a line is in one piece."""
    rows = [f"eth 1/1/{number},10.1.{number >> 8}.{number & 255}" for number in range(1, 20000)]
    for at in (0, 6000, 19998):
        csv = "circuit-id,address\n" + "\n".join([*rows[:at], "0x0a0b,", *rows[at:]])
        write(tmp_path, csv)
        (warning,) = [w for w in check(tmp_path / "fastdhcp.toml")[1] if "octets" in w.text]
        assert (warning.line, warning.key) == (at + 2, "circuit-id")


def test_a_file_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "fastdhcp.toml").write_text(SUBNETS)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "fastdhcp.toml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (4, "server.reservation-files[0]")
    assert problem.text == f'there is no file "{tmp_path / "cpe.csv"}"'


def test_octets_that_are_no_utf_8_are_told_with_their_line(tmp_path: Path) -> None:
    write(tmp_path, b"circuit-id,address\nx,10.1.0.1\n\xff,10.1.0.2\n")
    errors, _ = check(tmp_path / "fastdhcp.toml")
    assert [(e.line, e.text) for e in errors] == [(3, "is not UTF-8 text; save the file as UTF-8")]


def test_of_many_wrong_rows_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    write(tmp_path, "hw-address,address\n" + "x,10.1.0.1\n" * 5000)
    errors, _ = check(tmp_path / "fastdhcp.toml")
    assert len(errors) == 21
    assert "has 4980 more rows that are wrong" in [error.text for error in errors]


def test_rows_of_toml_and_csv_are_held_against_each_other(tmp_path: Path) -> None:
    text = SUBNETS.replace('[[subnets]]\nsubnet = "10.0.0.0/24"', (
        '[[subnets.reservations]]\nhw-address = "02:ee:00:00:00:09"\naddress = "10.1.0.1"\n'
        '[[subnets]]\nsubnet = "10.0.0.0/24"'))  # fmt: skip
    write(tmp_path, HEADS + "02:ee:00:00:00:01,10.1.0.1,,,,,\n", text)
    errors, _ = check(tmp_path / "fastdhcp.toml")
    place = f"{tmp_path / 'fastdhcp.toml'}:7"
    assert [(e.line, e.text) for e in errors] == [
        (2, f"10.1.0.1 is reserved already, at {place}")
    ]


def test_a_subnet_with_reservations_of_a_file_alone_is_not_empty(tmp_path: Path) -> None:
    text = SUBNETS.partition("[[subnets]]\nsubnet = \"10.0.0.0/24\"")[0]
    write(tmp_path, "hw-address,address\n02:ee:00:00:00:01,10.1.0.1\n", text)
    assert check(tmp_path / "fastdhcp.toml") == ([], [])


# ---- what has not changed is not made again


def fd_of(config: Configuration) -> int:
    return config.reservations.made({"blue": BLUE}, {"gold": 1, "silver": 2}).fd


def test_a_table_is_made_anew_only_if_something_in_it_has_changed(tmp_path: Path) -> None:
    csv = HEADS + "02:ee:00:00:00:01,10.1.0.1,,,,,\n"
    first = loaded(tmp_path, csv)
    file = tmp_path / "fastdhcp.toml"
    file.write_text(SUBNETS.replace("workers = 1", "workers = 2"))
    assert fd_of(load(file)) == fd_of(first)
    file.write_text(SUBNETS.replace('"10.0.0.0/8"', '"10.0.0.0/9"'))
    assert fd_of(load(file)) != fd_of(first)  # rows find their subnets anew, and are not read anew
    (tmp_path / "cpe.csv").write_text(csv.replace("10.1.0.1", "10.1.0.2"))
    assert [row["address"] for row in rows(load(tmp_path / "fastdhcp.toml"))] == [0x0A010002]


# ---- size and speed

MAKE = (
    "import sys; from tests.unit.config.test_reservation_files import measure; "
    "measure(*sys.argv[1:])"
)


def many(count: int) -> str:
    lines = [
        f"02:{n >> 24 & 255:02x}:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}:01,"
        f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255},cpe-{n:07d},gold,,,\n"
        for n in range(257, 257 + count + count // 100)
        if n & 255 not in (0, 255)
    ]
    return HEADS + "".join(lines[:count])


def measure(folder: str) -> None:
    """In a process of its own: seconds from its start until the table is made, and its octets."""
    config = load(Path(folder) / "fastdhcp.toml")
    made = compile_image(config, Ids({"blue": BLUE}, [1, 2]), (), 1).reservations
    since_start_s = time.clock_gettime(time.CLOCK_BOOTTIME) - started_s()
    print(since_start_s, os.fstat(made.fd).st_size, len(config.reservations))


def started_s() -> float:
    """When this process began, by CLOCK_BOOTTIME."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK")


def measured(folder: Path, count: int) -> tuple[float, float]:
    """Seconds, and octets a row."""
    write(folder, many(count))
    done = subprocess.run([sys.executable, "-c", MAKE, str(folder)], capture_output=True, text=True,
                          cwd=Path(__file__).parents[3], check=True)  # fmt: skip
    seconds, size, found = done.stdout.split()
    assert int(found) == count
    return float(seconds), int(size) / count


def test_more_than_a_table_holds_is_told_at_a_place() -> None:
    rows = Rows()
    for number in range(20_000):
        rows.add(kind=1, identity=b"%0255d" % number, hostname=bytes(255))
    source = Source("cpe.csv", "", is_json=False, lines={("client-id",): 7})
    part = Part(rows, lambda row, key: Where(source, (key or "client-id",)))
    table = ReservationTable([part] * 400, [""], [], [], [], [], [])
    report = Report()
    table.check(report)
    (error,) = map(str, report.errors())
    assert error.startswith("cpe.csv:7: client-id: is one of 8000000 reservations that take ")
    assert error.endswith("at most 4 GiB fit: write fewer of them")


def test_a_class_whose_number_no_cell_holds_is_told_with_its_line(tmp_path: Path) -> None:
    """Only the store knows it; a `check` cannot."""
    csv = "hw-address,classes\n02:ee:00:00:00:01,gold\n02:ee:00:00:00:02,gold+silver\n"
    config = loaded(tmp_path, csv)
    with pytest.raises(OverflowError) as raised:
        config.reservations.made({"blue": BLUE}, {"gold": 11, "silver": CLASS_ID_MAX + 1})
    assert f'{tmp_path / "cpe.csv"}:3: classes: "silver" is number 65536 of' in str(raised.value)
    assert "reservations can name the first 65535: give the class" in str(raised.value)
    assert config.reservations.made({"blue": BLUE}, {"gold": 11, "silver": CLASS_ID_MAX})


def test_a_hundred_thousand_rows_are_small_and_soon_read(tmp_path: Path) -> None:
    seconds, octets = measured(tmp_path, 100_000)
    assert octets <= 200
    assert seconds < 20  # a fraction of a second but for the machine's other work


def test_a_million_rows_are_ready_within_five_seconds(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("a million rows only with --long")
    seconds, octets = min(measured(tmp_path, 1_000_000) for _ in range(3))
    print(f"{seconds:.2f} s, {octets:.0f} octets a row")
    assert octets <= 200
    assert seconds < 5


def test_a_file_that_is_named_no_more_is_forgotten(tmp_path: Path) -> None:
    """A server whose files are made anew under other names must not keep all of them."""
    loaded(tmp_path, HEADS + "02:ee:00:00:00:01,10.1.0.1,,,,,\n")
    assert (tmp_path / "cpe.csv") in reservation_files._known
    loaded(tmp_path, HEADS, SUBNETS.replace('"cpe.csv"', ""))
    assert (tmp_path / "cpe.csv") not in reservation_files._known
