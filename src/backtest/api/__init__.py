"""The program as a library: what a notebook or a script calls, with DataFrames to work on.

Each call does what the command of its name does, on the same folders, and keeps its result there:
a run that was made here is in `backtest list runs` too. Every failure is a `BacktestError`.
"""

from backtest.api.calls import (
    audit_strategy,
    check,
    compare,
    load_events,
    load_prices,
    run,
    study,
    sweep,
)
from backtest.api.results import AuditResult, CheckResult, RunResult, StudyResult, SweepResult

__all__ = [
    "AuditResult", "CheckResult", "RunResult", "StudyResult", "SweepResult", "audit_strategy",
    "check", "compare", "load_events", "load_prices", "run", "study", "sweep",
]  # fmt: skip
