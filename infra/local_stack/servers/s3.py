"""S3: S3Proxy over a folder, with the platform's bucket. It checks keys and keeps its objects over restarts."""

from __future__ import annotations

from infra.local_stack.java import S3, java_command, write_options
from infra.local_stack.place import Place, loopback_port
from infra.local_stack.server import Server

NAME = "s3"


def s3(place: Place) -> Server:
    """The server. Its objects are in `<state>/s3/data/<bucket>`."""
    endpoint = place.settings.s3_endpoint_url or ""
    port = loopback_port("s3_endpoint_url", endpoint)
    return Server(
        name=NAME,
        address=endpoint,
        ports={"s3_endpoint_url": port},
        command=java_command(place, NAME, "org.gaul.s3proxy.Main", "--properties", "s3proxy.conf"),
        folder=place.state / NAME,
        configure=lambda: _configure(place, port),
        check=lambda: _check(place),
        complete=lambda: _create_bucket(place),
        memory_mib=250,
    )


def write_configuration(place: Place, port: int) -> None:
    """Writes the server's configuration files to `<state>/s3`."""
    folder = place.state / NAME
    (folder / "data").mkdir(parents=True, exist_ok=True)
    keys = {"access_key": place.credentials.s3_access_key, "secret_key": place.credentials.s3_secret_key}
    place.render("s3/s3proxy.conf", folder / "s3proxy.conf", {"port": port, "data": folder / "data", **keys})
    place.render("s3/logback.xml", folder / "logback.xml", {})


def _configure(place: Place, port: int) -> None:
    folder = place.state / NAME
    write_configuration(place, port)
    write_options(place, NAME, (*S3, f"-Dlogback.configurationFile={folder / 'logback.xml'}"))


def _check(place: Place) -> None:
    import boto3
    from botocore.config import Config

    # Requests to this machine must not go through a proxy.
    config = Config(proxies={}, connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1})
    client = boto3.client(
        "s3",
        endpoint_url=place.settings.s3_endpoint_url,
        region_name=place.settings.s3_region,
        aws_access_key_id=place.credentials.s3_access_key,
        aws_secret_access_key=place.credentials.s3_secret_key,
        config=config,
    )
    try:
        client.list_buckets()
    finally:
        client.close()


def _create_bucket(place: Place) -> None:
    from pinterest_platform.stores import s3

    s3.create_bucket(place.settings)
