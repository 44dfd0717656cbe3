"""What the developer sees: one stream of lines, each with the name of who said it."""

import contextlib
from itertools import cycle
from typing import Final, TextIO

COLOURS: Final = (36, 33, 32, 35, 34, 31)
NAME_WIDTH: Final = 9
MAX_LINE: Final = 8192


class Terminal:
    """Colours only where someone looks at it. A terminal that has gone away is not an error."""

    def __init__(self, stream: TextIO, *, colour: bool | None = None) -> None:
        self._stream = stream
        self._colour = stream.isatty() if colour is None else colour
        self._next_colour = cycle(COLOURS)
        self._colours: dict[str, int] = {}

    def say(self, text: str = "") -> None:
        """Write a line of our own."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def relay(self, name: str, line: bytes) -> None:
        """Write a line that the process `name` has written."""
        text = line[:MAX_LINE].decode(errors="replace").rstrip()
        prefix = f"{name:<{NAME_WIDTH}} |"
        if self._colour:
            colour = self._colours.setdefault(name, next(self._next_colour))
            prefix = f"\033[{colour}m{prefix}\033[0m"
        self.say(f"{prefix} {text}")
