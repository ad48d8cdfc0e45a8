"""The command `fastdhcp`: its subcommands by name; each is imported only when it is called."""

import importlib

import click

from fastdhcp import __version__

SUBCOMMANDS = {
    "serve": ("fastdhcp.cli.server:serve", "Run the server in the foreground."),
    "check": ("fastdhcp.cli.server:check", "Check a configuration file."),
    "demo": ("fastdhcp.demo:demo", "Watch a server and its clients in a private network."),
    "status": ("fastdhcp.cli.ask:status", "Show the state of a running server."),
    "pools": ("fastdhcp.cli.ask:pools", "Show how full each pool is, by state of its addresses."),
    "leases": ("fastdhcp.cli.leases:leases", "List, show, release or export leases."),
    "trace": ("fastdhcp.cli.ask:trace", "Show the last packets and what was decided about each."),
    "explain": ("fastdhcp.cli.explain:explain", "Explain what a client is answered, and why."),
    "reload": ("fastdhcp.cli.ask:reload", "Make the server read its configuration again."),
    "probe": ("fastdhcp.probe:probe", "Ask any DHCP server for a lease, step by step."),
    "bench": ("fastdhcp_bench.cli:bench", "Load any DHCP server with many clients."),
    "version": ("fastdhcp.cli.main:version", "Print the version."),
}
"""Name: where it stands, and what the help says of it."""


class LazyGroup(click.Group):
    """A group that knows its members' names and help without importing them: `serve` starts
    without the client's parts, and the client without the server's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUBCOMMANDS:
            return None
        module, _, name = SUBCOMMANDS[cmd_name][0].partition(":")
        found = getattr(importlib.import_module(module), name)
        assert isinstance(found, click.Command)
        return found

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ImportError as error:
            if not (error.name or "").startswith("fastdhcp._"):
                raise
            text = "the compiled part is missing or older than the source: run `make build`"
            raise click.ClickException(f"{text} ({error})") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in SUBCOMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fastdhcp", message="%(prog)s %(version)s")
def main() -> None:
    """A fast DHCPv4 server. No lease is acknowledged before it is on disk.

    Exit codes: 0 success, 1 failure, 2 wrong usage, 75 port or state directory in use, 78 invalid
    configuration.
    """


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"fastdhcp {__version__}")
