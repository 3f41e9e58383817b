# docker build -t scissorsd .                       the cpu target: onnxruntime and OpenVINO, no CUDA
# docker build -t scissorsd:gpu --target gpu .      with CUDA 13 and cuDNN 9; the host needs only NVIDIA's driver
#   --build-arg MODELS="u2net u2netp"               bakes these weights in; without, they are fetched into /models
# make images                                       builds both, with all their labels and tags
# docs/container.md tells how it is run.

ARG PYTHON=3.12
# Of scissorsd; `make release` sees that it is.
ARG VERSION=0.2.0

FROM python:${PYTHON}-slim-bookworm AS wheel
WORKDIR /src
# What is installed here and below is pinned, each file by its hash: `make constraints` chooses anew.
COPY config/container-build.txt ./
RUN pip install --no-cache-dir --require-hashes -r container-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY scissorsd scissorsd
# Two wheels: the cpu target's asks for the plain onnxruntime, a tenth of the size of onnxruntime-gpu.
RUN pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheels/gpu . && \
    sed -i 's/"onnxruntime-gpu/"onnxruntime/' pyproject.toml && \
    pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheels/cpu .

FROM python:${PYTHON}-slim-bookworm AS base
LABEL org.opencontainers.image.title="scissorsd" \
      org.opencontainers.image.description="Cuts the background out of the photographs dropped into a folder" \
      org.opencontainers.image.authors="the scissorsd maintainers" \
      org.opencontainers.image.licenses="MIT"
# HOME is for what CUDA caches, whoever the user is. In XDG_STATE_HOME the daemon keeps the job journal, where
# `status` and `health` find it. Without ORT_DISABLE_TELEMETRY, onnxruntime tells its makers of every session.
ENV HOME=/state \
    ORT_DISABLE_TELEMETRY=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONUNBUFFERED=1 \
    U2NET_HOME=/models \
    XDG_STATE_HOME=/state
# Open to any user, so that `--user` needs no preparation; what is mounted over them has its own rights.
# The links make /config/scissorsd.yaml the file that every command reads, and /state its folder by default.
RUN mkdir -m 777 /inbox /outbox /models /state && \
    mkdir -p /config /etc/scissorsd && \
    ln -s /config/scissorsd.yaml /etc/scissorsd/scissorsd.yaml && \
    ln -s /state /var/lib/scissorsd
COPY config/container-entrypoint.sh /usr/local/bin/scissorsd-entrypoint
STOPSIGNAL SIGTERM
# Of the page, which is on where SCISSORSD_PAGE or a configuration says so.
EXPOSE 8000
HEALTHCHECK --interval=60s --timeout=15s --start-period=10m \
    CMD ["scissorsd-entrypoint", "health"]
ENTRYPOINT ["scissorsd-entrypoint"]

FROM base AS gpu
# CUDA and cuDNN come as the wheels that onnxruntime-gpu itself asks for, so their versions always fit.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY config/container-gpu.txt /wheels/pinned.txt
RUN pip install --require-hashes -r /wheels/pinned.txt
COPY --from=wheel /wheels/gpu /wheels
RUN pip install --no-deps /wheels/*.whl && pip check
ARG MODELS=""
RUN for name in $MODELS; do scissorsd models fetch "$name" || exit 1; done; chmod -R a+rwX /models
VOLUME ["/inbox", "/outbox", "/models", "/state"]
# At the end, so that another commit builds nothing anew that it did not change.
ARG VERSION
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

FROM base AS cpu
COPY config/container-cpu.txt /wheels/pinned.txt
RUN pip install --require-hashes -r /wheels/pinned.txt
COPY --from=wheel /wheels/cpu /wheels
RUN pip install --no-deps /wheels/*.whl && pip check
ARG MODELS=""
RUN for name in $MODELS; do scissorsd models fetch "$name" || exit 1; done; chmod -R a+rwX /models
VOLUME ["/inbox", "/outbox", "/models", "/state"]
ARG VERSION
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
