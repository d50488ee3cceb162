"""Characters that XML and HTML cannot hold, or that would garble a page, made visible."""

from __future__ import annotations

import re

__all__ = ["visible"]

HIDDEN = re.compile("[^\t\n\r -~\u00a0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def visible(text: str) -> str:
    r"""The text with control characters, lone surrogates and changes of direction as escapes.

    >>> print(visible("bell \a, tab \t, half \ud800, backwards \u202e"))
    bell \x07, tab 	, half \ud800, backwards \u202e
    """
    return HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
