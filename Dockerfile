# syntax=docker/dockerfile:1
# Two stages: the wheel is built with the locked tools, the image carries only what runs.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock requirements-dev.lock pyproject.toml README.md nsps.yaml cli.py ./
COPY engine ./engine
COPY schemas ./schemas
COPY connectors ./connectors
COPY pipelines ./pipelines
RUN python -m venv /opt/nsps \
 && /opt/nsps/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-dev.lock \
 && /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/nsps/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.11-slim-bookworm
ENV PATH=/opt/nsps/bin:$PATH PYTHONUNBUFFERED=1 PORT=8000
RUN useradd --system --uid 10001 --create-home --home-dir /project nsps \
 && mkdir -p /project/var && chown -R nsps:nsps /project
COPY --from=build /opt/nsps /opt/nsps
WORKDIR /project
COPY --chown=nsps:nsps nsps.yaml ./
COPY --chown=nsps:nsps connectors ./connectors
COPY --chown=nsps:nsps pipelines ./pipelines
USER nsps
# The embedded store lives here; on an ephemeral disk it would lose what was answered 200.
VOLUME ["/project/var"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["python", "-c", "import os,urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\",\"8000\")}/health', timeout=2)"]
ENTRYPOINT ["nsps"]
CMD ["run", "--host", "0.0.0.0"]
