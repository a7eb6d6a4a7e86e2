# SPDX-License-Identifier: Apache-2.0
"""What one client can make an origin say must not be what others get: the origin here shows all that it was asked,
attackers ask first, and victims ask in peace. What hostile origins say must not spill over either."""
import pytest

from cache_origin import chunk, head, in_turn, ok
from cache_site import read_response, request_bytes
from cluster import WWW
from h2_wire import H2
from origin import plain
from wait import until

EVIL = "evil-4711"


def shows_all(seen, peer):
    """Fresh for everybody, and with everything in it that came."""
    peer.sock.sendall(ok(seen.raw_head.decode("latin-1")))


@pytest.fixture
def shown(site):
    return site.says(shows_all)


def victim_is_safe(site, path: str, n: int = 2) -> bool:
    return all(EVIL not in site.get(path).body.decode() for _ in range(n))


# -- fields that no key holds --------------------------------------------------------------------------

@pytest.mark.parametrize("name", [
    "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Path",
    "X-Forwarded-Server", "X-Forwarded-Scheme", "X-Forwarded-Uri", "X-Forwarded-Ssl", "X-Forwarded-Protocol",
    "X-Forwarded-By", "X_Forwarded_Host", "X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Original-URL", "X-Rewrite-URL",
    "X-Original-Host", "X-Original-URI", "X-Host", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override",
    "X-HTTP-Host-Override", "X-Original-Method", "X-URL-Scheme", "Front-End-Https", "X-Request-URI", "X-Rewrite-URI",
    "X-Script-Name", "X-Envoy-Original-Path", "X_Original_URL"])
def test_a_claim_about_the_request_does_not_reach_others(cache_edge, site, shown, name):
    cache_edge.ask_h1(shown, fields={name: EVIL}) if site.version == "h1" else \
        cache_edge.ask_h2(shown, fields={name: EVIL})
    assert victim_is_safe(site, shown)


@pytest.mark.parametrize("name", ["Range", "If-None-Match", "If-Modified-Since", "If-Range", "If-Match", "Connection",
                                  "Upgrade"])
def test_what_is_for_one_exchange_alone_does_not_reach_others(cache_edge, shown, site, name):
    cache_edge.ask_h1(shown, fields={name: EVIL})
    assert victim_is_safe(site, shown)


def test_a_method_in_a_field_does_not_change_the_method(site, shown):
    site.get(shown, X_HTTP_Method_Override="DELETE")
    assert site.requests(shown)[0].header("X-HTTP-Method-Override") is None


def test_a_field_that_connection_names_cannot_take_ours_away(cache_edge, site, shown):
    cache_edge.ask_h1(shown, fields={"Connection": "close, X-Forwarded-For, X-Forwarded-Proto, Host, Via"})
    seen = site.requests(shown)[0]
    assert seen.header("Host") == WWW and seen.header("X-Forwarded-Proto") == "http" and seen.header("Via")


# -- hosts ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("host", [
    f"{WWW}:4711", f"{WWW}.:4711", f"{WWW}.", WWW.upper(), f"{WWW}:80", f"{WWW}:080", f"{WWW}:", f"{EVIL}@{WWW}",
    f"{WWW}:{EVIL}", f"{WWW}/{EVIL}", f"{WWW}?{EVIL}", f"{WWW}#{EVIL}", f"{WWW} {EVIL}", f"{WWW},{EVIL}", EVIL,
    f"{WWW}:99999", f"{WWW}:0"])
def test_an_odd_host_is_refused_or_another_key(site, shown, host):
    """A victim gets what was asked for with a host that is his own, but for case and the scheme's port."""
    site.get(shown, host=host)
    body = site.get(shown).body.decode().lower()
    assert EVIL not in body and "4711" not in body and "99999" not in body and f"{WWW}.\r\n" not in body
    assert "host: www.meridian.example" in body


def test_the_origin_sees_one_host_whatever_the_letters(site, shown):
    """What the key takes for one must be one to the origin, too."""
    assert site.get(shown, host=WWW.upper()).cache == "miss"
    got = site.get(shown)
    assert got.cache == "miss" or WWW in got.body.decode(), "reflected in another's letters"


@pytest.mark.parametrize("line, fields", [
    ("GET http://www.meridian.example{path} HTTP/1.1", f"Host: {EVIL}\r\n"),
    ("GET http://evil-4711{path} HTTP/1.1", f"Host: {WWW}\r\n"),
    ("GET {path} HTTP/1.1", f"Host: {WWW}\r\nHost: {EVIL}\r\n"),
    ("GET {path} HTTP/1.1", f"Host: {WWW}\r\n Host: {EVIL}\r\n"),
    ("GET {path} HTTP/1.1", f"Host : {EVIL}\r\nHost: {WWW}\r\n"),
    ("GET http://evil-4711@www.meridian.example{path} HTTP/1.1", f"Host: {WWW}\r\n"),
    ("GET evil-4711://www.meridian.example{path} HTTP/1.1", f"Host: {WWW}\r\n"),
    ("GET //evil-4711{path} HTTP/1.1", f"Host: {WWW}\r\n"),
    ("GET {path}#evil-4711 HTTP/1.1", f"Host: {WWW}\r\n"),
    ("GET {path}\tevil-4711 HTTP/1.1", f"Host: {WWW}\r\n"),
    ("GET {path} evil-4711 HTTP/1.1", f"Host: {WWW}\r\n")])
def test_an_odd_request_line_is_refused_or_another_key(cache_edge, site, shown, line, fields):
    cache_edge.ask(f"{line.format(path=shown)}\r\n{fields}Connection: close\r\n\r\n".encode())
    assert victim_is_safe(site, shown)


@pytest.mark.parametrize("pseudo", [
    [(":authority", WWW), ("host", EVIL)], [(":authority", EVIL), ("host", WWW)], [("host", EVIL)],
    [(":authority", WWW), (":scheme", EVIL)], [(":authority", f"{EVIL}@{WWW}")]], ids=str)
def test_odd_pseudo_fields_are_refused_or_another_key(cache_edge, site, shown, pseudo):
    named = dict(pseudo)
    fields = [(":method", "GET"), (":scheme", named.get(":scheme", "http")), (":path", shown)]
    fields += [field for field in pseudo if field[0] != ":scheme"]
    with H2(cache_edge.at) as h2:
        h2.result(h2.ask_raw(*fields))
    assert victim_is_safe(site, shown)


# -- bodies and paths ----------------------------------------------------------------------------------

def test_a_body_with_get_is_for_its_sender_alone(site):
    def answer(seen, peer):
        peer.sock.sendall(ok(peer.body(seen.headers) or b"nothing"))
    path = site.says(answer)
    assert site.get(path, body=EVIL.encode()).body == EVIL.encode()
    assert site.get(path).body == b"nothing"
    assert site.get(path, body=EVIL.encode()).body == EVIL.encode()


@pytest.mark.parametrize("twist", [
    "%2f", "%2F", "/", "//", "/.", "/..", "/../", ";", ";x=1", "%3b", "%3f", "?", "%23", "%00", "%", "%zz", "\\", "%5c", "%20", "+",
    "%2e%2e/", "%c0%af", "&", ":", "~", "%61"])
def test_a_path_that_somebody_may_read_as_another_is_another_key(site, twist):
    """The origin answers each path with the path; nobody may get another's."""
    base = site.path()
    paths = [base + twist, base, base + twist + "/x"]
    for path in paths:
        site.origin.answers[path.split("?")[0]] = shows_all
    for path in paths * 2:
        got = site.get(path)
        if got.status != 200:
            assert got.status == 400 and path != base
            continue
        target = got.body.decode("latin-1").split(" ")[1]
        assert target == path, "byte for byte what was asked for"


def test_coded_and_plain_letters_are_two_keys(site):
    plain_path, coded = site.path() + "/a", site.path() + "/%61"
    for path in (plain_path, coded):
        site.origin.answers[path] = shows_all
        assert path in site.get(path).body.decode()
    assert site.get(plain_path).body != site.get(coded).body


# -- requests that make an origin answer with an error -------------------------------------------------

@pytest.mark.parametrize("status", [400, 413, 414, 431])
@pytest.mark.parametrize("route", ["plain", "valid"])
def test_an_error_that_a_large_field_has_caused_is_for_its_sender_alone(site, status, route):
    def answer(seen, peer):
        large = len(seen.raw_head) > 3000
        peer.sock.sendall(plain("too large", f"{status} No") if large else ok("fine"))
    path = site.says(answer, route)
    assert site.get(path, X_Large="x" * 4000).status == status
    got = site.get(path)
    assert (got.body, got.cache) == (b"fine", "miss"), "nor does it turn the cache off"
    assert site.get(path).cache == "hit"


def test_an_error_for_a_wrong_character_is_for_its_sender_alone(site):
    def answer(seen, peer):
        peer.sock.sendall(plain("odd", "400 Bad Request") if seen.header("X-Odd") else ok("fine"))
    path = site.says(answer)
    assert site.get(path, X_Odd="\x80").status == 400
    assert site.get(path).body == b"fine"


def test_a_target_that_is_too_long_is_for_its_sender_alone(site, shown):
    site.get(shown + "?" + "x" * 15_000)
    assert site.get(shown).status == 200


def test_a_method_that_nobody_knows_is_for_its_sender_alone(site, shown):
    site.get(shown, method="EVIL-4711")
    assert victim_is_safe(site, shown)


# -- hostile origins -----------------------------------------------------------------------------------

SPLITS = {
    "a bare carriage return": b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nX-A: a\rX-B: b\r\nContent-Length: 0\r\n\r\n",
    "a nul": b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nX-A: a\r\n evil-4711: 1\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length : 9\r\n\r\nevil-4711",
    "two lengths that differ": b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\nevil-4711",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4, 9\r\n\r\nevil-4711",
    "a length below nothing": b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: -1\r\n\r\nevil-4711",
    "a length with a sign": b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: +9\r\n\r\nevil-4711",
    "a vast length": b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 99999999999999999999\r\n\r\nevil-4711",
    "chunks within a coding": b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked, gzip\r\n\r\nevil-4711",
    "a wrong chunk": head(Transfer_Encoding="chunked", Cache_Control="max-age=60") + b"zz\r\nevil-4711\r\n0\r\n\r\n",
    "a chunk that is too long": head(Transfer_Encoding="chunked", Cache_Control="max-age=60") + b"4\r\nevil-4711\r\n0\r\n\r\n",
    "no status": b"HTTP/1.1\r\nCache-Control: max-age=60\r\n\r\nevil-4711",
    "another protocol": b"ICY 200 OK\r\nCache-Control: max-age=60\r\n\r\nevil-4711",
}


@pytest.mark.parametrize("what", SPLITS)
def test_what_is_no_response_is_not_stored_for_others(site, what):
    def hostile(_seen, peer):
        peer.sock.sendall(SPLITS[what])
        raise EOFError
    path = site.says(in_turn(*[hostile] * 6, ok("good")))
    site.get(path)
    until(lambda: site.get(path).body == b"good", "a good one comes", 10)
    assert site.get(path).body == b"good"


def test_a_second_response_in_the_body_of_the_first_is_nobodys(site):
    def hostile(_seen, peer):
        peer.sock.sendall(ok("") + ok(EVIL))
        raise EOFError
    path = site.says(hostile)
    assert [site.get(path).body for _ in range(3)] == [b""] * 3


def test_the_rest_of_a_body_that_was_too_long_is_nobodys_response(site):
    """On a kept connection: what follows the stated length looks like the answer to the next request."""
    path = site.says(ok("good") + ok(EVIL) * 3)
    others = [site.says(ok("other"), more=f"/{number}") for number in range(5)]
    assert site.get(path).body == b"good"
    for other in others:
        assert site.get(other).body == b"other"
        assert site.get(other).body == b"other"


def test_a_body_that_is_too_short_is_not_stored(site):
    def short(_seen, peer):
        peer.sock.sendall(head(Content_Length="100", Cache_Control="max-age=60") + EVIL.encode())
        raise EOFError
    path = site.says(in_turn(short, ok("good")))
    assert not site.get(path).whole
    got = site.get(path)
    assert (got.body, got.cache) == (b"good", "miss")


def test_chunks_without_an_end_are_not_stored(site):
    def endless(_seen, peer):
        peer.sock.sendall(head(Transfer_Encoding="chunked", Cache_Control="max-age=60") + chunk(EVIL.encode()))
        raise EOFError
    path = site.says(in_turn(endless, ok("good")))
    assert not site.get(path).whole
    assert site.get(path).body == b"good"


def test_a_length_beside_chunks_is_not_believed(site):
    def both(_seen, peer):
        peer.sock.sendall(head(Content_Length="3", Transfer_Encoding="chunked", Cache_Control="max-age=60") +
                          chunk(b"chunked body") + b"0\r\n\r\n")
        raise EOFError
    path = site.says(in_turn(both, ok("good")))
    first = site.get(path)
    assert first.status == 502 or first.body == b"chunked body"
    again = site.get(path)
    assert again.body in (b"good", b"chunked body") and again.whole


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints", "199 Odd"])
def test_interim_responses_of_which_one_looks_fresh_are_not_stored(site, interim):
    path = site.says(head(interim, Cache_Control="max-age=9999", X_Evil=EVIL) * 3 + ok("good"))
    for _ in range(2):
        got = site.get(path)
        assert (got.status, got.body, got.field("X-Evil")) == (200, b"good", None)


def test_101_that_nobody_asked_for_is_not_stored(site):
    path = site.says(in_turn(*[head("101 Switching Protocols", Upgrade="evil", Connection="Upgrade")] * 3, ok("good")))
    site.get(path)
    until(lambda: site.get(path).body == b"good", "a good one comes")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_body_where_there_is_none_is_nobodys(site, status):
    path = site.says(head(status, Cache_Control="max-age=60") + ok(EVIL))
    other = site.says(ok("other"), more="/other")
    site.get(path)
    assert site.get(other).body == b"other"
    assert EVIL.encode() not in site.get(path).body


def test_a_304_that_nobody_asked_for_is_not_stored(site):
    path = site.says(in_turn(head("304 Not Modified", Cache_Control="max-age=60", ETag='"1"'), ok("good")), "pass")
    site.get(path)
    until(lambda: site.get(path).body == b"good", "a good one comes")


def test_a_304_for_another_etag_does_not_freshen(site):
    """RFC 9111 4.3.3: which of those that are stored it means is told by its validator."""
    path = site.says(in_turn(ok("old", ETag='"1"', Age="100"),
                             head("304 Not Modified", ETag='"2"', Cache_Control="max-age=60"), ok("good", ETag='"2"')))
    assert site.get(path).body == b"old"
    site.get(path)
    assert site.get(path).body == b"good"


def test_the_answers_on_one_connection_stay_in_their_order(cache_edge, site):
    first, second = site.says(shows_all, more="/1"), site.says(shows_all, more="/2")
    with cache_edge.client() as peer:
        peer.sock.sendall(b"".join(request_bytes(path) for path in (first, second, first, second)))
        bodies = [read_response(peer).body.decode() for _ in range(4)]
    assert [first in body for body in bodies] == [True, False, True, False]
