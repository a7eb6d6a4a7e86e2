# SPDX-License-Identifier: Apache-2.0
"""Parts of what is stored, and of what is on its way (RFC 9110 14)."""
import email
import re

import pytest

from cache_origin import Pieces, chunked, date, head, ok
from one_edge import HOST
from wait import until

BODY = bytes(range(256)) * 40
SIZE = len(BODY)


@pytest.fixture
def stored(site):
    path = site.says(ok(BODY, ETag='"1"', Last_Modified=date(-100_000), Date=date(), Content_Type="image/x"))
    assert site.get(path).body == BODY
    return path


def parts_of(got) -> list[tuple[str, str, bytes]]:
    """(Content-Type, Content-Range, bytes) of each."""
    boundary = re.fullmatch(r'multipart/byteranges; boundary="?([\w-]+)"?', got.field("Content-Type"))[1]
    pieces = (b"\r\n" + got.body).split(b"\r\n--" + boundary.encode())
    assert pieces[0] == b"" and pieces[-1].startswith(b"--")
    found = []
    for piece in pieces[1:-1]:
        fields, _, data = piece.partition(b"\r\n\r\n")
        lines = email.message_from_bytes(fields.strip())
        found.append((lines["Content-Type"], lines["Content-Range"], data))
    return found


@pytest.mark.parametrize("asked, begin, end", [
    ("bytes=0-0", 0, 1), ("bytes=0-99", 0, 100), ("bytes=100-", 100, SIZE), ("bytes=-1", SIZE - 1, SIZE),
    ("bytes=-100", SIZE - 100, SIZE), ("bytes=5000-999999", 5000, SIZE), ("bytes=-999999", 0, SIZE),
    ("Bytes=1-2", 1, 3), (f"bytes={SIZE - 1}-", SIZE - 1, SIZE)])
def test_a_part_is_served_from_the_whole(site, stored, asked, begin, end):
    got = site.get(stored, Range=asked)
    assert (got.status, got.body, got.whole) == (206, BODY[begin:end], True)
    assert got.field("Content-Range") == f"bytes {begin}-{end - 1}/{SIZE}"
    assert got.field("Content-Length") == str(end - begin) and got.field("ETag") == '"1"'
    assert site.asked(stored) == 1


def test_several_parts_come_in_one_response(site, stored):
    got = site.get(stored, Range="bytes=0-9, 5000-5009, -10")
    assert got.status == 206 and got.whole and got.field("Content-Range") is None
    wanted = [(0, 10), (5000, 5010), (SIZE - 10, SIZE)]
    assert parts_of(got) == [("image/x", f"bytes {begin}-{end - 1}/{SIZE}", BODY[begin:end]) for begin, end in wanted]


def test_parts_of_which_one_remains_are_one(site, stored):
    got = site.get(stored, Range=f"bytes=0-9, {SIZE}-")
    assert (got.status, got.body) == (206, BODY[:10])


def test_parts_backwards_and_across_pieces_of_memory(site):
    body = bytes(range(256)) * 8192
    path = site.says(chunked(*(body[at:at + 65536] for at in range(0, len(body), 65536))))
    site.get(path)
    got = site.get(path, Range="bytes=1500000-1500009, 262140-262149, 0-3")
    assert [data for _, _, data in parts_of(got)] == [body[1500000:1500010], body[262140:262150], body[:4]]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=999999-1000000", "bytes=-0"])
def test_a_part_that_is_not_there_is_416(site, stored, asked):
    got = site.get(stored, Range=asked)
    assert (got.status, got.field("Content-Range")) == (416, f"bytes */{SIZE}")


@pytest.mark.parametrize("asked", ["bytes=9-5", "bytes=a-b", "bytes", "lines=0-9", "bytes=0-9;10-19", "bytes=-", "bytes="])
def test_what_is_no_range_is_not_heard(site, stored, asked):
    got = site.get(stored, Range=asked)
    assert (got.status, got.body) == (200, BODY)


def test_a_thousand_parts_are_not_made(site, stored):
    got = site.get(stored, Range="bytes=" + ",".join(["0-"] * 1000))
    assert got.status in (200, 206) and len(got.body) < SIZE * 3


@pytest.mark.parametrize("condition, part", [('"1"', True), ('"2"', False), ('W/"1"', False), ("{date}", True),
                                             ("Thu, 01 Jan 2015 00:00:00 GMT", False)])
def test_if_range_gives_the_whole_to_who_has_another(site, stored, condition, part):
    last_modified = site.get(stored).field("Last-Modified")
    got = site.get(stored, Range="bytes=0-9", If_Range=condition.replace("{date}", last_modified))
    assert (got.status, got.body) == ((206, BODY[:10]) if part else (200, BODY))


def test_a_condition_goes_before_a_range(site, stored):
    assert site.get(stored, Range="bytes=0-9", If_None_Match='"1"').status == 304


def test_head_has_no_parts(site, stored):
    got = site.get(stored, "HEAD", Range="bytes=0-9")
    assert (got.status, got.field("Content-Length")) == (200, str(SIZE))


def test_who_asks_for_a_part_first_has_the_whole_stored(site):
    path = site.says(ok(BODY))
    got = site.get(path, Range="bytes=10-19")
    assert (got.status, got.body) == (206, BODY[10:20])
    assert site.requests(path)[0].header("Range") is None
    assert site.get(path).body == BODY and site.asked(path) == 1


def test_a_part_of_what_is_on_its_way_does_not_wait_for_the_rest(cache_edge, site):
    slow = Pieces(head(Content_Length=str(SIZE), Cache_Control="max-age=60") + BODY[:5000], BODY[5000:])
    path = site.says(slow)
    slow.let(1)
    got = site.get(path, Range="bytes=100-199")
    assert (got.status, got.body) == (206, BODY[100:200]) and slow.n_sent <= 1  # it counts when it has sent
    slow.let(1)
    until(lambda: site.get(path).cache == "hit", "it is stored")
    assert site.get(path).body == BODY


def test_the_whole_is_served_where_the_length_is_not_known_yet(cache_edge, site):
    slow = Pieces(head(Transfer_Encoding="chunked", Cache_Control="max-age=60"), b"5\r\nhello\r\n", b"0\r\n\r\n")
    path = site.says(slow)
    slow.let()
    got = site.get(path, Range="bytes=1-2")
    assert (got.status, got.body) in ((200, b"hello"), (206, b"el"))
    assert site.get(path, Range="bytes=1-2").body == b"el"


def test_a_part_that_an_origin_gives_unasked_is_not_stored(site):
    path = site.says(head("206 Partial Content", Content_Range="bytes 0-3/10", Content_Length="4",
                          Cache_Control="max-age=60") + b"part")
    for _ in range(2):
        assert site.get(path).status == 206
    assert site.asked(path) == 2


def test_ranges_pass_through_where_nothing_is_stored(cache_edge, site):
    path = site.says(ok(BODY), "nostore")
    site.get(path, Range="bytes=0-9", X_Secret="1")
    assert site.requests(path)[0].header("Range") == "bytes=0-9"


def test_a_part_of_an_error_is_the_whole_error(site):
    path = site.says(ok("nothing here", status="404 Not Found"))
    for _ in range(2):
        assert (site.get(path, Range="bytes=0-3").status, site.get(path, Range="bytes=0-3").body) == \
            (404, b"nothing here")


def test_a_client_of_http_1_0_gets_its_part(cache_edge, site, stored):
    got = cache_edge.ask(b"GET %s HTTP/1.0\r\n%sRange: bytes=0-3\r\n\r\n" % (stored.encode(), HOST))
    assert b" 206 " in got.split(b"\r\n")[0] and got.endswith(b"\r\n\r\n" + BODY[:4])
