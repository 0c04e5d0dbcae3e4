"""HTML around drawings: one file, opened from disk, that asks for nothing and runs nothing foreign."""

from __future__ import annotations

import base64
import hashlib
import re

from .picture import Picture
from .text import escape

_SHEET = "body{margin:0;padding:16px;font:15px/1.5 system-ui,sans-serif}svg{max-width:none;height:auto}"


def page(picture: Picture, svg: str, theme: str) -> str:
    """A page with one drawing.

    Args:
        picture: what is drawn, for the title.
        svg: the drawing.
        theme: "auto", "light" or "dark".
    """
    return document(picture.title or "computation graph", svg, [scheme(theme), _SHEET])


def scheme(theme: str) -> str:
    """The style sheet that says whether a page is light or dark."""
    return f":root{{color-scheme:{'light dark' if theme == 'auto' else theme}}}"


def document(title: str, body: str, sheets: list[str], scripts: list[str] | None = None) -> str:
    """A page that may use nothing but these style sheets and scripts and those in its drawings, by their hashes.

    Args:
        title: of the page, as plain text.
        body: its content, as HTML.
        sheets: style sheets.
        scripts: scripts, run after the content.
    """
    inside = [*sheets, *re.findall(r"<style>(.*?)</style>", body, re.DOTALL)]
    styles = " ".join(dict.fromkeys(_hash(sheet) for sheet in inside)) or "'none'"
    runs = " ".join(_hash(script) for script in scripts or []) or "'none'"
    policy = f"default-src 'none'; style-src {styles}; script-src {runs}; base-uri 'none'; form-action 'none'"
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(title)}</title>",
            *[f"<style>{sheet}</style>" for sheet in sheets],
            "</head>\n<body>",
            body,
            *[f"<script>{script}</script>" for script in scripts or []],
            "</body>\n</html>\n",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
