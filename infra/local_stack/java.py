"""The JVM options and command lines of all Java servers of the stack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from infra.local_stack.place import LOOPBACK, Place
from pinterest_platform.stores.java_options import SECOND_COMPILER_LATE

EVERY_SERVER = (
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Dfile.encoding=UTF-8",
    "-XX:+ExitOnOutOfMemoryError",
    *SECOND_COMPILER_LATE,
    "-XX:-UsePerfData",  # no files in /tmp that outlive a kill -9
    f"-Djava.rmi.server.hostname={LOOPBACK}",
)

KAFKA = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC")
S3 = ("-Xms32m", "-Xmx128m", "-XX:+UseSerialGC")

# https://github.com/apache/cassandra/blob/cassandra-5.0/conf/jvm17-server.options
CASSANDRA = (
    "-Xms512m",
    "-Xmx512m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-Djdk.attach.allowAttachSelf=true",
    # A single node has no ring or gossip to wait for: ready in 10 s instead of 54.
    "-Dcassandra.ring_delay_ms=0",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.shutdown_announce_in_ms=0",
    *(
        f"--add-exports={package}=ALL-UNNAMED"
        for package in (
            "java.base/jdk.internal.misc",
            "java.base/jdk.internal.ref",
            "java.base/sun.nio.ch",
            "java.management.rmi/com.sun.jmx.remote.internal.rmi",
            "java.rmi/sun.rmi.registry",
            "java.rmi/sun.rmi.server",
            "java.rmi/sun.rmi.transport.tcp",
            "java.sql/java.sql",
            "jdk.unsupported/sun.misc",
        )
    ),
    *(
        f"--add-opens={package}=ALL-UNNAMED"
        for package in (
            "java.base/java.io",
            "java.base/java.lang",
            "java.base/java.lang.module",
            "java.base/java.lang.reflect",
            "java.base/java.net",
            "java.base/java.nio",
            "java.base/java.util",
            "java.base/java.util.concurrent",
            "java.base/java.util.concurrent.atomic",
            "java.base/jdk.internal.loader",
            "java.base/jdk.internal.math",
            "java.base/jdk.internal.module",
            "java.base/jdk.internal.ref",
            "java.base/jdk.internal.reflect",
            "java.base/jdk.internal.util.jar",
            "java.base/sun.nio.ch",
            "jdk.management/com.sun.management.internal",
        )
    ),
)

# Presto 0.287 is made for Java 8 and needs these packages opened on Java 17. The time zone is UTC on every machine.
PRESTO = (
    "-Xms256m",
    "-Xmx1G",
    "-XX:+UseG1GC",
    "-Duser.timezone=UTC",
    *(
        f"--add-opens={package}=ALL-UNNAMED"
        for package in (
            "java.base/java.lang",
            "java.base/java.lang.ref",
            "java.base/java.nio",
            "java.base/java.util",
            "java.base/java.util.concurrent",
        )
    ),
)


def java_command(place: Place, server: str, main: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a main class with the options from `write_options`."""
    return (str(place.settings.java_home / "bin" / "java"), f"@{_options_file(place, server)}", main, *arguments)


def write_options(place: Place, server: str, options: Sequence[str]) -> None:
    """Writes options and class path to a file: on the command line, a hundred jars would hide everything else.

    Native libraries are unpacked below the state folder, since /tmp may be mounted `noexec`.
    """
    temporary = place.state / server / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    lines = [*EVERY_SERVER, *options, f"-Djava.io.tmpdir={temporary}", "-cp", place.class_path(server)]
    _options_file(place, server).write_text("".join(f"{_quoted(line)}\n" for line in lines))


def _options_file(place: Place, server: str) -> Path:
    return place.state / server / "java.options"


def _quoted(option: str) -> str:
    escaped = option.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
