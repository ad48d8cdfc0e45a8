"""What is said of a value that an option cannot carry."""

import json

SHOWN_MAX = 60  # characters of a value that a problem repeats


class OptionError(ValueError):
    """The text says what is wrong and what would be right; `path`: where within the value."""

    def __init__(self, text: str, *path: str | int) -> None:
        super().__init__(text)
        self.path = path


def shown(value: object) -> str:
    """A value as the configuration writes it, cut if it is long."""
    if isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        try:
            text = json.dumps(value) if isinstance(value, list | dict) else str(value)
        except (TypeError, ValueError, RecursionError):  # 5,000 digits, 1,000 lists, a date
            text = "what is written"
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."
