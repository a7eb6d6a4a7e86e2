# SPDX-License-Identifier: Apache-2.0
"""What a route's `cache` decides: the key, what is stored and what not, and for how long."""
import socket
import struct

import pytest

from cache_origin import chunk, chunked, date, head, in_turn, ok
from clients import curl
from cluster import WWW
from origin import plain
from wait import until


def says_line(seen, peer):
    """Fresh, and it shows what the origin was asked."""
    peer.sock.sendall(ok(seen.line))


# -- the key -------------------------------------------------------------------------------------------

def test_each_query_is_another_key(site):
    path = site.says(says_line)
    for query in ("?a=1", "?a=2", "?A=1", "?a=1&b=2", "?b=2&a=1", "?", ""):
        assert site.get(path + query).cache == "miss"
        assert site.get(path + query).cache == "hit"


def test_only_the_parameters_that_count_reach_the_origin(site):
    path = site.says(says_line, "only")
    got = site.get(path + "?x=1&id=7&utm_source=z&page_1=2&idx=3&id")
    assert got.body.split()[1].decode() == path + "?id=7&page_1=2&id"
    assert site.get(path + "?id=7&page_1=2&y=evil&id").cache == "hit"
    assert site.get(path + "?id=8&page_1=2&id").cache == "miss"
    assert site.get(path + "?evil=1").body.split()[1].decode() == path


def test_the_parameters_that_do_not_count_do_not_reach_the_origin(site):
    path = site.says(says_line, "except")
    got = site.get(path + "?utm_source=mail&id=7&fbclid=1&fbclidx=2")
    assert got.body.split()[1].decode() == path + "?id=7&fbclidx=2"
    assert site.get(path + "?id=7&fbclidx=2").cache == "hit"
    assert site.get(path + "?utm_=1").body.split()[1].decode() == path
    assert site.get(path).cache == "hit"


def test_a_target_without_a_query_stays_without_one(site):
    for route in ("only", "except", "noquery"):
        path = site.says(says_line, route)
        assert site.get(path).body.split()[1].decode() == path


def test_a_dropped_parameter_with_coded_letters_counts(site):
    """It is another name, byte for byte; what is not dropped is in the key."""
    path = site.says(says_line, "except")
    got = site.get(path + "?%75tm_source=1")
    assert got.body.split()[1].decode() == path + "?%75tm_source=1"
    assert site.get(path).cache == "miss"


def test_a_route_may_have_no_query_at_all(site):
    path = site.says(says_line, "noquery")
    assert site.get(path + "?evil=1").body.split()[1].decode() == path
    assert site.get(path + "?other=2").cache == "hit"


def test_fields_of_the_key_tell_responses_apart(site):
    path = site.says(ok(), "headers")
    assert [site.get(path, X_Device=device).cache for device in ("tv", "phone", "tv", "phone")] == \
        ["miss", "miss", "hit", "hit"]
    assert site.get(path).cache == "miss"


def test_cookies_of_the_key_tell_responses_apart(site):
    path = site.says(ok(), "cookies")
    assert site.get(path, Cookie="lang=de; id=1").cache == "miss"
    assert site.get(path, Cookie="id=2; lang=de").cache == "hit"
    assert site.get(path, Cookie="lang=fr").cache == "miss"
    assert site.get(path, Cookie="xlang=de").cache == "miss"


def test_hosts_and_ports_are_told_apart(site):
    path = site.says(ok())
    assert site.get(path).cache == "miss"
    assert site.get(path, host=f"{WWW}:8080").cache == "miss"
    assert site.get(path, host=f"{WWW}:80").cache == "hit"
    assert site.get(path, host=WWW.upper()).cache == "hit"


def test_a_route_may_leave_the_host_out(site):
    path = site.says(ok(), "hostless")
    site.get(path)
    assert site.get(path, host=f"{WWW}:8080").cache == "hit"


@pytest.mark.parametrize("route, asked", [("plain", 2), ("schemeless", 1)])
def test_http_and_https_are_two_unless_the_route_says_otherwise(cache_edge, site, route, asked):
    path = site.says(ok(), route)
    cluster = cache_edge.cluster
    site.get(path)
    got = curl(f"https://{WWW}{path}", "--cacert", str(cluster.authority.ca), "--connect-to",
               f"::{cluster.https('eu-west-1')}", "--http1.1" if site.version == "h1" else "--http2")
    assert (got.status, got.body) == (200, "fine"), got
    assert site.asked(path) == asked


def test_head_is_another_where_the_method_is_in_the_key(site):
    path = site.says(ok(), "method")
    site.get(path)
    site.get(path, "HEAD")
    assert site.asked(path) == 2


# -- whether it is stored ------------------------------------------------------------------------------

def test_bypass_asks_the_origin_and_stores_what_it_says(site):
    path = site.says(in_turn(ok("old"), ok("new")), "bypass")
    site.get(path)
    assert site.get(path, X_Refresh="0").body == b"old"
    got = site.get(path, X_Refresh="1")
    assert (got.body, got.cache) == (b"new", "bypass")
    assert (site.get(path).body, site.asked(path)) == (b"new", 2)


def test_no_store_leaves_nothing_behind(site):
    path = site.says(ok(), "nostore")
    assert site.get(path, X_Secret="1").cache == "bypass"
    assert site.get(path).cache == "miss"
    assert site.get(path, X_Secret="1").cache == "hit"


def test_a_field_that_is_ignored_has_no_say(site):
    path = site.says(ok(Cache_Control="no-store, private", Expires="0", Vary="*", Age="9999999"), "ignore")
    site.get(path)
    assert site.get(path).cache == "hit"


@pytest.mark.parametrize("status, cache", [("404 Not Found", "hit"), ("503 Service Unavailable", "hit"),
                                           ("200 OK", "hit"), ("302 Found", "hit")])
def test_what_says_nothing_is_fresh_by_its_status(site, status, cache):
    path = site.says(plain("said nothing", status), "valid")
    site.get(path)
    got = site.get(path)
    assert (got.status, got.cache) == (int(status[:3]), cache)


@pytest.mark.parametrize("said", ["no-store", "private", "max-age=0"])
def test_what_says_something_is_not_asked_for_its_status(site, said):
    path = site.says(plain("no", "404 Not Found", Cache_Control=said), "valid")
    site.get(path)
    site.get(path)
    assert site.asked(path) == 2


def test_errors_are_not_stored_without_being_told_to(site):
    for status in ("400 Bad Request", "403 Forbidden", "429 Too Many", "500 Broken", "503 Busy"):
        path = site.says(plain("no", status), more=f"/{status[:3]}")
        site.get(path)
        site.get(path)
        assert site.asked(path) == 2, status


@pytest.mark.parametrize("route, fields, stored, cookie", [
    ("plain", {"Cache_Control": "max-age=60"}, True, True),
    ("plain", {"Last_Modified": date(-100_000), "Date": date()}, False, True),
    ("refuse", {"Cache_Control": "max-age=60"}, False, True),
    ("strip", {"Cache_Control": "max-age=60"}, True, False),
    ("strip", {"Last_Modified": date(-100_000), "Date": date()}, True, False)], ids=str)
def test_cookies_are_stored_refused_or_left_out(site, route, fields, stored, cookie):
    path = site.says(plain("fine", Set_Cookie="id=1", **fields), route)
    assert site.get(path).field("Set-Cookie") == "id=1"
    again = site.get(path)
    assert (again.cache == "hit", again.field("Set-Cookie") == "id=1") == (stored, cookie)


def test_cookies_are_left_out_by_the_rule_after_a_304_too(site):
    path = site.says(in_turn(ok(ETag='"1"', Age="100"), head("304 Not Modified", ETag='"1"', Set_Cookie="id=2",
                                                             Cache_Control="max-age=60")), "strip")
    site.get(path)
    site.get(path)
    hit = site.get(path)
    assert (hit.cache, hit.field("Set-Cookie")) == ("hit", None)


def test_a_response_is_stored_once_it_is_used_often_enough(site):
    path = site.says(ok(), "uses")
    assert [site.get(path).cache for _ in range(5)] == ["bypass", "bypass", "miss", "hit", "hit"]


def test_a_response_that_says_it_is_too_large_passes_through(site):
    path = site.says(ok(b"x" * 65537), "small")
    for _ in range(2):
        got = site.get(path)
        assert (len(got.body), got.cache) == (65537, "pass")
    fits = site.says(ok(b"x" * 65536), "small", "/fits")
    site.get(fits)
    assert site.get(fits).cache == "hit"


def test_a_response_that_grows_too_large_goes_through_and_is_not_stored(site):
    body = bytes(range(256)) * 4096
    path = site.says(chunked(*(body[at:at + 10_000] for at in range(0, len(body), 10_000))), "small")
    for _ in range(2):
        got = site.get(path)
        assert got.body == body and got.whole
    assert site.asked(path) == 2


def test_what_grows_too_large_is_read_no_faster_than_its_client_reads(cache_edge, site):
    """Nothing of it is kept, and a client that sleeps must not make it pile up."""
    sent, size = [0], 96 << 20

    def endless(_seen, peer):
        peer.sock.sendall(head(Transfer_Encoding="chunked", Cache_Control="max-age=60"))
        while sent[0] < size:
            peer.sock.sendall(chunk(b"x" * 65536))
            sent[0] += 65536
        peer.sock.sendall(b"0\r\n\r\n")
    path = site.says(endless, "small")
    with cache_edge.client(timeout_s=20) as peer:
        peer.sock.sendall(b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (path.encode(), WWW.encode()))
        peer.until(b"\r\n\r\n")
        last = [-1]

        def stands():
            before, last[0] = last[0], sent[0]
            return before == sent[0]
        until(stands, "the origin waits", 20, pause_s=0.5)
        assert sent[0] < size
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until(lambda: site.edge.metric("meridian_edge_requests_open") == 0, "the client has gone")
    until(lambda: site.edge.metric("meridian_edge_cache_flights") == 0, "for nobody nothing is fetched")
    assert sent[0] < size


def test_that_a_response_is_not_stored_is_remembered_for_a_while(site):
    path = site.says(in_turn(ok(Cache_Control="no-store"), ok()), "pass")
    assert site.get(path).cache == "pass"
    assert site.get(path).cache == "pass"
    until(lambda: site.get(path).cache == "hit", "it is forgotten", 10)
