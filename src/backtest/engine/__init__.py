"""This package has the trading rules, says when events can be traded, and trades by two engines.

`replay` follows the rules on Backtrader, `kernel` follows them compiled. Nothing here writes files,
or weighs a result.
"""
