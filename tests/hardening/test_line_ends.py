"""Files as other editors save them, with CR or a mark at their beginning, are read like any."""

from codecs import BOM_UTF8

import pytest

from tests.made_up import ACME, BORROW, REPORTS


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("events/short_reports.csv", REPORTS, ("events", "seal", "short_report")),
        ("prices/ACME.csv", ACME, ("prices", "seal", "ACME")),
        ("borrow/ACME.csv", BORROW, ("prices", "seal", "ACME", "--borrow")),
    ],
)
def test_each_kind_of_file_is_sealed(command, checkout, name, text, words, end):
    (checkout.root / "data" / name).parent.mkdir(exist_ok=True)
    (checkout.root / "data" / name).write_bytes(text.replace("\n", end).encode())
    outcome = command(*words, "--source", "made up")
    assert (outcome.code, outcome.err) == (0, "")
    assert len(command("prices", "list").out.splitlines()) > 1


def test_events_are_imported_and_a_fault_has_its_line(command, checkout):
    header, first, second = REPORTS.splitlines()
    header, first, second = (
        f"{line},{cell}"
        for line, cell in ((header, "source_url"), (first, "unknown"), (second, "unknown"))
    )
    (checkout.root / "data/events/short_reports.csv").unlink()
    file = checkout.root / "mine.csv"
    file.write_bytes(f"{header}\r{first}\r{second}\r".encode())
    outcome = command("events", "import", str(file), "--kind", "short_report", "--yes")
    assert (outcome.code, outcome.err) == (0, "")
    file.write_bytes(f"{header}\r{first}\r{second.replace(',week,', ',often,')}\r".encode())
    outcome = command("events", "import", str(file), "--kind", "short_report", "--yes")
    assert (outcome.code, "line 3" in outcome.err) == (3, True)


def test_a_mark_at_the_beginning_of_metadata_and_of_costs_is_no_error(command, checkout):
    metadata = checkout.root / "data/prices/ACME.meta.json"
    costs = checkout.write("mine.toml", "[figures]\nslippage_bps = 1\n")
    for path in (metadata, costs):
        path.write_bytes(BOM_UTF8 + path.read_bytes().replace(b"\n", b"\r\n"))
    words = ("--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet", "--costs", str(costs))
    outcome = command("run", "beats", *words)
    assert (outcome.code, outcome.err) == (0, "")
    assert "Costs: mine, " in outcome.out
