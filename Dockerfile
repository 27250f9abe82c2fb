# The service, without its sandbox and tests. Runs as a user of its own, with a read-only root file system if you like:
#
#   docker run --read-only -v ./config:/config:ro -v bridge:/var/lib/cpsd-bridge cpsd-bridge

FROM python:3.11-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/cpsd-bridge
ENV PATH=/opt/cpsd-bridge/bin:$PATH

# The requirements before the code: a change of the code then builds in seconds. Build tools first and pinned, so that
# nothing is fetched that no hash vouches for.
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m pip install --require-hashes --only-binary :all: -r requirements/build.txt \
    && python -m pip install --require-hashes --no-build-isolation -r requirements/runtime.txt

COPY pyproject.toml README.md ./
COPY bridge bridge
RUN python -m pip install --no-build-isolation --no-deps --no-index . \
    && python -m compileall -q /opt/cpsd-bridge


FROM python:3.11-slim-bookworm

RUN groupadd --gid 10001 cpsd-bridge \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/cpsd-bridge --shell /usr/sbin/nologin cpsd-bridge \
    && install -d -o cpsd-bridge -g cpsd-bridge -m 0750 /var/lib/cpsd-bridge \
    && install -d /config

COPY --from=build /opt/cpsd-bridge /opt/cpsd-bridge

ENV PATH=/opt/cpsd-bridge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CPSD_CONFIG=/config

# By number, so that a cluster can see that it is not root.
USER 10001:10001
WORKDIR /var/lib/cpsd-bridge
VOLUME ["/config", "/var/lib/cpsd-bridge"]

# The lists keep a shell out of the way: signals reach the bridge itself, which ends what it has begun and then goes.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["cpsd-bridge", "health"]
ENTRYPOINT ["cpsd-bridge"]
CMD ["run"]
