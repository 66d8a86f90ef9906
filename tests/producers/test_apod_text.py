"""The service's HTML as plain text."""

import pytest

from producers.apod.text import plain_text, tidy


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ('by <a href="https://x.test/">Some One</a> &amp; Co.', "by Some One & Co."),
        ("<strong>Label:&nbsp;</strong>a   b\nc", "Label: a b c"),
        ("one<br><br>two<p>three</p>", "one\ntwo\nthree"),
        ("<script>alert('x')</script>seen<style>p{}</style>", "seen"),
        ("a < b and c > d", "a < b and c > d"),
        ("unclosed <a href='x'>link", "unclosed link"),
        ("caf&eacute; &#9733; &nosuch;", "café ★ &nosuch;"),
        ("nul\x00 and lone \ud800 surrogate", "nul and lone surrogate"),
        ("", ""),
    ],
)
def test_what_a_browser_shows(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_stray_line_breaks_are_kept_as_lines_without_blanks() -> None:
    assert tidy("\n  Some   One\r\n\n& Co. ") == "Some One\n& Co."
