"""What tests do to the versions of data files."""

import json
from pathlib import Path

from backtest.data.datafile import metadata_path, read_data_file
from backtest.data.versions import write_version


def recorded(path: Path, number: int, moment: str) -> None:
    """Pretend that a version was recorded at another time."""
    copies = (path.parent / ".history" / path.stem).glob(f"{number}-*.meta.json")
    for place in (*copies, metadata_path(path)):
        known = json.loads(place.read_text())
        if known.get("version", 1) == number:
            place.write_text(json.dumps({**known, "recorded_at": moment}))


def changed(path: Path, old: str, new: str, moment: str | None = None) -> None:
    """Replace a text that occurs once, as a version of its own."""
    file = read_data_file(path, seal_command="")
    assert file.text.count(old) == 1
    text = file.text.replace(old, new)
    made = write_version(path, text, file.metadata, reason="changed for a test", over=file.sha256)
    if moment:
        recorded(path, made.number, moment)
