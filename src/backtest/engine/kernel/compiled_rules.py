"""The functions of `rules.py`, compiled as they stand; they call each other's compiled forms."""

from __future__ import annotations

from inspect import unwrap
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.engine import rules
from backtest.engine.kernel.compiled import inlined

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


_space = globals()
_space |= {name: value for name, value in vars(rules).items() if isinstance(value, float)}
_space["floor"] = np.floor  # shares are doubles here, so that no count overflows
_space["isnan"] = np.isnan
for _name, _value in list(vars(rules).items()):
    if isinstance(_value, FunctionType) and _value.__module__ == rules.__name__:
        # What plants faults wraps them; machine code is made of the function itself.
        _space[_name] = inlined(FunctionType(unwrap(_value).__code__, _space, _name))
