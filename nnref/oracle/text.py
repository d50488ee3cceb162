"""Foreign text made fit to be shown: of limited length, and without characters that would garble a page."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

__all__ = ["brief", "close", "visible"]

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


def close(given: Sequence[object], known: Sequence[str]) -> str:
    """The known word that is nearest to an unknown one, as the end of a sentence; empty if none is near.

    >>> close(["conv"], ["conv2d", "conv_transpose2d", "relu"]), close(["?"], ["relu"])
    ('; did you mean conv2d?', '')
    """
    near: list[str] = []
    for word in map(str, given):
        begin = sorted((name for name in known if name.startswith(word) or word.startswith(name)), key=len)
        near += begin[:1] or difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""
