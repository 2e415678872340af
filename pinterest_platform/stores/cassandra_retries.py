"""Retry policy of the Cassandra driver. A module of its own, since the driver is imported only where a session is
opened.
"""

from __future__ import annotations

from typing import Any

from cassandra.policies import RetryPolicy

_ATTEMPTS = 4


class RepeatTimeouts(RetryPolicy):  # type: ignore[misc]  # the driver has no types
    """Repeats what replicas did not finish in the coordinator's time, a few times.

    A busy node takes longer than the coordinator's two seconds for a large ranking. All writes carry their write time,
    so writing twice is the same as writing once. A compare-and-set finds its own value in place.
    """

    def on_read_timeout(self, query: Any, *, retry_num: int, **_: Any) -> tuple[int, None]:
        return self._again(retry_num)

    def on_write_timeout(self, query: Any, *, retry_num: int, **_: Any) -> tuple[int, None]:
        return self._again(retry_num)

    def _again(self, retry_num: int) -> tuple[int, None]:
        # None: with the same consistency level.
        return (self.RETRY if retry_num < _ATTEMPTS - 1 else self.RETHROW), None
