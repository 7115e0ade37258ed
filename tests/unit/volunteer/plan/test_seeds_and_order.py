"""Golden vectors: a change of any of these would make old rounds impossible to replay (and must raise NUMERICS)."""

import hashlib

import numpy as np
import pytest

from volunteer.plan import order
from volunteer.plan.order import dataset_order, epoch_order, mini_batch_rows, validation_rows
from volunteer.plan.seeds import derive_key, layer_seed, permutation
from volunteer.plan.shards import ShardLayout, Slot

MASK = 2**64 - 1


def philox_4x64_10(key: int, count: int) -> list[int]:
    """Philox by the paper (Salmon et al., SC 2011), independent of numpy; the counter's first value is 1."""
    words: list[int] = []
    block = 1
    while len(words) < count:
        counter = [block & MASK, block >> 64, 0, 0]
        low, high = key & MASK, key >> 64
        for _ in range(10):
            first, second = counter[0] * 0xD2E7470EE14C6C93, counter[2] * 0xCA5A826395121157
            left, right = (second >> 64) ^ counter[1] ^ low, (first >> 64) ^ counter[3] ^ high
            counter = [left, second & MASK, right, first & MASK]
            low, high = (low + 0x9E3779B97F4A7C15) & MASK, (high + 0xBB67AE8584CAA73B) & MASK
        words += counter
        block += 1
    return words[:count]


def test_keys_are_pinned() -> None:
    assert derive_key(0, "dataset") == 0x25E8D263153C8343E6D7C9B1023B7F14
    assert derive_key(7, "layer", 1, 2, 3) == 0x550949289D533C28594889953751F4DA
    assert derive_key(7, "layer", 1, 2, 3) == int(hashlib.sha256(b"daig|7|layer|1|2|3").hexdigest()[:32], 16)


def test_no_two_purposes_share_a_key() -> None:
    keys = {derive_key(s, p, *n) for s in (0, 1) for p in ("a", "b") for n in ((), (0,), (1,), (0, 1), (1, 0), (11,))}
    assert len(keys) == 2 * 2 * 6


def test_permutations_are_pinned() -> None:
    assert permutation(derive_key(0, "dataset"), 12).tolist() == [11, 3, 1, 9, 8, 10, 0, 6, 7, 2, 5, 4]
    assert permutation(2**128 - 1, 8).tolist() == [6, 4, 5, 0, 1, 7, 3, 2]
    assert permutation(0, 5).tolist() == [0, 2, 1, 4, 3]
    assert permutation(1, 0).tolist() == []
    large = permutation(derive_key(42, "epoch", 3), 10_000).astype("<i8").tobytes()
    assert hashlib.sha256(large).hexdigest() == "51a3051323773d72e11e7792d754e55da909a0b3ae35ba4fe3d92eb29ab05118"


@pytest.mark.parametrize("key", [0, 1, 2**64, 2**128 - 1, derive_key(5, "shard", 2, 9)])
def test_a_permutation_is_the_sorting_of_philox_words_as_the_paper_defines_them(key: int) -> None:
    words = philox_4x64_10(key, 50)
    assert permutation(key, 50).tolist() == sorted(range(50), key=lambda i: words[i])


def test_layer_seeds_are_pinned_and_fit_a_keras_seed_state() -> None:
    assert layer_seed(0, 0, 0, 0) == (604129296, 2128922926)
    assert layer_seed(5, 1, 2, 3) == (4204080262, 2731317346)
    assert layer_seed(2**53, 9999, 10**6, 40) == (4286082765, 172762534)
    assert all(0 <= word < 2**32 for n in range(200) for word in layer_seed(n, n, n, n))


def test_orders_are_pinned() -> None:
    layout = ShardLayout(22, 4, 8)
    assert dataset_order(1, 10).tolist() == [4, 9, 1, 0, 6, 7, 5, 2, 3, 8]
    assert epoch_order(1, 0, 10).tolist() == [5, 3, 8, 1, 0, 9, 7, 2, 4, 6]
    assert epoch_order(1, 1, 10).tolist() == [8, 7, 3, 6, 2, 0, 4, 1, 9, 5]
    assert [mini_batch_rows(1, 0, layout, b).tolist() for b in range(6)] == [
        [4, 7, 1, 5], [3, 0, 2, 6], [7, 1, 6, 4], [3, 2, 0, 5], [3, 0, 5, 4], [2, 1],
    ]  # fmt: skip


@pytest.mark.parametrize(("examples", "batch", "shard"), [(1, 1, 1), (22, 4, 8), (64, 8, 16), (65, 8, 16), (7, 32, 32)])
@pytest.mark.parametrize("epoch", [0, 3])
def test_an_epoch_shows_every_example_exactly_once(examples: int, batch: int, shard: int, epoch: int) -> None:
    layout = ShardLayout(examples, batch, shard)
    seen = []
    for mini_batch in epoch_order(9, epoch, layout.mini_batches):
        slot = layout.locate(int(mini_batch))
        rows = mini_batch_rows(9, epoch, layout, int(mini_batch))
        assert len(rows) == slot.count <= batch
        assert rows.max() < layout.rows(slot.shard)
        seen += [slot.shard * shard + int(row) for row in rows]
    assert sorted(seen) == list(range(examples))


def test_only_the_last_mini_batch_may_be_smaller() -> None:
    layout = ShardLayout(22, 4, 8)
    assert (layout.shards, layout.mini_batches) == (3, 6)
    assert [layout.rows(n) for n in range(3)] == [8, 8, 6]
    assert [layout.locate(b) for b in (0, 1, 2, 5)] == [Slot(0, 0, 4), Slot(0, 4, 4), Slot(1, 0, 4), Slot(2, 4, 2)]


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (10, 4, 6), (10, 4, 2)])
def test_a_layout_that_cannot_be_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        ShardLayout(*numbers)


@pytest.mark.parametrize("number", [-1, 6])
def test_there_is_no_mini_batch_beyond_the_last(number: int) -> None:
    layout = ShardLayout(22, 4, 8)
    with pytest.raises(IndexError):
        layout.locate(number)
    with pytest.raises(IndexError):
        layout.rows(number)


def test_the_validation_split_is_pinned_and_stratified() -> None:
    labels = np.array([0] * 10 + [1] * 5 + [2])
    training, validation = validation_rows(3, labels, 16, 0.3)
    assert validation.tolist() == [0, 8, 9, 11, 14]
    assert training.tolist() == [1, 2, 3, 4, 5, 6, 7, 10, 12, 13, 15]


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.9])
def test_every_class_gives_its_share_and_keeps_one_for_training(fraction: float) -> None:
    labels = np.repeat(np.arange(6), [1, 2, 3, 10, 50, 100])
    training, validation = validation_rows(0, labels, len(labels), fraction)
    assert sorted([*training, *validation]) == list(range(len(labels)))
    for value, count in zip(*np.unique(labels, return_counts=True), strict=True):
        taken = int((labels[validation] == value).sum())
        assert taken == min(round(fraction * count), count - 1)


def test_without_classes_the_split_is_one_draw() -> None:
    training, validation = validation_rows(0, None, 1000, 0.25)
    assert (len(training), len(validation)) == (750, 250)
    assert abs(validation.mean() - 500) < 60
    assert validation_rows(0, None, 1, 0.9)[0].tolist() == [0]


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_a_fraction_that_leaves_nothing_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction"):
        validation_rows(0, None, 10, fraction)


def test_a_split_that_would_leave_every_class_whole_is_drawn_over_all_rows() -> None:
    labels = np.arange(500) % 100
    training, validation = validation_rows(3, labels, 500, 0.1)
    assert len(validation) == 50
    assert sorted([*training, *validation]) == list(range(500))
    assert np.array_equal(validation, validation_rows(3, None, 500, 0.1)[1])


def test_a_shard_is_sorted_once_an_epoch_and_not_once_a_mini_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sorted_ = []

    def counting(key: int, n: int) -> order.Rows:
        sorted_.append(n)
        return permutation(key, n)

    monkeypatch.setattr(order, "permutation", counting)
    monkeypatch.setattr(order, "_SHARD_ORDERS", order._Orders(2**20))
    layout = ShardLayout(100, 5, 50)
    rows = [mini_batch_rows(1, 2, layout, number) for number in range(20)]
    assert sorted_ == [50, 50]
    assert sorted(np.concatenate(rows[:10]).tolist()) == list(range(50))
    rows[0][:] = -1
    assert mini_batch_rows(1, 2, layout, 0).min() >= 0, "what is given out is the caller's own"


def test_the_orders_kept_stay_within_their_bytes_but_the_newest_is_always_kept() -> None:
    kept = order._Orders(1000)
    for key in range(5):
        assert np.array_equal(kept.of(key, 100), permutation(key, 100))
        assert list(kept._kept) == [(key, 100)]
    for key in range(20):
        kept.of(key, 10)
    assert kept._bytes == sum(rows.nbytes for rows in kept._kept.values()) <= 1000
