"""What pages hold, as the tests of pages read it."""

import html
import json
import re
from typing import Any


def table(page: str, name: str) -> list[list[str]]:
    """The rows of the table with an id, cells as texts."""
    start = page.index(f'<table id="{name}"')
    found = page[start : page.index("</table>", start)]
    rows = [
        re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", row, re.DOTALL)
        for row in found.split("</tr>")
    ]
    return [[visible(cell) for cell in cells] for cells in rows if cells]


def visible(page: str) -> str:
    """What a reader sees, but for the charts."""
    bare = re.sub(r"<head>.*?</head>|<script.*?</script>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def drawn(page: str) -> dict[str, Any]:
    """What the script draws."""
    (text,) = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL
    )
    data: dict[str, Any] = json.loads(text)
    return data
