# The image of one Spean process: docker build -t spean .
# Any base with Python 3.11 or newer, its venv module and useradd will do: --build-arg BASE=…
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
COPY requirements/run.txt /build/run.txt
RUN python3 -m venv /opt/spean \
 && /opt/spean/bin/python -m pip install --disable-pip-version-check --no-cache-dir --no-deps \
    --require-hashes --only-binary :all: -r /build/run.txt \
 && printf '%s\n' '#!/opt/spean/bin/python' 'import sys' 'from app.cli.main import main' 'sys.exit(main())' \
    >/opt/spean/bin/spean \
 && chmod 0755 /opt/spean/bin/spean
COPY . /srv/spean
# The root file system is meant to be read-only, so the byte code is made now.
RUN /opt/spean/bin/python -m compileall -q /srv/spean/app /srv/spean/alembic

FROM ${BASE}
RUN groupadd --gid 10001 spean \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/spean --shell /usr/sbin/nologin spean \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/spean
COPY --from=build /opt/spean /opt/spean
COPY --from=build /srv/spean /srv/spean
ENV PATH=/opt/spean/bin:$PATH \
    PYTHONPATH=/srv/spean \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SPEAN_ENVIRONMENT=production \
    SPEAN_HOST=0.0.0.0 \
    SPEAN_PORT=8000 \
    SPEAN_CONFIG_DIR=/srv/spean/config \
    SPEAN_DATABASE_URL=sqlite:////var/lib/spean/spean.db \
    SPEAN_FILES_DIR=/var/lib/spean/files \
    SPEAN_KEYS_FILE=/var/lib/spean/keys.json
WORKDIR /srv/spean
USER 10001:10001
# All that changes lives here; run with --read-only --tmpfs /tmp.
VOLUME /var/lib/spean
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", \
  "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['SPEAN_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["spean", "serve"]
