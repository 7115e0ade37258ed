"""What a host is doing, for people's eyes: between two units it changes many times a second, an icon must not."""

from collections.abc import Callable

from volunteer.agent.states import State

# What lasts less than this between other states is not shown.
LEAST_SECONDS = 1.5
_FLEETING = frozenset({State.asking, State.downloading, State.delivering})


class ShownState:
    """`tell` hears of each state when it begins."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._shown = State.attaching

    def tell(self, _state: State) -> None:
        self._since = self._clock()

    def of(self, state: State) -> State:
        """`state` is what it is in now; what it was in before goes on being shown until that has lasted."""
        passing = state in _FLEETING and self._shown in (*_FLEETING, State.training)
        if not passing or self._clock() - self._since >= LEAST_SECONDS:
            self._shown = state
        return self._shown
