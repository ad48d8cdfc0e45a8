"""The server under test, by --servers; all of tests/net is of the ``net`` kind."""

import pytest

from tests.lab.servers import SERVERS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``server_class`` is each server that --servers names."""
    if "server_class" in metafunc.fixturenames:
        names = metafunc.config.option.servers.split(",")
        metafunc.parametrize("server_class", [SERVERS[n] for n in names], ids=names)
