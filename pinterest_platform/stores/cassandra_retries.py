"""Retry policy of the Cassandra driver.

It is a module of its own, because it needs the driver at import, and the driver is imported only to open a session.
"""

from __future__ import annotations

from typing import Any

from cassandra.policies import RetryPolicy

_ATTEMPTS = 4


class RepeatTimeouts(RetryPolicy):  # type: ignore[misc]  # the driver has no types
    """Repeats a statement, up to three times, if its replicas did not finish within the coordinator's timeout.

    A busy node may need more than these two seconds for a large ranking. Repeating a write is safe, since it carries
    its write time. A repeated compare-and-set finds its own value in place.
    """

    def on_read_timeout(self, query: Any, *, retry_num: int, **_: Any) -> tuple[int, None]:
        return self._again(retry_num)

    def on_write_timeout(self, query: Any, *, retry_num: int, **_: Any) -> tuple[int, None]:
        return self._again(retry_num)

    def _again(self, retry_num: int) -> tuple[int, None]:
        # None keeps the consistency level.
        return (self.RETRY if retry_num < _ATTEMPTS - 1 else self.RETHROW), None
