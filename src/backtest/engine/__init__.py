"""What trades: the rules, when an event can be traded, and two engines that follow the same rules.

`replay` does so on Backtrader, `kernel` compiled. Nothing here writes files, or weighs a result.
"""
