"""What speed is worth, on bars of a session that fall at once after a report."""

import json

import pytest

from tests.cli.test_imported_bars import RUN, five_minute_bars, report  # noqa: F401 - a fixture


def speed(made):
    (path,) = (made.root / "reports").glob("short_report-*/run.json")
    return {row["reaction"]: row for row in json.loads(path.read_text())["speed"]}


def test_each_reaction_trades_the_bar_that_it_makes(command, report):  # noqa: F811
    made = report("2025-06-05T09:30:00")
    assert command(*RUN).code == 0
    found = speed(made)
    assert list(found) == [0, 1, 5, 30, 60, None]
    assert {row["trades"] for row in found.values()} == {1}
    # All bars after the first of 06-05 open at 103, the next session at 104; it leaves two sessions
    # after the entry, at 105 and 106. Borrow is of the closes, one night and three.
    borrow = 1.02 * 0.10 / 360
    within = 922 * (103 * 0.9995 - 105 * 1.0005 - 0.01 - borrow * (104 * 1 + 105 * 3))
    for reaction in (0, 1, 5, 30, 60):
        assert found[reaction]["profit"] == pytest.approx(within)
        assert found[reaction]["mean_trade_return"] == pytest.approx(within / (922 * 102.9485))
    late = 913 * (104 * 0.9995 - 106 * 1.0005 - 0.01 - borrow * (105 * 3 + 106 * 1))
    assert found[None]["profit"] == pytest.approx(late)
    assert found[None]["mean_trade_return"] == pytest.approx(late / (913 * 103.948))


def test_what_happens_meanwhile_is_missed(command, report):  # noqa: F811
    """From 10:00 on it trades at 104: who needs half an hour sells a dollar higher."""
    lines = five_minute_bars().splitlines()
    for number, line in enumerate(lines):
        time, *_, volume = line.split(",")
        if "2025-06-05 10:00:00" <= time <= "2025-06-05 15:50:00":
            lines[number] = f"{time},104,104,104,104,{volume}"
    made = report("2025-06-05T09:31:00", bars="\n".join(lines) + "\n")
    assert command(*RUN).code == 0
    found = speed(made)
    early = found[0]["mean_trade_return"]
    assert {found[reaction]["mean_trade_return"] for reaction in (0, 1, 5)} == {early}
    # 913 shares at 104 less half a permille, left at 105
    late = 913 * (104 * 0.9995 - 105 * 1.0005 - 0.01 - 1.02 * 0.10 / 360 * (104 * 1 + 105 * 3))
    assert found[30]["profit"] == pytest.approx(late)
    assert found[60]["profit"] == pytest.approx(late)
    assert late > found[5]["profit"]


def test_a_run_by_sessions_has_none(command, report):  # noqa: F811
    made = report("2025-06-05T09:30:00")
    assert command(*[word for word in RUN if word not in ("--bars", "5m")]).code == 0
    (path,) = (made.root / "reports").glob("short_report-*/run.json")
    assert "speed" not in json.loads(path.read_text())


def test_bars_that_are_held_are_not_sessions_of_the_next_open(command, report):  # noqa: F811
    made = report("2025-06-05T09:30:00")
    source = (made.root / "strategies/short_report.py").read_text()
    made.write("strategies/short_report.py", source.replace("hold=self.hold", "hold_bars=2"))
    assert command(*RUN).code == 0
    assert list(speed(made)) == [0, 1, 5, 30, 60]


def test_at_the_next_open_the_strategy_sees_finer_bars_too(command, report):  # noqa: F811
    made = report("2025-06-05T09:30:00")
    source = (made.root / "strategies/short_report.py").read_text()
    seen = 'hold=2 if market.finer_bars()["close"].iloc[-1] == 104 else 1'
    made.write("strategies/short_report.py", source.replace("hold=self.hold", seen))
    assert command(*RUN).code == 0
    late = 913 * (104 * 0.9995 - 106 * 1.0005 - 0.01 - 1.02 * 0.10 / 360 * (105 * 3 + 106 * 1))
    assert speed(made)[None]["profit"] == pytest.approx(late)


def test_the_next_open_after_the_session_before_the_first_is_that_of_the_first(command, report):  # noqa: F811
    """By finer bars the report was traded before the span, where there is no account yet."""
    made = report("2025-06-05T09:30:00")
    assert command(*RUN, "--from", "2025-06-06").code == 0
    assert {key: row["trades"] for key, row in speed(made).items()} == {
        0: 0, 1: 0, 5: 0, 30: 0, 60: 0, None: 1,
    }  # fmt: skip
