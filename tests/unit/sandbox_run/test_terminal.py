"""Lines carry the name of who said them, and nothing a process writes can break the rest."""

import io

from sandbox.run.terminal import MAX_LINE, Terminal


class GoneStream(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(text)


def test_lines_are_prefixed_and_plain_where_no_one_looks() -> None:
    stream = io.StringIO()
    Terminal(stream).relay("api", b"listening\r")
    assert stream.getvalue() == "api       | listening\n"


def test_each_name_keeps_a_colour_of_its_own() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream, colour=True)
    for name in ("api", "whatsapp", "api"):
        terminal.relay(name, b"x")
    first, second, third = (line.split("m")[0] for line in stream.getvalue().splitlines())
    assert first == third != second


def test_a_line_that_is_no_text_or_has_no_end_is_still_one_line() -> None:
    stream = io.StringIO()
    Terminal(stream).relay("api", b"\xff" + b"x" * MAX_LINE * 2)
    assert stream.getvalue().count("\n") == 1
    assert len(stream.getvalue()) < MAX_LINE + 50


def test_a_terminal_that_has_gone_away_is_not_an_error() -> None:
    Terminal(GoneStream()).say("still running")
