"""Fixtures of the tests of commands."""

import pytest

from tests.short_reports import REPORT


@pytest.fixture
def add(command):
    """`events add short_report` with the fields of REPORT, some of them changed or left out."""

    def add(*more, **changes):
        given = {n: value for n, value in {**REPORT, **changes}.items() if value is not None}
        fields = [word for n, value in given.items() for word in ("--field", f"{n}={value}")]
        return command("events", "add", "short_report", *fields, *more)

    return add
