"""What `check` says of the cost of classes, held against the image that is really made."""

from pathlib import Path

import pytest

from fastdhcp.config import load
from fastdhcp.config.compile import Ids, compile_image
from fastdhcp.config.cost import costs

CLASS = '[[classes]]\nname = "{name}"\ntest = "option[60].hex == \'{name}\'"\n{rest}\n'


def subnets(count: int, rest: str = "") -> str:
    return "".join(
        f'[[subnets]]\nsubnet = "10.0.{n}.0/24"\n{rest}\n'
        f'pools = ["10.0.{n}.10-10.0.{n}.20", "10.0.{n}.30-10.0.{n}.40"]\n'
        for n in range(count)
    )


def told(folder: Path, text: str) -> list[str]:
    path = folder / "fastdhcp.toml"
    path.write_text(text)
    return list(costs(load(path)))


def test_without_classes_nothing_is_said(tmp_path: Path) -> None:
    assert told(tmp_path, subnets(2)) == []


def test_kinds_of_replies_are_of_classes_that_say_something_in_them(tmp_path: Path) -> None:
    silent = CLASS.format(name="a", rest="lease-time = 60")
    (_, policy) = told(tmp_path, subnets(3) + silent)
    assert policy.startswith("the policy takes ")
    options = CLASS.format(name="b", rest='options = { tz-name = "x" }')
    when = 'when = [{ class = "c", options = { tz-name = "y" } }]'
    text = subnets(3, when) + silent + options + CLASS.format(name="c", rest="")
    (_, kinds, _) = told(tmp_path, text)
    assert kinds == (
        "3 subnets and 6 pools, by 2 classes with options, make up to 27 kinds of replies, if each "
        "client is of one such class or of none"
    )


@pytest.mark.parametrize("count", [1, 200])
def test_the_length_is_that_of_the_image(tmp_path: Path, count: int) -> None:
    """Where [[vrfs]] and reservations have their part in it."""
    option = 'options = { root-path = "/exports/machines/of/this/subnet" }'
    own = 'hw-address = "02:00:00:00:00:01"\naddress = "10.0.0.99"\nlease-time = 7'
    text = subnets(count, option) + CLASS.format(name="a", rest="lease-time = 60")
    text += f'[[subnets.reservations]]\n{own.replace("10.0.0", f"10.0.{count - 1}")}\n'
    text += '[[subnets]]\nsubnet = "10.0.0.0/24"\nvrf = "blue"\ninterface = "b0"\n'
    *_, line = told(tmp_path, text)
    config = load(tmp_path / "fastdhcp.toml")
    ids = Ids({"": 0, "blue": 1}, range(1, count + 2), {"a": 1})
    octets = len(compile_image(config, ids, (), 1).image)
    assert line.startswith(f"the policy takes {octets / 1000:.1f} kB: ")
    assert line.endswith("1 layer of options, 2 sets of values of classes and reservations")


def test_a_policy_of_megabytes_is_told_in_these(tmp_path: Path) -> None:
    """Thirty classes that say something of their own in each of two hundred and fifty subnets."""
    names = [f"c{n}" for n in range(30)]
    text = "".join(CLASS.format(name=name, rest="") for name in names)
    for n in range(250):
        own = (
            f'{{ class = "{name}", options = {{ root-path = "/{n:0150}/{name}" }} }}'
            for name in names
        )
        text += f'[[subnets]]\nsubnet = "10.0.{n}.0/24"\nwhen = [{", ".join(own)}]\n'
        text += f'pools = ["10.0.{n}.0/25"]\n'
    _, kinds, policy = told(tmp_path, text)
    assert "by 30 classes with options, make up to 15500 kinds of replies" in kinds
    assert policy.startswith("the policy takes 1.5 MB: 7500 layers of options, 0 sets")
