"""Options of the JVM for few cores and little memory: what Spark's drivers and executors run with.

Belongs here: compilers and garbage collectors. Does not belong here: what Spark itself is told (`stores.spark`), and
what each server of the local stack asks for (`infra.local_stack.java`).
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

# The JVM's second compiler takes on what ran some thousand times. Starting and planning have thousands of such methods,
# and it is at work on them for a quarter of a run of minutes; twenty times as many leave it what rows go through.
_LATER = 20
SECOND_COMPILER_LATE = tuple(
    f"-XX:Tier4{threshold}Threshold={usual * _LATER}"
    for threshold, usual in {"Invocation": 5_000, "MinInvocation": 600, "Compile": 15_000, "BackEdge": 40_000}.items()
)
_FIRST_COMPILER_ALONE = "-XX:TieredStopAtLevel=1"
# The JVM interprets methods above 8,000 bytes of code for ever, and Spark writes such methods for wide rows.
_COMPILE_LONG_METHODS = "-XX:-DontCompileHugeMethods"
_BOTH_COMPILERS = (_COMPILE_LONG_METHODS, *SECOND_COMPILER_LATE)
EXECUTOR = " ".join(_BOTH_COMPILERS)  # for `spark.executor.extraJavaOptions`
# It stops the work to collect, which takes less than collecting beside it on two cores. What it has, it keeps.
_COLLECT_FAST = "-XX:+UseParallelGC"
_GIVE_MEMORY_BACK = (
    "-XX:+UseG1GC",
    # The collections that Spark asks for go on beside the work, instead of stopping it.
    "-XX:+ExplicitGCInvokesConcurrent",
    # All but a third of what is held.
    "-XX:MinHeapFreeRatio=10",
    "-XX:MaxHeapFreeRatio=30",
)
_AT_ONCE_WHEN_IDLE = "-XX:G1PeriodicGCInterval=5000"


class Driver(Enum):
    """What a driver has before it, which its JVM is made for."""

    SHORT = (_FIRST_COMPILER_ALONE, _COLLECT_FAST)
    """So little to do that it should start fast rather than become fast: the second compiler would double the CPU."""

    BUSY = (*_BOTH_COMPILERS, _COLLECT_FAST)
    """Minutes of work, beside a Python that needs little memory."""

    FRUGAL = (*_BOTH_COMPILERS, *_GIVE_MEMORY_BACK, _AT_ONCE_WHEN_IDLE)
    """Work beside a Python that needs the memory in between: that of the account of a large day."""

    LASTING = (*_BOTH_COMPILERS, *_GIVE_MEMORY_BACK)
    """Months of work, most of which is waiting: a stream's."""

    def java_options(self, archive: Path | None) -> str:
        """For `spark.driver.extraJavaOptions`; `archive` is one of classes, if there is one."""
        return " ".join((*self.value, *([f"-XX:SharedArchiveFile={archive}"] if archive else [])))
