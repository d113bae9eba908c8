"""Sentences with `code` in them, as a page shows them."""

from __future__ import annotations

import html
import re

_CODE = re.compile(r"`([^`\n]+)`")


def prose_html(text: str) -> str:
    """Escaped for HTML, what stands between backticks as code. A terminal shows the text as it is.

    >>> prose_html("Is `a < b`?")
    'Is <code>a &lt; b</code>?'
    """
    return _CODE.sub(r"<code>\1</code>", html.escape(text))
