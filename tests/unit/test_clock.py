"""Strategies are shown another day, by each way of asking for it; nobody else is."""

import datetime as dt
import time

import pandas as pd
import pytest

from backtest.audit.clock import showing

DAY = dt.datetime(2055, 7, 28, 18, 41, tzinfo=dt.UTC)
STRATEGY = "strategies_0123abcd.rule"


def told(code: str, name: str = STRATEGY, moment: dt.datetime | None = DAY) -> tuple[object, int]:
    """What `it` is in a module of that name, and how often the clock was asked."""
    asked: list[None] = []
    space = {"__name__": name}
    with showing(moment, {"made_up_package"}, lambda: asked.append(None)):
        exec(code, space)
    return space["it"], len(asked)


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
        "import time; it = int(time.ctime()[-4:])",
        "import time; it = int(time.asctime()[-4:])",
        "import pandas as pd; it = pd.Timestamp.now('UTC').year",
        "import pandas as pd; it = pd.Timestamp.today().year",
        "import pandas as pd; it = pd.Timestamp.utcnow().year",
    ],
)
@pytest.mark.filterwarnings("ignore:.*utcnow")
def test_a_strategy_is_shown_the_day_however_it_asks(code):
    today = dt.datetime.now(dt.UTC).year
    assert told(code) == (2055, 1)
    assert told(code, "made_up_package.rule") == (2055, 1)
    assert told(code, "a_library") == (today, 0)
    assert told(code, moment=None) == (today, 0)


@pytest.mark.parametrize(
    "code",
    [
        "from datetime import date, datetime; it = type(datetime(2025, 1, 2)), type(date.min)",
        "from datetime import datetime; it = datetime.fromisoformat('2025-01-02T03:04+00:00')",
        "from datetime import date, datetime, time; it = datetime.combine(date.min, time())",
        "from datetime import datetime; it = type(datetime.strptime('2025', '%Y'))",
        "from datetime import datetime; it = type(datetime.now())",
        "from datetime import date; import pandas as pd; it = isinstance(pd.Timestamp(0), date)",
        "from datetime import date, datetime; it = issubclass(datetime, date)",
        "from datetime import date, datetime; it = issubclass(date, datetime)",
        "from datetime import date; it = isinstance('2025-01-02', date)",
        "import time; it = time.gmtime(0), time.strftime('%Y', time.gmtime(0)), time.ctime(0)",
        "from datetime import date; import pydantic; it = pydantic.TypeAdapter(date).core_schema",
    ],
)
def test_all_but_the_clock_is_as_it_was(code):
    assert told(code)[0] == told(code, moment=None)[0]


def test_the_clock_goes_on():
    code = "import time; first = time.time(); time.sleep(0.001); it = time.time() > first"
    assert told(code)[0] is True


def test_a_neighbour_that_is_called_time_is_not_taken_for_the_clock():
    space = {"__name__": STRATEGY, "__package__": "strategies_0123abcd"}
    with showing(DAY, (), lambda: None), pytest.raises(ModuleNotFoundError):
        exec("from .time import now", space)


def test_everything_is_put_back():
    before = (__import__, vars(pd.Timestamp)["now"])
    with pytest.raises(ValueError), showing(DAY, (), lambda: None):
        raise ValueError
    assert (__import__, vars(pd.Timestamp)["now"]) == before
    space = {"__name__": "made_up_package"}
    with showing(DAY, {"made_up_package"}, lambda: None):
        exec("import time; from datetime import date", space)
    assert abs(space["time"].time() - time.time()) < 60  # what it was given tells the truth again
