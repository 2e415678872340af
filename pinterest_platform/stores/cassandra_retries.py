"""What the Cassandra driver tries again.

Belongs here: the policy, in a file of its own because it needs the driver, which is loaded where a session is opened.
"""

from __future__ import annotations

from typing import Any

from cassandra.policies import RetryPolicy

_ATTEMPTS = 4


class RepeatTimeouts(RetryPolicy):  # type: ignore[misc]  # the driver has no types
    """What replicas did not do in the coordinator's time is asked for again, some times.

    A busy node takes longer than its two seconds for a large ranking. Everything the platform writes says its write
    time, so that writing it twice is writing it once; what compares before it writes finds its own value there.
    """

    def on_read_timeout(self, query: Any, *, retry_num: int, **_: Any) -> tuple[int, None]:
        """Called by the driver."""
        return self._again(retry_num)

    def on_write_timeout(self, query: Any, *, retry_num: int, **_: Any) -> tuple[int, None]:
        """Called by the driver."""
        return self._again(retry_num)

    def _again(self, retry_num: int) -> tuple[int, None]:
        # None: at the consistency that was asked for.
        return (self.RETRY if retry_num < _ATTEMPTS - 1 else self.RETHROW), None
