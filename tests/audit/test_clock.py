"""The clock is set to another day, for each way of reading it, and is put right again."""

import datetime as dt
import os
import time

import numpy as np
import pytest

from backtest.audit.watch import CLOCK, Watch, clock_at

DAY = dt.datetime(2055, 7, 28, 18, 41, tzinfo=dt.UTC)


def read(code: str, moment: dt.datetime | None = DAY) -> tuple[object, int]:
    """What `it` is after the code, and how often the clock was read."""
    readings: list[None] = []
    space: dict[str, object] = {}
    with clock_at(moment, lambda: readings.append(None)):
        exec(code, space)
    return space["it"], len(readings)


@pytest.mark.parametrize(
    "code",
    [
        "from datetime import UTC, datetime; it = datetime.now(UTC).year",
        "from datetime import datetime; it = datetime.now().year",
        "from datetime import datetime; it = datetime.today().year",
        "from datetime import datetime; it = datetime.utcnow().year",
        "from datetime import date; it = date.today().year",
        "import datetime as dt; it = dt.date.today().year",
        "import time; it = time.localtime().tm_year",
        "from time import gmtime; it = gmtime().tm_year",
        "from time import time, gmtime; it = gmtime(time()).tm_year",
        "import time; it = time.gmtime(time.time_ns() / 1e9).tm_year",
        "import time; it = int(time.strftime('%Y'))",
        "import pandas as pd; it = pd.Timestamp.now('UTC').year",
        "import pandas as pd; it = pd.Timestamp.today().year",
        "import pandas as pd; it = pd.Timestamp.utcnow().year",
        "import pandas as pd; it = pd.to_datetime('now').year",
        "import email.utils; it = int(email.utils.formatdate()[12:16])",
    ],
)
@pytest.mark.filterwarnings("ignore:.*utcnow")
def test_it_is_another_day_however_the_clock_is_read(code):
    assert read(code) == (2055, 1)
    assert read(code, moment=None) == (dt.datetime.now(dt.UTC).year, 0)


@pytest.mark.parametrize(
    "code",
    [
        "import numpy as np; it = int(str(np.datetime64('now'))[:4])",
        "import time; it = int(time.ctime()[-4:])",
        "import time; it = int(time.asctime()[-4:])",
    ],
)
def test_what_the_documents_name_as_not_reached_reads_the_true_day(code):
    assert read(code) == (int(str(np.datetime64("now"))[:4]), 0)


def test_the_clock_goes_on():
    code = "import time; first = time.time(); time.sleep(0.001); it = time.time() > first"
    assert read(code)[0] is True


def test_the_zone_stays(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:  # 18:41 UTC in summer
        assert read("from datetime import datetime; it = datetime.now().hour")[0] == 14
        assert os.environ["TZ"] == "America/New_York"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_clock_is_put_right_also_after_a_failure():
    with pytest.raises(ValueError), clock_at(DAY, lambda: None):
        raise ValueError
    true = np.datetime64("now").item().replace(tzinfo=dt.UTC)  # it is not reached
    assert abs(dt.datetime.now(dt.UTC) - true) < dt.timedelta(minutes=1)
    assert abs(time.time() - true.timestamp()) < 60


def test_it_is_another_day_only_while_a_strategy_is_at_work_and_only_strategies_are_noted(tmp_path):
    watch = Watch(tmp_path, DAY)
    with watch.during("while it loads"):
        assert dt.datetime.now(dt.UTC).year == 2055
    assert dt.datetime.now(dt.UTC).year < 2055
    assert watch.touched == {}


def test_many_readings_of_the_clock_leave_no_room_for_others(tmp_path):
    watch = Watch(tmp_path)
    watch.touched.update({(CLOCK, f"made.py, line {n}"): "" for n in range(21)})
    watch.see("open", ("/made/up.csv", "r", 0))
    assert len(watch.touched) == 21
