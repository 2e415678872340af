"""How long a sender waits before its next post.

Each sender calls the pace before each post, with the number of posts that all senders have begun. The pace returns the
seconds to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Pace = Callable[[int], float]

LONGEST_PAUSE_SECONDS = 2.0


def as_fast_as_accepted(_begun: int) -> float:
    """No pause: the next post follows the answer to the last one."""
    return 0.0


def at_random(seed: int) -> Pace:
    """Each sender pauses for 0 to 2 s, like a person scrolling."""
    random = Random(seed)  # noqa: S311 - not for secrets
    return lambda _begun: random.uniform(0, LONGEST_PAUSE_SECONDS)


def at_rate(per_second: float, clock: Callable[[], float]) -> Pace:
    """All senders together post `per_second`, and catch up if late. `clock` gives monotonic seconds."""
    started_at = clock()
    return lambda begun: max(0.0, started_at + begun / per_second - clock())
