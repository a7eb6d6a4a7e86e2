# SPDX-License-Identifier: Apache-2.0
"""What is stored, how long it is fresh, and for whom (RFC 9111 3, 4.1, 4.2; RFC 9213)."""
import pytest

from cache_origin import chunked, date, head, in_turn, ok
from origin import plain
from wait import until


def is_stored(site, path: str, **fields: str) -> bool:
    """Two requests: has the second been answered from what the first has left?"""
    before = site.asked(path)
    site.get(path, **fields)
    site.get(path, **fields)
    return site.asked(path) == before + 1


# -- hits ----------------------------------------------------------------------------------------------

def test_what_is_fresh_is_served_without_asking_the_origin(site):
    path = site.says(ok("hello", Content_Type="text/plain", X_Own="kept"))
    first, second = site.get(path), site.get(path)
    assert (first.status, first.body, first.cache) == (200, b"hello", "miss")
    assert (second.status, second.body, second.cache) == (200, b"hello", "hit")
    assert second.field("Content-Type") == "text/plain" and second.field("X-Own") == "kept"
    assert site.asked(path) == 1


def test_a_hit_says_how_old_it_is_and_keeps_the_date(site):
    came = date(-20)
    path = site.says(ok(Date=came, Age="20", Cache_Control="max-age=3600"))
    assert 20 <= site.get(path).age < 30
    second = site.get(path)
    assert second.cache == "hit" and 20 <= second.age < 30 and second.field("Date") == came
    assert len(second.all("Age")) == 1


def test_age_grows_with_the_seconds(site):
    path = site.says(ok(Date=date()))
    site.get(path)
    until(lambda: 1 <= site.get(path).age <= 5, "it is a second old", 5)
    assert site.asked(path) == 1


def test_a_response_without_a_body_is_stored(site):
    for status, more in (("204 No Content", "/none"), ("200 OK", "/empty")):
        path = site.says(head(status, Cache_Control="max-age=60", **({} if "204" in status else {"Content_Length": "0"})),
                         more=more)
        assert site.get(path).body == b""
        again = site.get(path)
        assert (again.cache, again.body, again.whole) == ("hit", b"", True)


def test_a_body_of_no_stated_length_is_stored_whole(site):
    path = site.says(chunked(b"one ", b"two ", b"three"))
    assert site.get(path).body == b"one two three"
    again = site.get(path)
    assert again.cache == "hit" and again.body == b"one two three"


def test_a_body_until_the_connection_ends_is_stored_whole(site):
    def answer(_seen, peer):
        peer.sock.sendall(head(Cache_Control="max-age=60") + b"until the end")
        raise EOFError
    path = site.says(answer)
    assert site.get(path).body == b"until the end"
    assert site.get(path).body == b"until the end"
    assert site.asked(path) == 1


def test_a_large_body_is_the_same_from_the_origin_and_from_the_store(site):
    body = bytes(range(256)) * 12_000
    path = site.says(ok(body))
    assert site.get(path).body == body
    assert site.get(path).body == body
    assert site.asked(path) == 1


def test_head_is_answered_from_what_get_has_stored(site):
    path = site.says(ok("hello"))
    site.get(path)
    answer = site.get(path, "HEAD")
    assert (answer.status, answer.body, answer.cache) == (200, b"", "hit")
    assert answer.field("Content-Length") == "5"
    assert site.asked(path) == 1


def test_what_head_brings_does_not_answer_get(site):
    path = site.says(ok("hello"))
    assert site.get(path, "HEAD").body == b""
    assert site.get(path).body == b"hello"
    assert [seen.line.split(" ")[0] for seen in site.requests(path)] == ["HEAD", "GET"]


def test_http_1_0_is_served_from_what_is_stored(cache_edge, site):
    path = site.says(chunked(b"one ", b"two"))
    site.get(path)
    answer = cache_edge.ask(b"GET %s HTTP/1.0\r\nHost: www.meridian.example\r\n\r\n" % path.encode())
    assert answer.endswith(b"\r\n\r\none two") and b"chunked" not in answer and site.asked(path) == 1


# -- freshness -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("fields, fresh", [
    ({"Cache_Control": "max-age=60"}, True),
    ({"Cache_Control": "max-age=0"}, False),
    ({"Cache_Control": "max-age=60", "Age": "59"}, True),
    ({"Cache_Control": "max-age=60", "Age": "60"}, False),
    ({"Cache_Control": "max-age=60", "Date": "{-100}"}, False),
    ({"Cache_Control": "s-maxage=60, max-age=0"}, True),
    ({"Cache_Control": "s-maxage=0, max-age=60"}, False),
    ({"Expires": "{+60}", "Date": "{0}"}, True),
    ({"Expires": "{-60}", "Date": "{0}"}, False),
    ({"Expires": "0", "Date": "{0}"}, False),
    ({"Expires": "{-60}", "Cache_Control": "max-age=60"}, True),
    ({"Expires": "{+60}", "Cache_Control": "max-age=0"}, False),
    ({"Last_Modified": "{-100000}", "Date": "{0}"}, True),
    ({"Last_Modified": "{-100000}", "Date": "{-20000}", "Age": "20000"}, False),
    ({"Date": "{0}"}, False),
    ({"Cache_Control": "public", "Date": "{0}"}, False),
    ({"Cache_Control": "immutable, max-age=60"}, True),
    ({"Cache_Control": "MAX-AGE=60"}, True),
    ({"Cache_Control": 'max-age="60"'}, True),
    ({"Cache_Control": "max-age=60, max-age=0"}, False),
    ({"CDN_Cache_Control": "max-age=60", "Cache_Control": "no-store"}, True),
    ({"CDN_Cache_Control": "no-store", "Cache_Control": "max-age=60"}, False),
    ({"CDN_Cache_Control": "max-age=0", "Expires": "{+60}"}, False),
    ({"CDN_Cache_Control": "max-age=?1;;", "Cache_Control": "max-age=60"}, True),
    ({"Surrogate_Control": "no-store", "Cache_Control": "max-age=60"}, True),
], ids=str)
def test_a_response_is_fresh_as_long_as_it_says(site, fields, fresh):
    """{-60}: the date a minute ago."""
    said = {name: date(int(value[1:-1])) if value[0] == "{" else value for name, value in fields.items()}
    assert is_stored(site, site.says(plain("fine", **said))) == fresh


def test_no_guess_is_made_where_the_route_wants_none(site):
    path = site.says(plain("fine", Last_Modified=date(-100_000), Date=date()), "noguess")
    assert not is_stored(site, path)


def test_the_first_targeted_field_of_the_route_counts(site):
    path = site.says(plain("fine", CDN_Cache_Control="no-store", Meridian_Cache_Control="max-age=60"), "targets")
    assert is_stored(site, path)


def test_a_route_may_hear_no_targeted_field(site):
    assert not is_stored(site, site.says(plain("fine", CDN_Cache_Control="max-age=60", Cache_Control="no-store"),
                                         "untargeted"))


# -- storing -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("said", ["no-store", "private", "max-age=60, no-store", "private, max-age=60", "No-Store",
                                  "max-age=60,,private", "no-store, must-understand, max-age=60, nonsense=,"])
def test_what_must_not_be_stored_is_not(site, said):
    status = "299 Odd" if "must-understand" in said else "200 OK"
    assert not is_stored(site, site.says(ok(status=status, Cache_Control=said)))


def test_must_understand_takes_the_place_of_no_store_for_what_we_know(site):
    assert is_stored(site, site.says(ok(Cache_Control="no-store, must-understand, max-age=60")))


def test_a_field_that_is_named_private_goes_to_the_first_client_alone(site):
    path = site.says(ok(Cache_Control='max-age=60, private="X-Mine"', X_Mine="secret", X_Ours="known"))
    assert site.get(path).field("X-Mine") == "secret"
    second = site.get(path)
    assert (second.cache, second.field("X-Mine"), second.field("X-Ours")) == ("hit", None, "known")


def test_no_cache_is_stored_and_asked_about_each_time(site):
    def answer(seen, peer):
        same = seen.header("If-None-Match") == '"1"'
        peer.sock.sendall(head("304 Not Modified", ETag='"1"') if same else
                          ok("kept", ETag='"1"', Cache_Control="no-cache, max-age=60"))
    path = site.says(answer)
    assert [site.get(path).cache for _ in range(3)] == ["miss", "revalidated", "revalidated"]
    assert site.get(path).body == b"kept" and site.asked(path) == 4


@pytest.mark.parametrize("status, stored", [
    ("203 Non-Authoritative", True), ("301 Moved Permanently", True), ("302 Found", True), ("404 Not Found", True),
    ("410 Gone", True), ("500 Internal Server Error", True), ("599 Odd", True), ("206 Partial Content", False)])
def test_a_status_with_a_time_is_stored_but_for_a_part(site, status, stored):
    assert is_stored(site, site.says(ok(status=status))) == stored


def test_an_answer_to_post_is_not_stored(site):
    path = site.says(ok("posted"))
    site.get(path, "POST", b"x")
    assert site.get(path).cache == "miss"


def test_a_client_that_says_no_store_leaves_nothing_behind(site):
    path = site.says(ok())
    assert not is_stored(site, path, Cache_Control="no-store")
    assert site.get(path).cache == "miss"
    assert site.get(path).cache == "hit"


@pytest.mark.parametrize("said, stored", [("max-age=60", False), ("public, max-age=60", True), ("s-maxage=60", True),
                                          ("max-age=60, must-revalidate", True)])
def test_an_answer_to_authorization_is_stored_if_it_is_allowed_by_name(site, said, stored):
    assert is_stored(site, site.says(ok(Cache_Control=said)), Authorization="Basic QTpC") == stored


def test_who_has_authorization_does_not_keep_others_from_storing(site):
    path = site.says(ok())
    assert site.get(path, Authorization="Basic QTpC").cache == "pass"
    assert site.get(path).cache == "miss"
    assert site.get(path).cache == "hit"


def test_an_answer_without_authorization_serves_who_has_it(site):
    path = site.says(ok())
    site.get(path)
    assert site.get(path, Authorization="Basic QTpC").cache == "hit"


# -- variants ------------------------------------------------------------------------------------------

def reflect(name: str, **fields: str):
    """An answer that varies by this field, and says it."""
    def answer(seen, peer):
        peer.sock.sendall(ok(f"{seen.header(name)}", Vary=name, **fields))
    return answer


def test_each_variant_is_stored_for_itself(site):
    path = site.says(reflect("X-Color"))
    for color in ("red", "blue"):
        assert site.get(path, X_Color=color).body == color.encode()
    for color in ("red", "blue"):
        again = site.get(path, X_Color=color)
        assert (again.body, again.cache) == (color.encode(), "hit")
    assert site.asked(path) == 2


def test_an_absent_field_is_another_variant_than_an_empty_one(site):
    path = site.says(reflect("X-Color"))
    assert site.get(path).body == b"None"
    assert site.get(path, X_Color="").body == b""
    assert site.get(path).body == b"None"
    assert site.asked(path) == 2


def test_a_thousand_variants_are_stored(site):
    path = site.says(reflect("X-Number"))
    for _ in range(2):
        for number in range(1000):
            assert site.get(path, X_Number=str(number)).body == str(number).encode()
    assert site.asked(path) == 1000


@pytest.mark.parametrize("accept", ["gzip,br", "br, gzip", "GZIP;q=1, br;q=0.5"])
def test_accept_encoding_counts_by_the_codings_that_it_takes(site, accept):
    path = site.says(reflect("Accept-Encoding"))
    site.get(path, Accept_Encoding="gzip, br")
    assert site.get(path, Accept_Encoding=accept).cache == "hit"


def test_a_coding_that_is_refused_is_another_variant(site):
    path = site.says(reflect("Accept-Encoding"))
    site.get(path, Accept_Encoding="gzip, br")
    assert site.get(path, Accept_Encoding="gzip;q=0, br").cache == "miss"
    assert site.get(path).cache == "miss"


def test_what_varies_by_everything_is_not_stored(site):
    assert not is_stored(site, site.says(ok(Vary="*"), more="/alone"))
    assert not is_stored(site, site.says(ok(Vary="X-Color, *"), more="/among"))


def test_responses_of_one_url_that_vary_by_different_fields_are_told_apart(site):
    def answer(seen, peer):
        by = "X-Color" if seen.header("X-Size") is None else "X-Size"
        peer.sock.sendall(ok(f"{seen.header('X-Color')} {seen.header('X-Size')}", Vary=by))
    path = site.says(answer)
    assert site.get(path, X_Color="red", X_Size="1").body == b"red 1"
    for _ in range(2):
        assert site.get(path, X_Color="red").body == b"red None"
        assert site.get(path, X_Color="red", X_Size="1").body == b"red 1"
        assert site.get(path, X_Color="red", X_Size="2").body == b"red 2"
        assert site.get(path, X_Color="blue").body == b"blue None"
    assert site.asked(path) <= 5


def test_more_fields_to_vary_by_than_are_kept_pass_through_once(site):
    path = site.says(ok(Vary=", ".join(f"X-{number}" for number in range(100))))
    for _ in range(2):
        answer = site.get(path)
        assert (answer.status, answer.body) == (200, b"fine")
        assert answer.field("Via").count(",") == 0
    assert site.asked(path) == 2


# -- trailers ------------------------------------------------------------------------------------------

def test_trailers_are_stored_and_said_again(site):
    path = site.says(chunked(b"body", trailers=b"X-Sum: 1234\r\n", Trailer="X-Sum"))
    for cache in ("miss", "hit"):
        answer = site.get(path, TE="trailers")
        assert (answer.cache, answer.body) == (cache, b"body")
        assert {name.lower(): value for name, value in answer.trailers.items()} == {"x-sum": "1234"}


def test_who_does_not_take_trailers_gets_the_body_all_the_same(cache_edge, site):
    path = site.says(chunked(b"body", trailers=b"X-Sum: 1234\r\n"))
    for _ in range(2):
        answer = cache_edge.ask_h1(path)
        assert (answer.body, answer.trailers) == (b"body", {})


# -- interim -------------------------------------------------------------------------------------------

def test_interim_responses_are_not_stored(site):
    path = site.says(head("103 Early Hints", Link="</a.css>; rel=preload", Cache_Control="max-age=60") +
                     ok("final"))
    assert site.get(path).body == b"final"
    again = site.get(path)
    assert (again.status, again.body, again.cache, again.field("Link")) == (200, b"final", "hit", None)


# -- what the cache says -------------------------------------------------------------------------------

def test_a_route_may_say_nothing_of_its_cache(site):
    path = site.says(ok(), "quiet")
    assert site.get(path).field("Cache-Status") is None
    assert site.get(path).field("Cache-Status") is None and site.asked(path) == 1


def test_cache_status_of_a_cache_before_us_stays(site):
    path = site.says(ok(Cache_Status="Inner; hit"))
    for ours in ("fwd=miss; stored", "hit"):
        assert site.get(path).all("Cache-Status") in (["Inner; hit", f"meridian; {ours}"],
                                                      [f"meridian; {ours}"] * (site.version == "h2"))


def test_the_access_log_and_the_counters_say_of_what_use_it_was(cache_edge, site):
    path = site.says(in_turn(ok(Cache_Control="no-store"), ok()), "pass")
    hits = cache_edge.metric("meridian_edge_cache_hits_total")
    site.get(path)
    until(lambda: site.get(path).cache == "hit", "it is stored", 10)
    until(lambda: f"{path} hit" in cache_edge.access_log(), "the hit is in the log")
    lines = [line for line in cache_edge.access_log() if line.startswith(f"{path} ")]
    assert lines[0] == f"{path} pass" and f"{path} miss" in lines
    assert cache_edge.metric("meridian_edge_cache_hits_total") == hits + 1
