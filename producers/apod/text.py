"""The service's texts as plain text."""

from html.parser import HTMLParser

_LINE_TAGS = frozenset({"br", "p", "div", "li", "ul", "ol", "h1", "h2", "h3", "tr", "center"})
"""Tags that a browser begins a new line at."""
_SILENT_TAGS = frozenset({"script", "style", "template"})
"""Tags whose content a browser does not show."""


def plain_text(html: str) -> str:
    """What a browser would show of a piece of HTML: lines of text, without tags or entities."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    return tidy("".join(parser.pieces))


def tidy(text: str) -> str:
    """Text without control characters, runs of spaces, or empty lines."""
    lines = (" ".join(_shown(line).split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def one_line(text: str) -> str:
    """The same on one line, for names."""
    return tidy(text).replace("\n", " ")


def _shown(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(letter if letter.isprintable() else " " for letter in line)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT_TAGS
        if tag in _LINE_TAGS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in _SILENT_TAGS))
        if tag in _LINE_TAGS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            # A line break in the source is a space on the screen.
            self.pieces.append(" ".join(data.splitlines()))
