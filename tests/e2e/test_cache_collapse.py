# SPDX-License-Identifier: Apache-2.0
"""Many who ask for the same at once: one request to the origin, and its response to all as it comes. On one worker
and on two."""
import concurrent.futures
import contextlib
import socket
import struct
import threading

import pytest

from cache_origin import Crowd, Pieces, chunk, head, in_turn, ok
from cache_site import CacheEdge, Site, read_head, read_response, request_bytes
from h2_wire import H2, reset
from wait import until

CROWD = 200
BODY = bytes(range(256)) * 4096


@pytest.fixture(scope="module", params=[1, 2], ids=["one-worker", "two-workers"])
def cache_edge(tmp_path_factory, request):
    edge = CacheEdge(tmp_path_factory.mktemp("collapse"), workers=request.param)
    try:
        yield edge.start()
        assert edge.program.stop() == 0, edge.program.log()[-4000:]
    finally:
        edge.stop()


@pytest.fixture
def site1(cache_edge, request):
    return Site(cache_edge, "h1", request.node.originalname)


class All:
    """So many clients that have asked; `answers()` reads what they get."""

    def __init__(self, site, path: str, n: int, **fields: str):
        self.site, self.path, self.n, self.fields = site, path, n, fields
        self.pool = concurrent.futures.ThreadPoolExecutor(n)
        self.open_before = self.open()
        self.futures = [self.pool.submit(site.get, path, **fields) for _ in range(n)]

    def open(self) -> float:
        return self.site.edge.metric("meridian_edge_requests_open")

    def wait_for(self) -> "All":
        """Until the edge has them all."""
        until(lambda: self.open() >= self.open_before + self.n, "all have asked")
        return self

    def see_gone(self, leader) -> None:
        """It asked before them."""
        go(leader)
        until(lambda: self.open() == self.open_before + self.n - 1, "the leader has gone")

    def answers(self) -> list:
        with self.pool:
            return [future.result(timeout=30) for future in self.futures]


def go(peer) -> None:
    """A client that closes in peace would be heard out."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.sock.close()


@contextlib.contextmanager
def asking(site, path: str, **fields: str):
    """A client of HTTP/1.1 that has asked, and reads when the test does."""
    with site.edge.client(timeout_s=20) as peer:
        peer.sock.sendall(request_bytes(path, fields={name.replace("_", "-"): value for name, value in fields.items()}))
        yield peer


def stream(*pieces: bytes, breaks: bool = False, **fields: str) -> Pieces:
    """A head, then each piece as a chunk, then the end."""
    end = [] if breaks else [b"0\r\n\r\n"]
    return Pieces(head(Transfer_Encoding="chunked", **({"Cache_Control": "max-age=60"} | fields)),
                  *map(chunk, pieces), *end, breaks=breaks)


# -- one request for all -------------------------------------------------------------------------------

def test_a_crowd_is_one_request_to_the_origin(site):
    slow = Pieces(ok(BODY))
    path = site.says(slow)
    crowd = All(site, path, CROWD).wait_for()
    slow.let()
    answers = crowd.answers()
    assert all(got.status == 200 and got.body == BODY and got.whole for got in answers)
    assert site.asked(path) == 1
    assert sorted({got.cache for got in answers}) == ["collapsed", "miss"]
    assert sum(got.cache == "miss" for got in answers) == 1


def test_a_crowd_that_finds_a_stale_one_is_one_validation(site):
    slow = Pieces(head("304 Not Modified", ETag='"1"', Cache_Control="max-age=60"))
    path = site.says(in_turn(ok(BODY, ETag='"1"', Age="100"), slow))
    site.get(path)
    crowd = All(site, path, CROWD).wait_for()
    slow.let()
    assert all((got.status, got.body) == (200, BODY) for got in crowd.answers())
    assert site.asked(path) == 2


def test_a_crowd_on_streams_of_one_connection_is_one_request(site1):
    slow = Pieces(ok(BODY[:65536]))
    path = site1.says(slow)
    with H2(site1.edge.at) as h2:
        streams = [h2.ask(path) for _ in range(50)]
        h2.ping()
        slow.let()
        assert all(h2.result(stream_id).body == BODY[:65536] for stream_id in streams)
    assert site1.asked(path) == 1


def test_clients_read_while_the_response_comes(site1):
    slow = stream(b"first", b"second", b"third")
    path = site1.says(slow)
    with asking(site1, path) as leader:
        slow.let(2)
        assert not read_head(leader).field("Content-Length")
        with asking(site1, path) as follower, H2(site1.edge.at) as h2:
            for peer in (leader, follower):
                if peer is follower:
                    read_head(peer)
                assert peer.exactly(10) == chunk(b"first")
            stream_id = h2.ask(path)
            h2.until(lambda: h2.streams[stream_id].body == b"first")
            assert slow.n_sent <= 2, "the rest has not been sent yet"
            slow.let()
            for peer in (leader, follower):
                rest = peer.until(b"0\r\n\r\n")
                assert rest.index(b"second") < rest.index(b"third")
            assert h2.result(stream_id).body == b"firstsecondthird"
    assert site1.get(path).body == b"firstsecondthird" and site1.asked(path) == 1


def test_who_comes_late_gets_it_from_the_beginning(site):
    slow = Pieces(head(Content_Length=str(len(BODY)), Cache_Control="max-age=60"), BODY[:500_000], BODY[500_000:])
    path = site.says(slow)
    with asking(site, path) as leader:
        slow.let(2)
        read_head(leader)
        assert leader.exactly(500_000) == BODY[:500_000]
        late = All(site, path, 20).wait_for()
        slow.let(1)
        assert all(got.body == BODY and got.whole for got in late.answers())
    assert site.asked(path) == 1


# -- who goes away -------------------------------------------------------------------------------------

def test_the_others_get_all_of_it_when_the_leader_goes_away(site):
    slow = stream(b"first", b"second")
    path = site.says(slow)
    with asking(site, path) as leader:
        slow.let(2)
        read_head(leader)
        leader.until(b"first")
        others = All(site, path, 20).wait_for()
        others.see_gone(leader)
    slow.let()
    assert all(got.body == b"firstsecond" and got.whole for got in others.answers())
    assert site.asked(path) == 1 and site.get(path).cache == "hit"


def test_the_others_get_all_of_it_when_the_leader_goes_before_the_head(site):
    slow = Pieces(ok("late"))
    path = site.says(slow)
    with asking(site, path) as leader:
        until(lambda: site.asked(path) == 1, "the origin was asked")
        others = All(site, path, 20).wait_for()
        others.see_gone(leader)
    slow.let()
    assert all(got.body == b"late" for got in others.answers()) and site.asked(path) == 1


def test_the_others_are_not_held_when_the_leader_goes_and_it_is_not_to_be_shared(site):
    slow = Pieces(ok("mine", Cache_Control="no-store"))
    path = site.says(in_turn(slow, ok("yours", Cache_Control="no-store")))
    with asking(site, path) as leader:
        until(lambda: site.asked(path) == 1, "the origin was asked")
        others = All(site, path, 20).wait_for()
        others.see_gone(leader)
    slow.let()
    assert all(got.body == b"yours" for got in others.answers())


def test_what_all_have_left_is_stored_all_the_same(site1):
    slow = stream(b"first", b"second")
    path = site1.says(slow)
    with asking(site1, path) as leader, asking(site1, path) as other:
        slow.let(2)
        for peer in (leader, other):
            read_head(peer)
            go(peer)
    until(lambda: site1.edge.metric("meridian_edge_requests_open") == 0, "both have gone")
    slow.let()
    until(lambda: site1.get(path).cache == "hit", "it is stored")
    assert site1.get(path).body == b"firstsecond" and site1.asked(path) == 1


def test_a_reset_stream_leaves_the_others_alone(site1):
    slow = stream(b"first", b"second")
    path = site1.says(slow)
    with H2(site1.edge.at) as h2:
        streams = [h2.ask(path) for _ in range(10)]
        slow.let(2)
        h2.until(lambda: all(h2.streams[number].body for number in streams))
        h2.say(*(reset(number) for number in streams[::2]))
        slow.let()
        assert all(h2.result(number).body == b"firstsecond" for number in streams[1::2])


# -- what is not to be shared --------------------------------------------------------------------------

@pytest.mark.parametrize("said", ["no-store", "private"])
def test_what_is_not_to_be_shared_releases_all_at_once(site, said):
    first, n = Pieces(ok("one's", Cache_Control=said)), 60
    crowd = Crowd(n - 1, ok("one's", Cache_Control=said))
    path = site.says(in_turn(first, crowd))
    asked = All(site, path, n).wait_for()
    assert site.asked(path) == 1
    first.let()
    assert all(got.body == b"one's" for got in asked.answers())
    assert (crowd.most, site.asked(path)) == (n - 1, n)


def test_nobody_waits_for_what_was_not_to_be_shared_a_moment_ago(site):
    n = 60
    crowd = Crowd(n, ok("one's", Cache_Control="no-store"))
    path = site.says(in_turn(ok("one's", Cache_Control="no-store"), crowd))
    site.get(path)
    assert all(got.cache == "pass" for got in All(site, path, n).answers())
    assert crowd.most == n


def test_a_response_to_one_person_is_given_to_nobody_else(site):
    numbers, lock = iter(range(1000)), threading.Lock()

    def answer(_seen, peer):
        with lock:
            number = next(numbers)
        peer.sock.sendall(ok(f"{number}", Cache_Control="private, max-age=60", Set_Cookie=f"id={number}"))
    path = site.says(answer)
    bodies = [got.body for got in All(site, path, 50).answers()]
    assert len(set(bodies)) == len(bodies)


def test_variants_that_are_asked_for_at_once_are_not_mixed(site):
    def answer(seen, peer):
        color = seen.header("X-Color")
        until(lambda: len(site.requests(path)) >= 1, "somebody has asked")
        peer.sock.sendall(ok(color * 1000, Vary="X-Color"))
    path = site.says(answer)
    crowds = {color: All(site, path, 30, X_Color=color) for color in ("red", "blue", "green")}
    for color, crowd in crowds.items():
        assert all(got.body == color.encode() * 1000 for got in crowd.answers())
    assert site.asked(path) <= 3 * 30
    before = site.asked(path)
    for color in crowds:
        assert site.get(path, X_Color=color).cache == "hit"
    assert site.asked(path) == before


def test_variants_that_are_known_collapse_each_for_itself(site):
    slow = {color: Pieces(ok(color, Vary="X-Color")) for color in ("red", "blue")}

    def answer(seen, peer):
        slow[seen.header("X-Color")](seen, peer)
    path = site.says(ok(Vary="X-Color"))
    site.get(path, X_Color="green")
    site.origin.answers[path] = answer
    crowds = {color: All(site, path, 30, X_Color=color).wait_for() for color in slow}
    for pieces in slow.values():
        pieces.let()
    for color, crowd in crowds.items():
        assert all(got.body == color.encode() for got in crowd.answers())
    assert site.asked(path) == 3


# -- what goes wrong -----------------------------------------------------------------------------------

@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_an_origin_that_breaks_off_gives_nobody_a_whole_response(site, framing):
    broken = stream(b"first", b"second", breaks=True)
    if framing == "length":
        broken = Pieces(head(Content_Length="100", Cache_Control="max-age=60"), b"first", b"second", breaks=True)
    path = site.says(in_turn(broken, ok("whole")))
    broken.let(2)
    crowd = All(site, path, 30)
    until(lambda: crowd.open() >= crowd.open_before + 30, "all have asked")
    broken.let()
    answers = crowd.answers()
    assert all(not got.whole or got.status >= 500 for got in answers), [got for got in answers if got.whole][:2]
    got = site.get(path)
    assert (got.body, got.cache, got.whole) == (b"whole", "miss", True)


def test_an_origin_that_breaks_off_before_the_head_fails_all_and_the_next_asks_again(site):
    broken = Pieces(b"", breaks=True)
    path = site.says(broken)
    crowd = All(site, path, 30).wait_for()
    broken.let(10)
    assert {got.status for got in crowd.answers()} == {502}
    assert site.asked(path) < 10
    site.says(ok("whole"))
    assert site.get(path).body == b"whole"


def test_an_origin_that_is_down_fails_a_crowd_with_one_try(site):
    path = site.path()
    site.origin.stop()
    try:
        assert {got.status for got in All(site, path, 30).answers()} <= {502, 503}
    finally:
        site.origin.start()


# -- slow clients --------------------------------------------------------------------------------------

def test_a_slow_client_does_not_hold_up_fast_ones(site1):
    body = BODY * 6
    slow = Pieces(head(Content_Length=str(len(body)), Cache_Control="max-age=60"), body[:1000], body[1000:])
    path = site1.says(slow)
    with asking(site1, path) as sleeper:
        slow.let(2)
        read_head(sleeper)
        crowd = All(site1, path, 10).wait_for()
        slow.let()
        assert all(got.body == body for got in crowd.answers())
        rest = sleeper.exactly(len(body))
    assert rest == body and site1.asked(path) == 1


def test_a_slow_client_gets_what_is_too_large_to_store_beside_fast_ones(site1):
    pieces = [bytes([number]) * 65536 for number in range(100)]
    slow = stream(*pieces)
    path = site1.says(slow, "small")
    with asking(site1, path) as sleeper:
        slow.let(1)
        head_of = read_head(sleeper)
        crowd = All(site1, path, 10).wait_for()
        slow.let()
        until(lambda: slow.n_sent > 10, "it comes")
        body = b""
        while size := int(sleeper.until(b"\r\n").split(b";")[0], 16):
            body += sleeper.exactly(size)
            sleeper.until(b"\r\n")
        assert head_of.status == 200 and body == b"".join(pieces)
        assert all(answer.body == b"".join(pieces) and answer.whole for answer in crowd.answers())


def test_pipelined_requests_for_what_is_on_its_way_are_answered_in_turn(site1):
    slow = stream(b"first", b"second")
    path = site1.says(slow)
    other = site1.says(ok("other"), more="/other")
    with site1.edge.client(timeout_s=20) as peer:
        peer.sock.sendall(b"".join(map(request_bytes, (path, other, path))))
        slow.let()
        bodies = [read_response(peer).body for _ in range(3)]
    assert bodies == [b"firstsecond", b"other", b"firstsecond"] and site1.asked(path) == 1
