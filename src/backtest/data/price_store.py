"""Where daily prices are: `prices/ACME.csv`, or `prices/parquet/ACME.parquet` among thousands.

One file a symbol in both, each with its metadata and its history, so that a symbol changes alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

DATASET = "parquet"
MOST_CSV = 20  # symbols that come at once; of more, new ones go into the Parquet dataset


def price_symbols(folder: Path) -> list[str]:
    """The symbols that have a price file in the folder."""
    files = (*folder.glob("*.csv"), *(folder / DATASET).glob("*.parquet"))
    return sorted({path.stem for path in files if not path.name.startswith(".")})


def price_path(folder: Path, symbol: str) -> Path | None:
    """The file that holds a symbol; None where there is none.

    Raises:
        DataError: two do.

    """
    found = [path for path in _places(folder, symbol) if path.is_file()]
    # Where capitals and small letters name the same file, acme.csv must not pass for ACME's.
    if not found or (symbol != symbol.upper() and symbol not in price_symbols(folder)):
        return None
    if len(found) > 1:
        raise DataError(
            f"{found[0]} and {found[1]} both hold {symbol}. Remove the one that is not meant, "
            f"with its metadata."
        )
    return found[0]


def place_for(folder: Path, symbol: str, *, among: int) -> Path:
    """The file that holds a symbol, or the one that will.

    Args:
        folder: the folder of price files.
        symbol: the stock or fund.
        among: how many symbols come at once.

    Raises:
        DataError: two files hold it.

    """
    csv, parquet = _places(folder, symbol)
    return price_path(folder, symbol) or (parquet if among > MOST_CSV else csv)


def _places(folder: Path, symbol: str) -> tuple[Path, Path]:
    return folder / f"{symbol}.csv", folder / DATASET / f"{symbol}.parquet"
