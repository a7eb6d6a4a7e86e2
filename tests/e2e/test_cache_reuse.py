# SPDX-License-Identifier: Apache-2.0
"""When what is stored answers: validation, what clients wish, what is stale, what makes it untrue (RFC 9111 4.2.4,
4.3, 4.4, 5.2.1; RFC 5861)."""
import time

import pytest

from cache_origin import Pieces, date, head, in_turn, ok, validated
from origin import plain
from wait import until

STALE = {"Cache_Control": "max-age=60", "Age": "100"}


# -- validation ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("fields, asked_by", [
    ({"ETag": '"1"'}, "If-None-Match"), ({"Last_Modified": date(-1000)}, "If-Modified-Since"),
    ({"ETag": 'W/"1"', "Last_Modified": date(-1000)}, "If-None-Match")], ids=["etag", "date", "both"])
def test_what_is_stale_is_asked_about(site, fields, asked_by):
    path = site.says(validated("kept", **fields, **STALE))
    site.get(path)
    again = site.get(path)
    assert (again.status, again.body, again.cache) == (200, b"kept", "revalidated")
    value = fields["ETag" if asked_by == "If-None-Match" else "Last_Modified"]
    assert site.requests(path)[-1].header(asked_by) == value


def test_a_304_makes_it_fresh_and_updates_its_fields(site):
    came = date()
    path = site.says(validated("kept", {"ETag": '"1"', "Cache_Control": "max-age=60", "X_News": "new", "Date": came},
                               ETag='"1"', Cache_Control="max-age=10", Age="100", X_News="old", X_Other="stays",
                               Content_Type="text/plain"))
    site.get(path)
    site.get(path)
    hit = site.get(path)
    assert hit.cache == "hit" and site.asked(path) == 2
    assert hit.all("X-News") == ["new"] and hit.field("X-Other") == "stays" and hit.field("Date") == came
    assert hit.field("Cache-Control") == "max-age=60" and hit.age < 10 and hit.body == b"kept"


def test_a_304_does_not_change_what_says_how_the_body_is_coded(site):
    path = site.says(validated("kept", {"ETag": '"1"', "Cache_Control": "max-age=60", "Content_Encoding": "br",
                                        "Content_Type": "text/x", "Content_Length": "99999", "Content_Range": "bytes 0-1/9"},
                               ETag='"1"', Content_Type="text/plain", **STALE))
    for _ in range(3):
        got = site.get(path)
        assert got.body == b"kept" and got.whole
        assert (got.field("Content-Type"), got.field("Content-Encoding"), got.field("Content-Range")) == \
            ("text/plain", None, None)


def test_what_a_304_says_of_its_own_connection_is_not_stored(site):
    path = site.says(validated("kept", {"ETag": '"1"', "Cache_Control": "max-age=60", "Connection": "X-Hop, keep-alive",
                                        "X_Hop": "1", "Keep_Alive": "timeout=5", "Proxy_Authenticate": "Basic"},
                               ETag='"1"', **STALE))
    site.get(path)
    site.get(path)
    hit = site.get(path)
    assert hit.cache == "hit"
    assert [hit.field(name) for name in ("X-Hop", "Keep-Alive")] == [None, None]


def test_a_new_response_takes_the_place_of_a_stale_one(site):
    path = site.says(in_turn(ok("old", ETag='"1"', **STALE), ok("new", ETag='"2"')))
    assert site.get(path).body == b"old"
    assert site.get(path).body == b"new"
    again = site.get(path)
    assert (again.body, again.cache) == (b"new", "hit") and site.asked(path) == 2


def test_a_stale_one_without_a_validator_is_asked_for_anew(site):
    path = site.says(ok(Cache_Control="max-age=60, stale-if-error=60", Age="100"))
    site.get(path)
    site.get(path)
    last = site.requests(path)[-1]
    assert last.header("If-None-Match") is None and last.header("If-Modified-Since") is None


def test_a_client_that_has_it_gets_304(site):
    path = site.says(ok("kept", ETag='"1"', Last_Modified=date(-1000), Vary="X-A", Content_Location="/x"))
    site.get(path)
    for fields in ({"If_None_Match": '"0", W/"1"'}, {"If_None_Match": "*"}, {"If_Modified_Since": date(-500)}):
        got = site.get(path, **fields)
        assert (got.status, got.body) == (304, b"")
        assert got.field("ETag") == '"1"' and got.field("Vary") == "X-A" and got.field("Cache-Control") and \
            got.field("Content-Location") == "/x"
    assert site.asked(path) == 1


def test_a_client_that_has_another_gets_all_of_it(site):
    path = site.says(ok("kept", ETag='"1"', Last_Modified=date(-1000)))
    site.get(path)
    for fields in ({"If_None_Match": '"0"'}, {"If_Modified_Since": date(-2000)}, {"If_Modified_Since": "yesterday"},
                   {"If_None_Match": '"0"', "If_Modified_Since": date(-500)}):
        got = site.get(path, **fields)
        assert (got.status, got.body, got.cache) == (200, b"kept", "hit")


def test_a_precondition_that_is_for_origins_alone_is_not_judged(site):
    """RFC 9111 4.3.2."""
    path = site.says(ok("kept", ETag='"1"', Last_Modified=date(-1000)))
    site.get(path)
    for fields in ({"If_Match": '"2"'}, {"If_Unmodified_Since": date(-2000)}):
        got = site.get(path, **fields)
        assert (got.status, got.body) == (200, b"kept")


def test_a_client_with_a_condition_that_comes_first_stores_the_whole(site):
    path = site.says(validated("kept", ETag='"1"'))
    assert site.get(path, If_None_Match='"1"').status == 304
    got = site.get(path)
    assert (got.status, got.body, got.cache) == (200, b"kept", "hit")
    assert site.requests(path)[0].header("If-None-Match") is None


def test_the_clients_condition_is_answered_after_a_validation(site):
    path = site.says(validated("kept", ETag='"1"', **STALE))
    site.get(path)
    assert site.get(path, If_None_Match='"1"').status == 304
    assert site.get(path, If_None_Match='"2"').body == b"kept"


# -- what clients wish ---------------------------------------------------------------------------------

@pytest.mark.parametrize("wish, asks", [
    ({"Cache_Control": "no-cache"}, True), ({"Pragma": "no-cache"}, True),
    ({"Pragma": "no-cache", "Cache_Control": "max-stale"}, False),
    ({"Cache_Control": "max-age=0"}, True), ({"Cache_Control": "max-age=10"}, True),
    ({"Cache_Control": "max-age=50"}, False), ({"Cache_Control": "min-fresh=10"}, False),
    ({"Cache_Control": "min-fresh=50"}, True), ({"Cache_Control": "only-if-cached"}, False),
    ({"Cache_Control": "no-transform"}, False)], ids=str)
def test_a_client_may_ask_for_a_fresher_one(site, wish, asks):
    path = site.says(ok(Age="20"))
    site.get(path)
    site.get(path, **wish)
    assert site.asked(path) == 1 + asks


@pytest.mark.parametrize("said, wish, served", [
    ("max-age=60", "max-stale", True), ("max-age=60", "max-stale=100", True), ("max-age=60", "max-stale=10", False),
    ("max-age=60, must-revalidate", "max-stale", False), ("max-age=60, proxy-revalidate", "max-stale", False),
    ("s-maxage=60", "max-stale", False), ("max-age=60, no-cache", "max-stale", False)], ids=str)
def test_a_client_may_take_a_stale_one_where_the_origin_lets_it(site, said, wish, served):
    path = site.says(validated(ETag='"1"', Cache_Control=said, Age="100"))
    site.get(path)
    got = site.get(path, Cache_Control=wish)
    assert site.asked(path) == 2 - served and got.status == 200


def test_who_wants_what_is_stored_alone_gets_504_when_nothing_is(site):
    path = site.says(ok())
    assert site.get(path, Cache_Control="only-if-cached").status == 504
    assert site.asked(path) == 0
    site.get(path)
    assert site.get(path, Cache_Control="only-if-cached").body == b"fine"


def test_who_wants_what_is_stored_alone_gets_504_when_it_is_stale(site):
    path = site.says(ok(ETag='"1"', **STALE))
    site.get(path)
    assert site.get(path, Cache_Control="only-if-cached").status == 504
    assert site.get(path, Cache_Control="only-if-cached, max-stale").status == 200
    assert site.asked(path) == 1


def test_what_a_client_has_asked_for_anew_is_stored(site):
    path = site.says(in_turn(ok("old"), ok("new")))
    site.get(path)
    assert site.get(path, Cache_Control="no-cache").body == b"new"
    assert site.get(path).body == b"new"
    assert site.asked(path) == 2


@pytest.mark.parametrize("wish", ["no-cache", "max-age=0", "no-store", "min-fresh=1000"])
def test_a_route_may_hear_no_wishes(site, wish):
    path = site.says(ok(Age="20"), "deaf")
    for _ in range(3):
        assert site.get(path, Cache_Control=wish, Pragma="no-cache").status == 200
    assert site.asked(path) == 1


def test_only_if_cached_is_no_wish_where_none_is_heard(site):
    assert site.get(site.says(ok(), "deaf"), Cache_Control="only-if-cached").body == b"fine"


# -- stale while the origin is asked -------------------------------------------------------------------

@pytest.mark.parametrize("route, said", [("plain", "max-age=60, stale-while-revalidate=600"), ("swr", "max-age=60")])
def test_who_asks_for_a_stale_one_does_not_wait_while_one_request_brings_the_next(site, route, said):
    fresh = Pieces(ok("new"))
    path = site.says(in_turn(ok("old", Cache_Control=said, Age="100"), fresh), route)
    site.get(path)
    for _ in range(5):
        got = site.get(path)
        assert (got.body, got.cache) == (b"old", "stale")
    until(lambda: site.asked(path) == 2, "the origin was asked")
    fresh.let()
    until(lambda: site.get(path).body == b"new", "the new one is stored")
    assert site.asked(path) == 2


def test_the_request_behind_a_stale_response_asks_whether_it_still_holds(site):
    path = site.says(validated("kept", {"Cache_Control": "max-age=60", "ETag": '"1"'}, ETag='"1"', Age="100",
                               Cache_Control="max-age=60, stale-while-revalidate=600"))
    site.get(path)
    assert site.get(path).cache == "stale"
    until(lambda: site.get(path).cache == "hit", "it is fresh")
    assert [seen.header("If-None-Match") for seen in site.requests(path)] == [None, '"1"']


@pytest.mark.parametrize("said", ["max-age=60, stale-while-revalidate=10", "max-age=60, must-revalidate",
                                  "max-age=60, stale-while-revalidate=600, must-revalidate",
                                  "max-age=60, no-cache, stale-while-revalidate=600"])
def test_what_is_too_stale_or_must_be_asked_about_is_waited_for(site, said):
    path = site.says(in_turn(ok("old", ETag='"1"', Cache_Control=said, Age="100"), ok("new")), "swr")
    site.get(path)
    assert site.get(path).body == b"new"


def test_a_background_request_that_fails_leaves_the_stale_one(site):
    path = site.says(in_turn(ok("old", Cache_Control="max-age=60, stale-while-revalidate=600", Age="100"),
                             plain("broken", "500 Internal Server Error")))
    site.get(path)
    for _ in range(3):
        assert site.get(path).body == b"old"
    until(lambda: site.asked(path) >= 2, "the origin was asked")
    assert site.get(path).body == b"old"


# -- stale when the origin fails -----------------------------------------------------------------------

@pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable",
                                    "504 Gateway Timeout"])
def test_a_stale_one_serves_when_the_origin_answers_with_an_error(site, status):
    path = site.says(in_turn(ok("old", ETag='"1"', **STALE), plain("broken", status)))
    site.get(path)
    for _ in range(2):
        got = site.get(path)
        assert (got.status, got.body, got.cache) == (200, b"old", "stale")
    assert site.asked(path) == 3


def test_a_stale_one_serves_when_the_origin_is_down(site):
    path = site.says(ok("old", ETag='"1"', **STALE))
    site.get(path)
    site.origin.stop()
    try:
        got = site.get(path)
    finally:
        site.origin.start()
    assert (got.status, got.body, got.cache) == (200, b"old", "stale")
    assert got.age >= 100


def test_a_stale_one_serves_when_the_origin_breaks_off(site):
    def breaks(_seen, peer):
        peer.sock.sendall(b"HTTP/1.1 200 O")
        raise EOFError
    path = site.says(in_turn(ok("old", ETag='"1"', **STALE), breaks))
    site.get(path)
    assert site.get(path).body == b"old"


@pytest.mark.parametrize("route, said", [
    ("plain", "max-age=60, must-revalidate"), ("plain", "max-age=60, proxy-revalidate"), ("plain", "s-maxage=60"),
    ("plain", "max-age=60, no-cache"), ("plain", "max-age=60, stale-if-error=10"), ("nosie", "max-age=60")])
def test_a_stale_one_does_not_serve_where_it_must_not(site, route, said):
    path = site.says(in_turn(ok("old", ETag='"1"', Cache_Control=said, Age="100"),
                             plain("broken", "503 Service Unavailable")), route)
    site.get(path)
    assert site.get(path).status == 503


@pytest.mark.parametrize("failure", ["503", "down"])
def test_a_client_may_wish_for_a_stale_one_when_the_origin_fails(site, failure):
    path = site.says(in_turn(ok("old", ETag='"1"', **STALE), plain("broken", "503 Service Unavailable")), "nosie")
    site.get(path)
    if failure == "down":
        site.origin.stop()
    try:
        got = site.get(path, Cache_Control="stale-if-error=600")
    finally:
        if failure == "down":
            site.origin.start()
    assert (got.status, got.body) == (200, b"old")


def test_an_origin_that_is_down_is_502_when_nothing_is_stored(site):
    path = site.says(ok())
    site.origin.stop()
    try:
        assert site.get(path).status == 502
    finally:
        site.origin.start()
    assert site.get(path).cache == "miss"


# -- what makes it untrue ------------------------------------------------------------------------------

@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PURGE"])
def test_what_changes_something_makes_what_is_stored_untrue(site, method):
    path = site.says(ok())
    site.get(path)
    site.get(path, method, b"x")
    assert site.get(path).cache == "miss"


def test_all_variants_are_untrue_then(site):
    path = site.says(ok(Vary="X-Color"))
    for color in ("red", "blue"):
        site.get(path, X_Color=color)
    site.get(path, "POST", b"x")
    for color in ("red", "blue"):
        assert site.get(path, X_Color=color).cache == "miss"
        assert site.get(path, X_Color=color).cache == "hit"


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD"])
def test_what_is_safe_changes_nothing(site, method):
    path = site.says(ok())
    site.get(path)
    site.get(path, method)
    assert site.get(path).cache == "hit"


@pytest.mark.parametrize("status", ["400 Bad Request", "409 Conflict", "500 Internal Server Error"])
def test_a_change_that_has_failed_changes_nothing(site, status):
    path = site.says(in_turn(ok(), plain("no", status)))
    site.get(path)
    assert site.get(path, "POST", b"x").status == int(status[:3])
    assert site.get(path).cache == "hit"


def test_a_redirect_after_a_change_counts_as_success(site):
    path = site.says(in_turn(ok(), head("303 See Other", Location="/elsewhere", Content_Length="0"), ok()))
    site.get(path)
    site.get(path, "POST", b"x")
    assert site.get(path).cache == "miss"


@pytest.mark.parametrize("name", ["Location", "Content_Location"])
@pytest.mark.parametrize("begin", ["", "http://www.meridian.example", "http://WWW.meridian.example"])
def test_what_the_answer_to_a_change_names_is_untrue_too(site, name, begin):
    named = site.says(ok(), more="/named")
    site.get(named)
    path = site.says(head("201 Created", Content_Length="0", **{name: begin + named}))
    site.get(path, "POST", b"x")
    assert site.get(named).cache == "miss"


@pytest.mark.parametrize("begin", ["http://other.example", "//other.example", "https://www.meridian.example.evil"])
def test_what_is_named_of_another_host_stays(site, begin):
    named = site.says(ok(), more="/named")
    site.get(named)
    path = site.says(head("201 Created", Content_Length="0", Location=begin + named))
    site.get(path, "POST", b"x")
    assert site.get(named).cache == "hit"


def test_a_response_that_was_on_its_way_during_a_change_is_not_stored(cache_edge, site):
    slow = Pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nCache-Control: max-age=60\r\n\r\n", b"old")
    path = site.path()
    site.origin.answers[path] = slow
    with cache_edge.client(timeout_s=20) as peer:
        peer.sock.sendall(b"GET %s HTTP/1.1\r\nHost: www.meridian.example\r\n\r\n" % path.encode())
        slow.let(1)
        peer.until(b"\r\n\r\n")
        site.origin.answers[path] = ok("new")
        site.get(path, "POST", b"x")
        slow.let(1)
        assert peer.exactly(3) == b"old"
    assert site.get(path).body == b"new"


def test_a_change_makes_untrue_what_is_stored_under_a_key_with_the_method(site):
    path = site.says(ok(), "method")
    site.get(path)
    site.get(path, "POST", b"x")
    assert site.get(path).cache == "miss"


# -- time ----------------------------------------------------------------------------------------------

def test_what_was_fresh_is_stale_when_its_seconds_are_over(site):
    path = site.says(ok(Cache_Control="max-age=1", ETag='"1"'))
    began = time.monotonic()
    site.get(path)
    until(lambda: site.asked(path) == 2 or not site.get(path), "it was asked for again", 5)
    assert time.monotonic() - began < 4
