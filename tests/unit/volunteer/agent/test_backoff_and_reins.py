import threading

from hypothesis import given
from hypothesis import strategies as st

from volunteer.agent.backoff import CAP_SECONDS, Backoff
from volunteer.trainer.reins import Reins, Wish


@given(st.floats(0, 0.999), st.integers(1, 200))
def test_a_delay_never_passes_the_cap(dice, failures):
    backoff = Backoff(lambda: dice)
    delays = [backoff.next_delay() for _ in range(failures)]
    assert all(0 <= delay <= CAP_SECONDS for delay in delays)


def test_the_bound_doubles_and_a_success_resets_it():
    backoff = Backoff(lambda: 1.0, base=1.0, cap=5.0)
    assert [backoff.next_delay() for _ in range(4)] == [1.0, 2.0, 4.0, 5.0]
    backoff.reset()
    assert backoff.next_delay() == 1.0


def test_jitter_goes_down_to_nothing_and_on_top_of_what_the_server_asks():
    assert Backoff(lambda: 0.0).next_delay() == 0.0
    assert Backoff(lambda: 0.5, base=2.0).next_delay(asked=30.0) == 31.0


def test_a_wish_is_only_replaced_by_a_more_urgent_one():
    reins = Reins()
    reins.ask(Wish.drop)
    reins.ask(Wish.finish)
    assert reins.wish is Wish.drop
    assert reins.pulled.is_set()


def test_whoever_listens_late_hears_of_an_earlier_wish():
    reins, heard = Reins(), []
    reins.ask(Wish.finish)
    reins.listen(heard.append)
    reins.ask(Wish.drop)
    reins.listen(None)
    assert heard == [Wish.finish, Wish.drop]


def test_a_finish_is_overdue_when_its_time_is_over():
    now = [0.0]
    reins = Reins(lambda: now[0])
    reins.ask(Wish.finish, within=2.0)
    assert not reins.overdue
    now[0] = 2.0
    assert reins.overdue


def test_a_wish_from_another_thread_arrives():
    reins, heard = Reins(), threading.Event()
    reins.listen(lambda _wish: heard.set())
    threading.Thread(target=reins.ask, args=(Wish.drop,)).start()
    assert heard.wait(2)
