"""`fastdhcp serve` and `fastdhcp check`: what takes a configuration file."""

import sys
from pathlib import Path

import click

from fastdhcp.collector import paused
from fastdhcp.exits import EXIT_CONFIG

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("-c", "--config", type=FILE, required=True, help="Configuration file.")
@click.option(
    "--http-fd",
    type=click.IntRange(min=0),
    metavar="FD",
    help="A listening TCP socket that serves HTTP instead of control.listen.",
)
def serve(config: Path, http_fd: int | None) -> None:
    """Run the server, in the foreground, until TERM or INT.

    HUP reads the configuration again, USR1 logs the counters.
    """
    with paused():  # a fifth of the time that these take to be imported
        from fastdhcp.supervisor.serve import serve as run

    sys.exit(run(config, http_fd=http_fd))


@click.command()
@click.argument("file", type=FILE, required=False)
@click.option("-c", "--config", type=FILE, help="The same as FILE, as other commands have it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def check(file: Path | None, config: Path | None, as_json: bool) -> None:
    """Check a configuration.

    Each problem is told with file, line and key, and what would be right. Exit code 78 if there is
    an error; warnings alone are good enough to run.
    """
    if (file is None) == (config is None):
        raise click.UsageError("name one file: fastdhcp check FILE")
    file = file or config
    assert file is not None
    import json

    from fastdhcp.config.cost import costs
    from fastdhcp.config.load import examine
    from fastdhcp.words import printable

    configuration, errors, warnings = examine(file)
    for level, problems in (("error", errors), ("warning", warnings)):
        for problem in problems:
            if as_json:
                told = {"file": problem.file, "key": problem.key, "text": problem.text}
                told = {name: printable(text) for name, text in told.items()}
                click.echo(json.dumps({"level": level, "line": problem.line, **told}))
            else:
                mark = "warning: " if level == "warning" else ""
                click.echo(f"{problem.place}: {mark}{problem.told}")
    if not errors and not as_json:
        count = len(warnings)
        some = f"good, with {count} warning{'s' if count > 1 else ''}" if warnings else "good"
        click.echo(f"{printable(str(file))}: {some}")
        for line in costs(configuration) if configuration is not None else ():
            click.echo(line)
    sys.exit(EXIT_CONFIG if errors else 0)
