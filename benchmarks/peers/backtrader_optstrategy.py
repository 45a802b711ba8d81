"""Backtrader's `optstrategy` over a grid, on all cores."""

from backtrader_script import Events, events_of, figures, make_cerebro
from worker import serve


def prepare(case):
    signals, sessions = events_of(case)
    axes = {name: case[f"{name}_axis"].tolist() for name in ("hold", "stop", "threshold")}

    def work():
        cerebro = make_cerebro(case)
        cerebro.optstrategy(Events, **axes, signals=(signals,), sessions=(sessions,))
        return figures([runs[0] for runs in cerebro.run(maxcpus=None)])

    return work


if __name__ == "__main__":
    serve(prepare)
