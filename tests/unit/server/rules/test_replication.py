"""Trust, the probability of a second look, secret draws, and the share of a round for the unproven."""

import pytest

from server.rules.replication import check_probability, draw, is_trusted, unproven_room
from server.rules.validation_policy import ValidationPolicy

POLICY = ValidationPolicy(quorum=2)


@pytest.mark.parametrize(
    ("host", "account", "trusted"), [(10, 10, True), (9, 10, False), (10, 9, False), (0, 500, False), (500, 0, False)]
)
def test_trust_is_earned_by_the_host_and_by_its_account(host: int, account: int, trusted: bool) -> None:
    assert is_trusted(POLICY, host, account) is trusted


def test_a_referee_is_trusted_from_the_first_unit() -> None:
    assert is_trusted(POLICY, 0, 0, referee=True)


def test_the_probability_falls_with_the_record_and_never_under_its_floor() -> None:
    found = [check_probability(POLICY, trust) for trust in (0, 1, 10, 20, 33, 1000)]
    assert found == [1.0, 1.0, 0.1, 0.05, pytest.approx(1 / 33), POLICY.least_check]


def test_a_draw_is_the_same_for_the_same_parts_and_secret_alone() -> None:
    assert draw(b"secret", 7, "digest") == draw(b"secret", 7, "digest")
    assert len({draw(b"secret", 7, "digest"), draw(b"other", 7, "digest"), draw(b"secret", 8, "digest")}) == 3


def test_parts_are_kept_apart() -> None:
    assert draw(b"secret", 1, 23) != draw(b"secret", 12, 3)


def test_draws_fill_the_unit_interval_evenly() -> None:
    found = [draw(b"secret", number) for number in range(4000)]
    assert 0 <= min(found) < 0.01
    assert 0.99 < max(found) < 1
    for share in (0.03, 0.1, 0.5):
        assert sum(one < share for one in found) / 4000 == pytest.approx(share, abs=0.02)


def test_hosts_without_trust_fill_their_share_of_a_round_and_no_more() -> None:
    assert unproven_room(POLICY, 32, 0, trusted_awake=True) == 16
    assert unproven_room(POLICY, 32, 12, trusted_awake=True) == 4
    assert unproven_room(POLICY, 32, 20, trusted_awake=True) == 0


def test_while_nobody_is_trusted_they_may_fill_it_all() -> None:
    assert unproven_room(POLICY, 32, 60, trusted_awake=False) == 32
    assert unproven_room(ValidationPolicy(), 32, 60, trusted_awake=True) == 32


def test_the_smallest_round_leaves_them_one_mini_batch_to_show_themselves_by() -> None:
    assert unproven_room(POLICY, 1, 0, trusted_awake=True) == 1
    assert unproven_room(POLICY, 1, 1, trusted_awake=True) == 0
