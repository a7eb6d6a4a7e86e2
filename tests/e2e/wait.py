# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, with a deadline: the one place in the tests that sleeps."""
import time
from typing import Callable, TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, deadline_s: float = 30.0, pause_s: float = 0.05) -> T:
    """The first true result of condition(); a failure naming `what` after the deadline. What condition()
    raises counts as not yet, and is shown if it is the last word."""
    end = time.monotonic() + deadline_s
    while True:
        last: object
        try:
            result = condition()
            if result:
                return result
            last = result
        except (OSError, AssertionError, ValueError, KeyError) as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what} (last: {last!r})")
        time.sleep(pause_s)
