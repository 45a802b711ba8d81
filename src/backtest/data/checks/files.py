"""Data files as the checks read them: what cannot be read is a finding, and the rest goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backtest.data.checks.finding import Finding
from backtest.data.datafile import open_data_file, read_metadata
from backtest.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from backtest.data.datafile import DataFile


def open_sealed(path: Path, where: str, seal_command: str) -> tuple[DataFile | None, list[Finding]]:
    """A data file as it is now, and what is wrong with its sha256 or its metadata.

    Args:
        path: the CSV file.
        where: its name in findings.
        seal_command: the command that acknowledges a change.

    Returns:
        None for a file that cannot be opened; else the file, also where it was changed, with its
        metadata where there are any.

    """
    try:
        file = open_data_file(path)
    except DataError as error:
        return None, faults(error, path, where, "Restore the file.")
    try:
        metadata = read_metadata(path, file.sha256, seal_command)
    except DataError as error:
        what, _, _ = str(error).partition(". ")
        return file, [
            Finding(
                "error",
                where,
                what.replace(str(path.parent) + "/", ""),
                "Nobody can tell where the figures come from, or whether they were changed.",
                f"Write the metadata with `{seal_command} --source '…'`.",
            )
        ]
    file = replace(file, metadata=metadata)
    if metadata["sha256"] == file.sha256:
        return file, []
    return file, [
        Finding(
            "error",
            where,
            f"Changed since its metadata were written: sha256 {file.sha256}, "
            f"recorded {metadata['sha256']}",
            "The figures are no longer those that the metadata speak of.",
            f"If the change is meant, acknowledge it with `{seal_command}`; else restore the file.",
        )
    ]


def faults(error: DataError, path: Path, where: str, mend: str) -> list[Finding]:
    """A finding for each problem that reading a file has told."""
    first, *rest = str(error).splitlines()
    problems = [line.strip() for line in rest] or [first.removeprefix(str(path)).lstrip(",: ")]
    why = "No command reads the file as it is."
    return [Finding("error", where, problem, why, mend) for problem in problems]
