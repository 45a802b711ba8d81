"""One run of Backtrader, its feed included: it loads the bars row by row when it runs."""

from backtrader_script import Events, events_of, figures, make_cerebro
from worker import serve


def prepare(case):
    signals, sessions = events_of(case)
    hold, stop = case["hold"].item(), case["stop"].item()

    def work():
        cerebro = make_cerebro(case)
        cerebro.addstrategy(Events, hold=hold, stop=stop, signals=signals, sessions=sessions)
        return figures(cerebro.run())

    return work


if __name__ == "__main__":
    serve(prepare)
