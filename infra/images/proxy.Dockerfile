# nginx in front of the ingest API and the pages: the only container that other machines can reach. See docs/compose.md.
FROM debian:12-slim
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends nginx-light openssl gettext-base >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    && useradd --uid 1000 --create-home pinterest && install -d -o pinterest -g pinterest /certificates
COPY infra/proxy/ /opt/proxy/
USER 1000
ENTRYPOINT ["sh", "/opt/proxy/start.sh"]
ARG VERSION=unknown COMMIT=unknown
LABEL org.opencontainers.image.title="pinterest-platform proxy" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$COMMIT
