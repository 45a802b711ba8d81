"""This room trades: it has the rules, when an event can be traded, and two engines that agree.

`replay` follows the rules on Backtrader, `kernel` follows them compiled. Nothing here writes files,
or weighs a result.
"""
