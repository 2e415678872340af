"""Finds out why a reachable broker refuses a client, such as a wrong certificate or password.

kafka-python only logs the reason and raises a timeout, so this connects once more.
"""

from __future__ import annotations

import socket
import ssl

from pinterest_platform.connections import kafka_python_options
from pinterest_platform.settings import Settings

_KNOCK_SECONDS = 1.0


def kafka_refusal(settings: Settings) -> str | None:
    """What to check, as the end of a sentence; None if no broker can be reached. Blocks up to a second per broker."""
    options = kafka_python_options(settings)
    for server in settings.kafka_bootstrap_servers.split(","):
        try:
            _knock(server.strip(), options.get("ssl_context"))
        except ssl.SSLCertVerificationError as error:
            return f"its certificate is not trusted ({error.verify_message}): see PINTEREST_KAFKA_CA_FILE"
        except ssl.SSLError as error:
            return f"it does not speak TLS with us ({error.reason}): see PINTEREST_KAFKA_SECURITY_PROTOCOL"
        except OSError:
            continue
        return _refused_client(settings)
    return None


def _knock(server: str, tls: ssl.SSLContext | None) -> None:
    host, _, port = server.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_KNOCK_SECONDS) as knocking:
        if tls:
            tls.wrap_socket(knocking, server_hostname=host).close()


def _refused_client(settings: Settings) -> str:
    if settings.kafka_user:
        return (
            f"it refuses the user {settings.kafka_user}: see PINTEREST_KAFKA_USER, PINTEREST_KAFKA_PASSWORD and "
            "PINTEREST_KAFKA_SASL_MECHANISM"
        )
    return "it is reached but does not answer: see PINTEREST_KAFKA_SECURITY_PROTOCOL"
