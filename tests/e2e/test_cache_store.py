# SPDX-License-Identifier: Apache-2.0
"""Stores: their bounds, what goes when there is no room or no use, and what a reload keeps."""
import os

import pytest

from cache_origin import Pieces, chunk, chunked, head, ok
from cache_site import CacheEdge, Site
from wait import until

MIB = 1 << 20


class Shop(CacheEdge):
    """An edge of one's own, with one store; `page()` is a path with so many bytes."""

    def __init__(self, folder, workers: int = 1, **store):
        super().__init__(folder, workers, stores=[{"name": "main", "memory": "1MiB"} | store])

    def page(self, number: int, size: int = 10_000) -> str:
        path = f"/plain/{number}"
        self.origin.answers[path] = ok(b"%08d" % number * (size // 8))
        return path

    def gets(self, path: str):
        got = self.ask_h1(path)
        assert got.status == 200 and got.whole
        return got


@pytest.fixture
def shop(tmp_path, request, monkeypatch):
    # The address sanitizer keeps what is freed for a while, which is not ours to count.
    monkeypatch.setenv("ASAN_OPTIONS", f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=1")
    made = Shop(tmp_path, **getattr(request, "param", {})).start()
    yield made
    assert made.program.stop() == 0, made.program.log()[-4000:]
    made.stop()


def test_a_store_with_more_than_fits_goes_on_serving(shop):
    for _ in range(2):
        for number in range(400):
            path = shop.page(number)
            assert shop.gets(path).body == b"%08d" % number * 1250
    path = shop.page(1000)
    shop.gets(path)
    assert shop.gets(path).cache == "hit", "there is room for what is new"


def test_memory_stays_bounded_whatever_passes(shop):
    for number in range(200):
        shop.gets(shop.page(number, 50_000))
    before = shop.rss_bytes()
    for number in range(1000, 1800):
        shop.gets(shop.page(number, 50_000))
    assert shop.rss_bytes() - before < 24 * MIB, "40 MB have passed"


def test_what_is_asked_for_often_stays_while_others_pass(shop):
    often = shop.page(0)
    for number in range(1, 600):
        shop.gets(often)
        shop.gets(shop.page(number))
    asked = len(shop.origin.requests(often))
    assert asked <= 5 and shop.gets(often).cache == "hit"


@pytest.mark.parametrize("size", [900_000, MIB, 3 * MIB, 20 * MIB])
def test_a_response_as_large_as_the_store_is_served(shop, size):
    path = shop.page(7, size)
    for _ in range(3):
        assert len(shop.gets(path).body) == size // 8 * 8
    small = shop.page(8, 1000)
    shop.gets(small)
    assert shop.gets(small).cache == "hit"


def test_a_response_of_no_stated_length_that_is_larger_than_the_store_is_served(shop):
    body = bytes(range(256)) * 256
    shop.origin.answers["/plain/grows"] = chunked(*[body] * 100)
    for _ in range(2):
        assert shop.gets("/plain/grows").body == body * 100


def test_what_is_being_read_outlives_its_eviction(shop):
    body = bytes(range(256)) * 3000
    shop.origin.answers["/plain/large"] = ok(body)
    shop.gets("/plain/large")
    with shop.client() as peer:
        peer.sock.sendall(b"GET /plain/large HTTP/1.1\r\nHost: www.meridian.example\r\n\r\n")
        peer.until(b"\r\n\r\n")
        for number in range(300):
            shop.gets(shop.page(number))
        assert peer.exactly(len(body)) == body


@pytest.mark.parametrize("shop", [{"inactive": "1s", "memory": "8MiB"}], indirect=True)
def test_what_nobody_asks_for_goes(shop):
    path, kept = shop.page(1), shop.page(2)
    shop.gets(path)

    def is_gone():
        shop.gets(kept)
        return shop.metric("meridian_edge_cache_objects") == 1
    shop.gets(kept)
    until(is_gone, "it has gone", 60, pause_s=0.3)
    assert len(shop.origin.requests(kept)) == 1
    assert shop.gets(path).cache == "miss"


@pytest.mark.parametrize("shop", [{"memory": "8MiB"}, {"memory": "8MiB", "workers": 2}], indirect=True,
                         ids=["one-worker", "two-workers"])
def test_a_reload_keeps_what_is_stored(shop):
    paths = [shop.page(number) for number in range(50)]
    for path in paths:
        shop.gets(path)
    shop.program.config["services"][0]["hosts"].append("new.example")
    shop.reload()
    assert all(shop.gets(path).cache == "hit" for path in paths)


@pytest.mark.parametrize("shop", [{"memory": "8MiB"}], indirect=True)
def test_a_store_that_becomes_smaller_drops_what_does_not_fit(shop):
    paths = [shop.page(number, 50_000) for number in range(100)]
    for path in paths:
        shop.gets(path)
    until(lambda: shop.metric("meridian_edge_cache_bytes") > 4 * MIB, "they are stored")
    shop.program.config["stores"][0]["memory"] = "1MiB"
    shop.reload()
    until(lambda: shop.metric("meridian_edge_cache_bytes") <= MIB, "it is smaller")
    for path in paths:
        shop.gets(path)
    assert shop.metric("meridian_edge_cache_bytes") <= MIB


def test_a_store_that_becomes_larger_holds_more(shop):
    shop.program.config["stores"][0]["memory"] = "16MiB"
    shop.reload()
    paths = [shop.page(number, 50_000) for number in range(100)]
    for path in paths:
        shop.gets(path)
    assert all(shop.gets(path).cache == "hit" for path in paths)


@pytest.mark.parametrize("shop", [{"memory": "8MiB"}], indirect=True)
def test_rules_that_change_at_a_reload_hold_for_what_comes_then(shop):
    path = shop.page(1)
    shop.gets(path)
    route = next(route for route in shop.program.config["services"][0]["routes"] if route["path"]["prefix"] == "/plain/")
    route["cache"]["bypass"] = ["1"]
    shop.reload()
    assert shop.gets(path).cache == "bypass"
    del route["cache"]
    shop.reload()
    assert shop.gets(path).field("Cache-Status") is None


@pytest.mark.parametrize("shop", [{"memory": "8MiB", "workers": 2}], indirect=True)
def test_a_reload_while_a_response_comes_hurts_nobody(shop):
    slow = Pieces(head(Transfer_Encoding="chunked", Cache_Control="max-age=60"), chunk(b"first"), chunk(b"second"),
                  b"0\r\n\r\n")
    shop.origin.answers["/plain/slow"] = slow
    with shop.client(timeout_s=20) as peer:
        peer.sock.sendall(b"GET /plain/slow HTTP/1.1\r\nHost: www.meridian.example\r\n\r\n")
        slow.let(2)
        peer.until(b"first\r\n")
        shop.reload()
        slow.let()
        assert peer.until(b"0\r\n\r\n") == chunk(b"second") + b"0\r\n\r\n"
    assert shop.gets("/plain/slow").body == b"firstsecond"
    assert len(shop.origin.requests("/plain/slow")) == 1


def test_what_one_worker_stores_the_other_serves(tmp_path):
    shop = Shop(tmp_path, workers=2, memory="8MiB").start()
    try:
        paths = [shop.page(number) for number in range(20)]
        for path in paths:
            for _ in range(5):
                shop.gets(path)
        assert all(len(shop.origin.requests(path)) == 1 for path in paths)
        assert Site(shop, "h2", "other").get(paths[0]).cache == "hit"
    finally:
        shop.stop()
