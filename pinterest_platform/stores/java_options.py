"""JVM options for few cores and little memory: compilers and garbage collectors of Spark's drivers and executors."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

# C2 compiles a method after some thousand calls. Spark's start and its planner have thousands of such methods, which
# occupy C2 for a quarter of a run of a few minutes. With 20 times the thresholds, C2 compiles only the code that
# processes rows.
_LATER = 20
SECOND_COMPILER_LATE = tuple(
    f"-XX:Tier4{threshold}Threshold={usual * _LATER}"
    for threshold, usual in {"Invocation": 5_000, "MinInvocation": 600, "Compile": 15_000, "BackEdge": 40_000}.items()
)
_FIRST_COMPILER_ALONE = "-XX:TieredStopAtLevel=1"
# The JVM never compiles methods above 8,000 bytes of code, and Spark generates such methods for wide rows.
_COMPILE_LONG_METHODS = "-XX:-DontCompileHugeMethods"
_BOTH_COMPILERS = (_COMPILE_LONG_METHODS, *SECOND_COMPILER_LATE)
# S3A of Spark 3.5 needs version 1 of AWS' SDK, which announces its end in every log.
_NO_ANNOUNCEMENT = "-Daws.java.v1.disableDeprecationAnnouncement=true"
EXECUTOR = " ".join((*_BOTH_COMPILERS, _NO_ANNOUNCEMENT))  # for `spark.executor.extraJavaOptions`
# ParallelGC pauses the work, which on two cores takes less time than collecting concurrently. It returns no memory.
_COLLECT_FAST = "-XX:+UseParallelGC"
_GIVE_MEMORY_BACK = (
    "-XX:+UseG1GC",
    # Collections that Spark requests run concurrently instead of pausing the work.
    "-XX:+ExplicitGCInvokesConcurrent",
    # Shrink the heap once more than 30 % of it is free.
    "-XX:MinHeapFreeRatio=10",
    "-XX:MaxHeapFreeRatio=30",
)
_AT_ONCE_WHEN_IDLE = "-XX:G1PeriodicGCInterval=5000"


class Driver(Enum):
    """JVM profile for a driver's workload."""

    SMALL_BATCH = (_FIRST_COMPILER_ALONE, _COLLECT_FAST)
    """Runs of up to about 300,000 events, where C2 costs more than it gains. 11,000 events take 9.3 to 9.5 s, with
    `LARGE_BATCH` 11.6 to 12.4 s. 300,000 events take 17.9 to 19.3 s, with `LARGE_BATCH` 20.7 to 21.1 s
    (`benchmarks.drivers`).
    """

    LARGE_BATCH = (*_BOTH_COMPILERS, *_GIVE_MEMORY_BACK, _AT_ONCE_WHEN_IDLE)
    """Minutes of work, then reconciliation in Python, which needs the memory while Spark is idle."""

    STREAM = (*_BOTH_COMPILERS, *_GIVE_MEMORY_BACK)
    """Months of small micro-batches."""

    def java_options(self, archive: Path | None) -> str:
        """The value of `spark.driver.extraJavaOptions`. `archive` is a class archive, if there is one."""
        return " ".join((*self.value, _NO_ANNOUNCEMENT, *([f"-XX:SharedArchiveFile={archive}"] if archive else [])))
