"""Why a broker that can be reached refuses a client, in a sentence.

kafka-python logs the reason and raises a timeout, so this knocks at the door once more. Belongs here: telling a wrong
certificate from a wrong password. Does not belong here: options (`connections`) and clients.
"""

from __future__ import annotations

import socket
import ssl

from pinterest_platform.connections import kafka_python_options
from pinterest_platform.settings import Settings

_KNOCK_SECONDS = 1.0


def kafka_refusal(settings: Settings) -> str | None:
    """What to look at, as the end of a sentence; None where no broker can be reached. Blocks for a second a broker."""
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
