# SPDX-License-Identifier: Apache-2.0
"""Random stories of one URL, told to the edge and to a small model of RFC 9111: both must ask the origin at the same
moments, and answer the same. All times lie far enough apart that a slow machine tells the same story."""
import dataclasses
import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache_origin import date, head
from cache_site import CacheEdge, Site
from origin import plain

EXAMPLES = int(os.environ.get("MERIDIAN_EXAMPLES", "60"))
GRACE_S = 3600  # stale_if_error, where a response says nothing of it


@dataclasses.dataclass(frozen=True)
class Says:
    """What the origin says with a version: seconds, or None for nothing."""
    max_age: int | None
    s_maxage: int | None
    expires: int | None
    words: frozenset[str]
    stale_if_error: int | None
    age: int
    has_etag: bool

    def fields(self, version: int) -> dict[str, str]:
        parts = sorted(self.words)
        parts += [f"{name}={value}" for name, value in (("max-age", self.max_age), ("s-maxage", self.s_maxage),
                                                       ("stale-if-error", self.stale_if_error)) if value is not None]
        fields = {"Cache_Control": ", ".join(parts), "Age": str(self.age), "Date": date()}
        if self.expires is not None:
            fields["Expires"] = date(self.expires)
        if self.has_etag:
            fields["ETag"] = f'"{version}"'
        return fields

    @property
    def lifetime(self) -> int:
        return next((value for value in (self.s_maxage, self.max_age, self.expires) if value is not None), 0)

    @property
    def forbids_stale(self) -> bool:
        return bool(self.words & {"must-revalidate", "proxy-revalidate"}) or self.s_maxage is not None

    @property
    def grace(self) -> int:
        if self.stale_if_error is not None:
            return self.stale_if_error
        return 0 if self.forbids_stale else GRACE_S

    @property
    def outlives_failures(self) -> bool:
        if self.words & {"must-revalidate", "proxy-revalidate", "no-cache"}:
            return False
        return self.age - self.lifetime < self.grace

    @property
    def is_storable(self) -> bool:
        """A 200 may be stored whatever else it says; what can never serve is not."""
        if self.words & {"no-store", "private"}:
            return False
        return self.has_etag or self.grace > 0 or (self.age < self.lifetime and "no-cache" not in self.words)


@dataclasses.dataclass(frozen=True)
class Wishes:
    words: frozenset[str] = frozenset()
    max_age: int | None = None
    min_fresh: int | None = None
    max_stale: int | None = None

    def field(self) -> str:
        parts = sorted(self.words)
        parts += [f"{name}={value}" for name, value in (("max-age", self.max_age), ("min-fresh", self.min_fresh),
                                                       ("max-stale", self.max_stale)) if value is not None]
        return ", ".join(parts)


class Model:
    """What is stored is a version and what was said with it; its age stands still."""

    def __init__(self):
        self.stored: tuple[int, Says] | None = None
        self.version, self.now = 0, None
        self.fails = False

    def serves(self, wishes: Wishes) -> bool:
        if not self.stored or "no-cache" in wishes.words:
            return False
        says = self.stored[1]
        if "no-cache" in says.words:
            return False
        too_old = says.age - says.lifetime
        if wishes.max_age is not None:
            too_old = max(too_old, says.age - wishes.max_age)
        too_old += wishes.min_fresh or 0
        if too_old < 0:
            return True
        return not says.forbids_stale and wishes.max_stale is not None and too_old < wishes.max_stale

    def get(self, wishes: Wishes) -> tuple[int, int | None, bool]:
        """Status, version, whether the origin is asked."""
        if self.serves(wishes):
            return 200, self.stored[0], False
        if "only-if-cached" in wishes.words:
            return 504, None, False
        if self.fails:
            if self.stored and "no-store" not in wishes.words and self.stored[1].outlives_failures:
                return 200, self.stored[0], True
            return 503, None, True
        if "no-store" not in wishes.words and self.now.is_storable:
            self.stored = (self.version, self.now)
        return 200, self.version, True

    def change(self) -> None:
        if not self.fails:
            self.stored = None


# Ages and lifetimes never come closer than this to each other.
SECONDS = st.sampled_from([0, 100, 1000, 10000])
MAYBE = st.none() | SECONDS
AGES = st.sampled_from([0, 50, 500, 5000, 50000])
says = st.builds(Says, MAYBE, st.none() | st.none() | SECONDS, MAYBE,
                 st.frozensets(st.sampled_from(["no-store", "private", "no-cache", "must-revalidate",
                                                "proxy-revalidate", "public", "no-transform"]), max_size=2),
                 MAYBE, AGES, st.booleans())
wishes_of = st.builds(Wishes, st.frozensets(st.sampled_from(["only-if-cached", "no-store", "no-transform"]), max_size=1),
                      MAYBE, st.none() | st.none() | SECONDS, MAYBE)
steps = st.lists(st.one_of(
    st.tuples(st.just("says"), says),
    st.tuples(st.just("get"), st.just(Wishes()) | wishes_of | wishes_of),
    st.tuples(st.just("get"), st.just(Wishes())),
    st.tuples(st.just("refresh"), st.none()),
    st.tuples(st.just("fails"), st.booleans()),
    st.tuples(st.just("change"), st.none())), min_size=3, max_size=14)


class Story:
    """One URL at the edge, beside its model."""

    def __init__(self, edge: CacheEdge, version: str):
        self.site, self.model = Site(edge, version, "story"), Model()
        self.path = self.site.path("nopass")
        self.site.origin.answers[self.path] = self.answer

    def answer(self, seen, peer) -> None:
        body = peer.body(seen.headers)
        fields = self.model.now.fields(self.model.version)
        if self.model.fails:
            peer.sock.sendall(plain("fails", "503 Service Unavailable"))
        elif not body and fields.get("ETag") and seen.header("If-None-Match") == fields["ETag"]:
            peer.sock.sendall(head("304 Not Modified", **fields))
        else:
            peer.sock.sendall(plain(f"version {self.model.version}", **fields))

    def says(self, what: Says) -> None:
        self.model.version += 1
        self.model.now = what

    def get(self, wishes: Wishes) -> None:
        status, version, asks = self.model.get(wishes)
        before = self.site.asked(self.path)
        field = wishes.field()
        got = self.site.get(self.path, **({"Cache_Control": field} if field else {}))
        assert (got.status, self.site.asked(self.path) - before) == (status, int(asks)), (got, field)
        assert version is None or got.body == f"version {version}".encode(), (got, field)

    def refresh(self, _nothing) -> None:
        if not self.model.fails:
            self.get(Wishes(frozenset({"no-cache"})))

    def fails(self, does: bool) -> None:
        self.model.fails = does

    def change(self, _nothing) -> None:
        self.model.change()
        self.site.get(self.path, "POST", b"x")


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
          suppress_health_check=[HealthCheck.too_slow])
@given(first=says, story=steps, version=st.sampled_from(["h1", "h2"]))
def test_the_edge_and_the_model_tell_the_same_story(cache_edge, first, story, version):
    told = Story(cache_edge, version)
    told.says(first)
    for step, what in story:
        getattr(told, step)(what)
