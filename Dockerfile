# docker build -t scissorsd .                       the cpu target: onnxruntime and OpenVINO, no CUDA
# docker build -t scissorsd:gpu --target gpu .      with CUDA 13 and cuDNN 9; the host needs only NVIDIA's driver
#   --build-arg WEIGHTS=u2net                       bakes these weights in; without, they are fetched into /models
# docs/container.md tells how it is run.

ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY scissorsd scissorsd
# Two wheels: the cpu target's asks for the plain onnxruntime, a tenth of the size of onnxruntime-gpu.
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels/gpu . && \
    sed -i 's/"onnxruntime-gpu/"onnxruntime/' pyproject.toml && \
    pip wheel --no-cache-dir --no-deps --wheel-dir /wheels/cpu .

FROM python:${PYTHON}-slim-bookworm AS base
LABEL org.opencontainers.image.title="scissorsd" \
      org.opencontainers.image.description="Cuts the background out of the photographs dropped into a folder" \
      org.opencontainers.image.licenses="MIT"
# HOME is for what pip and CUDA cache, whoever the user is; without the next, onnxruntime tells its makers of every session.
ENV HOME=/state \
    ORT_DISABLE_TELEMETRY=1 \
    U2NET_HOME=/models \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONUNBUFFERED=1
# Open to any user, so that `--user` needs no preparation; what is mounted over them has its own rights.
RUN mkdir -m 777 /inbox /outbox /models /state
COPY config/container-entrypoint.sh /usr/local/bin/scissorsd-entrypoint
COPY config/container.yaml /etc/scissorsd/scissorsd.yaml
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=15s --start-period=10m \
    CMD ["scissorsd-entrypoint", "health", "-c", "/etc/scissorsd/scissorsd.yaml"]
ENTRYPOINT ["scissorsd-entrypoint"]
CMD ["run", "-c", "/etc/scissorsd/scissorsd.yaml"]

FROM base AS gpu
# CUDA and cuDNN come as the wheels that onnxruntime-gpu itself asks for, so their versions always fit.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=wheel /wheels/gpu /wheels
RUN pip install /wheels/*.whl "onnxruntime-gpu[cuda,cudnn]>=1.23"
ARG WEIGHTS=""
RUN for name in $WEIGHTS; do scissorsd models fetch "$name" || exit 1; done; chmod -R a+rwX /models
VOLUME ["/inbox", "/outbox", "/models", "/state"]

FROM base AS cpu
COPY --from=wheel /wheels/cpu /wheels
RUN pip install /wheels/*.whl
ARG WEIGHTS=""
RUN for name in $WEIGHTS; do scissorsd models fetch "$name" || exit 1; done; chmod -R a+rwX /models
VOLUME ["/inbox", "/outbox", "/models", "/state"]
