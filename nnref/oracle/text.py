"""Text of anybody made fit to be shown: neither without end, nor with characters that would garble a page."""

from __future__ import annotations

import re

__all__ = ["brief", "visible"]

LONGEST = 300  # characters
HIDDEN = re.compile("[^\t\n\r -~\u00a0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def visible(text: str) -> str:
    r"""The text with control characters, lone surrogates and changes of direction as escapes.

    >>> print(visible("bell \a, tab \t, half \ud800, backwards \u202e"))
    bell \x07, tab 	, half \ud800, backwards \u202e
    """
    return HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def brief(said: object) -> str:
    r"""What an error says, or any text, on one line and not without end.

    >>> brief(ValueError("one\n two"))
    'one two'
    """
    try:
        text = " ".join(str(said).split())
    except BaseException:  # even this is a target's own code
        text = "(whose text cannot be had)"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
