"""Version numbers that both sides say, and what they mean."""

PROTOCOL = 1
"""Raised when a message changes its meaning. A server refuses hosts below OLDEST_PROTOCOL and says what to install."""

OLDEST_PROTOCOL = 1

NUMERICS = 2
"""Raised when the same unit would give a different gradient beyond rounding: seeds, orders, losses, sums.

2: plans may have class weights, which an older program would leave out without a word.
"""

SOFTWARE = "0.1.0"
