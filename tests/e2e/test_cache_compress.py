# SPDX-License-Identifier: Apache-2.0
"""The compressed form of what is stored: made once, by itself, and given to who takes it."""
import gzip
import subprocess

from origin import plain
from wait import until

BODY = b"<p>again and again</p>\n" * 2000
PAGE = {"Cache_Control": "max-age=3600", "Content_Type": "text/html; charset=utf-8", "ETag": '"x"'}


def brotli(data: bytes) -> bytes:
    return subprocess.run(["brotli", "-d", "-c"], input=data, capture_output=True, check=True).stdout


def coded(site, path, accept):
    """Who asks first gets the body as it is; after that it is a matter of time."""
    site.get(path, Accept_Encoding=accept)
    return until(lambda: (got := site.get(path, Accept_Encoding=accept)).field("Content-Encoding") and got,
                 "there is a compressed form")


def test_who_takes_gzip_gets_it_and_who_does_not_does_not(site):
    path = site.says(plain(BODY, **PAGE), "compress")
    first = site.get(path, Accept_Encoding="gzip")
    assert first.body == BODY and first.field("Content-Encoding") is None
    got = coded(site, path, "gzip")
    assert got.field("Content-Encoding") == "gzip" and gzip.decompress(got.body) == BODY
    assert len(got.body) < len(BODY) / 10 and got.cache == "hit"
    for accept in ("identity", "gzip;q=0", "zstd"):
        plain_one = site.get(path, Accept_Encoding=accept)
        assert plain_one.body == BODY and plain_one.field("Content-Encoding") is None
    assert site.get(path).body == BODY
    assert site.asked(path) == 1


def test_the_coding_that_is_named_first_wins_unless_the_client_says_otherwise(site):
    path = site.says(plain(BODY, **PAGE), "compress")
    got = coded(site, path, "gzip, br")
    assert got.field("Content-Encoding") == "br"
    assert len(got.body) < len(BODY) / 10 and brotli(got.body) == BODY
    assert coded(site, path, "gzip, br;q=0.5").field("Content-Encoding") == "gzip"


def test_all_forms_say_that_they_vary_and_the_etag_of_a_coded_one_is_weak(site):
    path = site.says(plain(BODY, **PAGE), "compress")
    got = coded(site, path, "gzip")
    assert got.field("Vary") == "Accept-Encoding" and got.field("ETag") == 'W/"x"'
    same = site.get(path)
    assert same.field("Vary") == "Accept-Encoding" and same.field("ETag") == '"x"'
    assert site.get(path, Accept_Encoding="gzip", If_None_Match='W/"x"').status == 304
    assert site.get(path, Accept_Encoding="gzip", If_None_Match='"x"').status == 304


def test_parts_are_of_the_body_as_it_was_stored(site):
    path = site.says(plain(BODY, **PAGE), "compress")
    coded(site, path, "gzip")
    got = site.get(path, Accept_Encoding="gzip", Range="bytes=3-9")
    assert got.status == 206 and got.body == BODY[3:10] and got.field("Content-Encoding") is None


def test_what_is_small_or_coded_or_of_another_type_or_not_to_be_changed_is_left_alone(site):
    others = [(b"small", PAGE), (BODY, PAGE | {"Content_Type": "image/png"}), (BODY, PAGE | {"Content_Encoding": "foo"}),
              (BODY, PAGE | {"Cache_Control": "max-age=3600, no-transform"})]
    for i, (body, fields) in enumerate(others):
        path = site.says(plain(body, **fields), "compress", f"/{i}")
        for _ in range(3):
            got = site.get(path, Accept_Encoding="gzip")
            assert got.body == body and got.field("Content-Encoding") == fields.get("Content_Encoding")
