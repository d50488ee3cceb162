"""Foreign text made fit to be shown: of limited length, and without characters that would garble a page."""

from __future__ import annotations

__all__ = ["brief", "visible"]

LONGEST = 300  # characters
KEPT = "\t\n\r\u00a0"  # white space that may be shown


def visible(text: str) -> str:
    r"""The text with control characters, lone surrogates and changes of direction as escapes.

    >>> print(visible("bell \a, tab \t, half \ud800, backwards \u202e"))
    bell \x07, tab 	, half \ud800, backwards \u202e
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in KEPT else c.encode("unicode_escape").decode() for c in text)


def brief(said: object) -> str:
    r"""The message of an error, or any text, on one line and at most `LONGEST` characters long.

    >>> brief(ValueError("one\n two"))
    'one two'
    """
    try:
        text = " ".join(str(said).split())
    except BaseException:  # `str` of an error may be a target's own code
        text = "(its text cannot be read)"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
