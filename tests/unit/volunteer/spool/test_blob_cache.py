import os

import pytest

from volunteer.protocol.digests import sha256_of
from volunteer.spool.blobs import BlobCache


def name_of(data: bytes) -> str:
    return sha256_of([data])


@pytest.fixture
def cache(tmp_path) -> BlobCache:
    return BlobCache(tmp_path / "cache", 100)


def put(cache: BlobCache, data: bytes) -> str:
    name = name_of(data)
    cache.part(name).write_bytes(data)
    cache.adopt(name)
    return name


def test_an_adopted_blob_is_found_by_its_name(cache):
    name = put(cache, b"shard")
    assert cache.find(name).read_bytes() == b"shard"
    assert cache.held() == [name]
    assert cache.find("a" * 64) is None


def test_blobs_survive_a_restart_in_the_order_of_their_use(cache, tmp_path):
    names = [put(cache, bytes([n])) for n in range(3)]
    for age, name in enumerate((names[1], names[0], names[2])):
        os.utime(tmp_path / "cache" / name, (age, age))
    again = BlobCache(tmp_path / "cache", 100)
    assert again.held() == [names[1], names[0], names[2]]
    assert again.find(names[1]).read_bytes() == b"\x01"


def test_a_blob_that_was_damaged_while_we_were_away_is_deleted(cache, tmp_path):
    name = put(cache, b"shard")
    (tmp_path / "cache" / name).write_bytes(b"shark")
    again = BlobCache(tmp_path / "cache", 100)
    assert again.find(name) is None
    assert again.held() == []
    assert not (tmp_path / "cache" / name).exists()


def test_a_blob_that_somebody_deleted_is_not_held(cache, tmp_path):
    name = put(cache, b"shard")
    (tmp_path / "cache" / name).unlink()
    assert cache.find(name) is None
    assert cache.held() == []


def test_the_least_recently_used_make_room(cache):
    names = [put(cache, bytes([n]) * 30) for n in range(3)]
    cache.find(names[0])
    cache.make_room(40, keep=())
    assert cache.held() == [names[2], names[0]]


def test_what_a_lease_needs_is_never_thrown_out(cache):
    names = [put(cache, bytes([n]) * 30) for n in range(3)]
    cache.make_room(90, keep={names[0]})
    assert cache.held() == [names[0]]


def test_forgetting_deletes_beginnings_too_and_nothing_outside(cache, tmp_path):
    name = put(cache, b"shard")
    cache.part(name).write_bytes(b"sh")
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    cache.forget([name, "../outside", "b" * 64])
    assert cache.find(name) is None
    assert not cache.part(name).exists()
    assert outside.exists()


def test_beginnings_that_nobody_goes_on_with_are_deleted(cache):
    for name in ("a" * 64, "b" * 64):
        cache.part(name).write_bytes(b"x")
    cache.drop_parts(keep=["b" * 64])
    assert not cache.part("a" * 64).exists()
    assert cache.part("b" * 64).exists()
