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
    """JVM profile for a driver's workload."""

    SMALL_BATCH = (_FIRST_COMPILER_ALONE, _COLLECT_FAST)
    """A run of up to 300,000 events or so. C2 would compile for longer than it pays: 11,000 events take 9.3 to 9.5 s
    with this profile and 11.6 to 12.4 s with that of a large batch, 300,000 take 17.9 to 19.3 s and 20.7 to 21.1 s
    (`benchmarks.drivers`).
    """

    LARGE_BATCH = (*_BOTH_COMPILERS, *_GIVE_MEMORY_BACK, _AT_ONCE_WHEN_IDLE)
    """Minutes of work, next to a Python process that needs the memory while Spark is idle: reconciling a large day."""

    STREAM = (*_BOTH_COMPILERS, *_GIVE_MEMORY_BACK)
    """Months of small micro-batches."""

    def java_options(self, archive: Path | None) -> str:
        """For `spark.driver.extraJavaOptions`; `archive` is one of classes, if there is one."""
        return " ".join((*self.value, *([f"-XX:SharedArchiveFile={archive}"] if archive else [])))
