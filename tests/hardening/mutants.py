"""Mutants of a file: what disks, editors and hostile people make of it, the same for a seed."""

import json
from random import Random
from typing import Any

HOSTILE = (
    "", " ", "0", "-1", "1e999", "nan", "inf", "9" * 400, "0.1", "true", "none", "x" * 5_000,
    "0001-01-01", "1600-01-01", "2300-01-01", "9999-12-31", "2025-02-30", "2025-06-04T16:05:00",
    "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "\x1b[2J", "\u202e", "\x00", '"',
    "<script>", "{{ 7 * 7 }}", "../../x", "=1+1", "é", "🚀", "a,b", "a\nb", "a\rb",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**400, [], [1], {}, {"a": 1}, *HOSTILE,
)  # fmt: skip


def mutant(content: bytes, random: Random) -> bytes:
    """Another content, hardly ever the same."""
    ways = [_cut, _hole, _flipped, _noise, _empty, _doubled, _zeros]
    if _text(content) is not None:
        ways += [_without_line, _line_twice, _cell, _cell, _cell, _line_ends, _mark, _word]
    if _json(content) is not None:
        ways += [_leaf] * 6 + [_deep]
    return random.choice(ways)(content, random)


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _json(content: bytes) -> Any:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _place(content: bytes, random: Random) -> int:
    return random.randrange(len(content) + 1)


def _cut(content: bytes, random: Random) -> bytes:
    return content[: _place(content, random)]


def _hole(content: bytes, random: Random) -> bytes:
    begin, end = sorted((_place(content, random), _place(content, random)))
    return content[:begin] + content[end:]


def _flipped(content: bytes, random: Random) -> bytes:
    place = _place(content[1:], random)
    return (
        content[:place] + bytes([content[place] ^ 1 << random.randrange(8)]) + content[place + 1 :]
    )


def _noise(content: bytes, random: Random) -> bytes:
    place = _place(content, random)
    return content[:place] + random.randbytes(random.randrange(1, 40)) + content[place:]


def _zeros(content: bytes, random: Random) -> bytes:
    place = _place(content, random)
    return content[:place] + bytes(len(content) - place)  # as after a power cut


def _empty(content: bytes, random: Random) -> bytes:
    return b""


def _doubled(content: bytes, random: Random) -> bytes:
    return content + content


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def _without_line(content: bytes, random: Random) -> bytes:
    lines = _lines(content)
    del lines[random.randrange(len(lines))]
    return b"".join(lines)


def _line_twice(content: bytes, random: Random) -> bytes:
    lines = _lines(content)
    place = random.randrange(len(lines))
    return b"".join([*lines[: place + 1], *lines[place:]])


def _line_ends(content: bytes, random: Random) -> bytes:
    return content.replace(b"\n", random.choice([b"\r", b"\r\n", b"\n\n"]))


def _mark(content: bytes, random: Random) -> bytes:
    return random.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"]) + content


def _cell(content: bytes, random: Random) -> bytes:
    """Another value in a cell of a table, or in a part of a line."""
    lines = _lines(content)
    place = random.randrange(len(lines))
    cells = lines[place].rstrip(b"\r\n").split(b",")
    cells[random.randrange(len(cells))] = random.choice(HOSTILE).encode()
    lines[place] = b",".join(cells) + b"\n"
    return b"".join(lines)


def _word(content: bytes, random: Random) -> bytes:
    words = content.split(b" ")
    words[random.randrange(len(words))] = random.choice(HOSTILE).encode()
    return b" ".join(words)


def _leaf(content: bytes, random: Random) -> bytes:
    """Another value of a field of an object, of any type, or none."""
    found = _json(content)
    holders = [one for one in _holders(found) if one]
    holder = random.choice(holders)
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    key = random.choice(keys)
    if random.random() < 0.2:
        del holder[key]
    else:
        holder[key] = random.choice(VALUES)
    return json.dumps(found).encode()


def _deep(content: bytes, random: Random) -> bytes:
    found = _json(content)
    key = json.dumps(random.choice(list(found) or ["x"]))
    many = 100_000
    return b"{%s: %s1%s}" % (key.encode(), b"[" * many, b"]" * many)


def _holders(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value, *(one for inner in value.values() for one in _holders(inner))]
    if isinstance(value, list):
        return [value, *(one for inner in value for one in _holders(inner))]
    return []
