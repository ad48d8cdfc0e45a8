"""RFC 3925 4: vendors of option 125 from several places, and more than an option may have."""

from pathlib import Path

import pytest

from fastdhcp.config import check


def vendors(first: int, count: int, size: int = 250) -> str:
    """A value with so many vendors, each of `size` octets beside its head of five."""
    found = [f'{{ enterprise = {first + n}, data = "hex:{"00" * size}" }}' for n in range(count)]
    return f"{{ vendor-options = [{', '.join(found)}] }}"


def subnet(options: str = "{ }", pool: str = "{ }", more: str = "") -> str:
    return (
        '[[subnets]]\nsubnet = "10.77.0.0/22"\n'
        f'pools = [{{ range = "10.77.1.1-10.77.1.250", options = {pool} }}]\n'
        f"options = {options}\n{more}"
    )


DEFAULTS = f"defaults.options = {vendors(1, 2)}\n"
CURE = "an option may take 1024; write fewer vendors, or less of one"
FAR = f"takes 1275 octets with what farther places give of other vendors; {CURE}"
BAD = [
    ("125 of defaults and a subnet", DEFAULTS + subnet(vendors(10, 3)),
     [f"5: subnets[0].options.vendor-options: vendor-options {FAR}"]),
    ("125 of defaults and a shared network",
     DEFAULTS + subnet(more='shared-network = "lan"\n[[shared-networks]]\nname = "lan"\n'
                            f"options = {vendors(10, 3)}\n"),
     [f"5: subnets[0].options.vendor-options: vendor-options {FAR}"]),
    ("125 of a subnet and its pool", subnet(vendors(1, 2), vendors(10, 3)),
     [f"3: subnets[0].pools: vendor-options {FAR}"]),
    ("125 of a subnet and a reservation",
     subnet(vendors(1, 2), more='reservations = [\n{ hw-address = "02:ee:00:00:00:01", '
                                f"options = {vendors(10, 3)} }},\n]\n"),
     [f"6: subnets[0].reservations[0].options.vendor-options: vendor-options {FAR}"]),
]  # fmt: skip


def told(folder: Path, text: str) -> tuple[list[str], list[str]]:
    path = folder / "f.toml"
    path.write_text(text)
    errors, warnings = check(path)
    return ([str(e).removeprefix(f"{path}:") for e in errors],
            [str(w).removeprefix(f"{path}:") for w in warnings])  # fmt: skip


@pytest.mark.parametrize(("name", "text", "wanted"), BAD, ids=[row[0] for row in BAD])
def test_what_meets_at_every_client_is_refused(
    tmp_path: Path, name: str, text: str, wanted: list[str]
) -> None:
    assert told(tmp_path, text)[0] == wanted


@pytest.mark.parametrize(
    "text",
    [
        DEFAULTS + subnet(vendors(10, 2)),  # 1,020 octets
        DEFAULTS + subnet(vendors(1, 4)),  # of the same vendors the nearest has the word
        DEFAULTS + subnet(f'{{ "125" = "hex:{"00" * 1000}" }}'),  # whole, as it is
    ],
    ids=["they fit", "the same vendors", "in hex"],
)
def test_what_fits_is_good(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, text) == ([], [])


def test_what_meets_only_at_a_client_of_several_classes_is_a_warning(tmp_path: Path) -> None:
    classes = "".join(
        f'[[classes]]\nname = "c{n}"\ntest = "option[60].hex == \'c{n}\'"\n'
        f"options = {vendors(100 * n, 2)}\n"
        for n in (1, 2)
    )
    when = f'when = [{{ class = "c1", options = {vendors(50, 1)} }}]\n'
    errors, warnings = told(tmp_path, classes + subnet(vendors(1, 1)))
    assert (errors, warnings) == (
        [],
        ["12: subnets[0].options.vendor-options: vendor-options takes 1275 octets here for a "
         f"client of all classes with vendors of their own: some may be left out; {CURE}"],
    )  # fmt: skip
    errors, (warning,) = told(tmp_path, classes + subnet(vendors(1, 1), more=when))
    assert errors == []
    assert "takes 1530 octets" in warning
    assert told(tmp_path, classes + subnet()) == ([], [])
