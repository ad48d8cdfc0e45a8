"""``python -m fastdhcp``: the same as the command ``fastdhcp``."""

from fastdhcp.cli.main import main

if __name__ == "__main__":
    main()
