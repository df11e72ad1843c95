# Kairos Hub in a container.
#
#   docker build -t kairos-hub .
#   docker run --network host -v kairos-data:/data kairos-hub
#
# The host's network is needed for kairos.local: multicast does not pass a container's bridge. Without it, publish the
# ports (-p 8420:8420 -p 8443:8443 -p 1883:1883 -p 8883:8883), set KAIROS_DISCOVERY_ENABLED=false, and name the host's
# name or address in KAIROS_HTTP_NAMES.

FROM node:22-bookworm-slim AS web
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web ./
# The app finds the tables it syncs where they are published.
COPY docs/sync /docs/sync
RUN npm run build

FROM rust:1.95-slim-bookworm AS hub
# SQLite and ring are C.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
COPY --from=web /web/dist /web-dist
ENV KAIROS_WEB_DIST=/web-dist
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p kairos-hub && cp target/release/kairos-hub /kairos-hub

FROM debian:bookworm-slim
RUN useradd --system --uid 8420 --user-group --home-dir /data --no-create-home kairos && install -d -m 0700 -o kairos -g kairos /data
COPY --from=hub /kairos-hub /usr/local/bin/kairos-hub
COPY LICENSE /usr/share/doc/kairos-hub/LICENSE
USER kairos
WORKDIR /data
VOLUME /data
ENV KAIROS_STORE_DATA_DIR=/data
EXPOSE 8420 8443 1883 8883 5353/udp
# Asks the running hub, whose address it reads from /data/run.json.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["kairos-hub", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["kairos-hub"]
CMD ["run"]
