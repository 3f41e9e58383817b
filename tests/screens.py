"""A terminal as far as ours are concerned: what a person sees of the bytes that were written.

It breaks lines that are too long, as terminals do, and scrolls; it knows of the escape sequences
only those that we write, and fails at any other.
"""

import re
import unicodedata

_SEQUENCE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")


class Screen:
    """The lines that there are, the oldest first; the cursor is at `row` and `column`."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[list[str]] = [[]]
        self.row = self.column = 0
        self.colours = 0  # sequences of colour

    def feed(self, text: str) -> None:
        """Take what was written to the terminal."""
        at = 0
        while at < len(text):
            if found := _SEQUENCE.match(text, at):
                self._obey(found[1], found[2])
                at = found.end()
            else:
                self._take(text[at])
                at += 1

    def lines(self) -> list[str]:
        """Return what is seen, without the empty line at the end."""
        said = ["".join(row).rstrip() for row in self.rows]
        return said if said[-1] else said[:-1]

    def _obey(self, parameters: str, command: str) -> None:
        if command == "J" and not parameters:  # from the cursor to the end
            del self.rows[self.row + 1 :]
            del self.rows[self.row][self.column :]
        elif command == "K" and not parameters:  # to the end of the line
            del self.rows[self.row][self.column :]
        elif command == "m":
            self.colours += 1
        else:
            raise AssertionError(f"a sequence of {command!r} with {parameters!r}")

    def _take(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":  # of which the terminal's driver makes a carriage return as well
            self.column = 0
            self._next_row()
        else:
            assert character.isprintable() or character in "\u200d\ufe0f", repr(character)
            self._put(character)

    def _put(self, character: str) -> None:
        width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
            return
        if self.column + width > self.width:
            self.column = 0
            self._next_row()
        row = self.rows[self.row]
        row += " " * (self.column - len(row))
        row[self.column : self.column + width] = [character, ""][:width]
        self.column += width

    def _next_row(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])
