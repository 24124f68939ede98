# Assay on a GPU node; docs/container.md has an example per task. Build and run:
#
#   docker build -t assay .
#   docker run --rm -it --gpus all --shm-size 16g -v "$PWD":/workspace/assay -v /data:/data assay \
#       python training/train.py --detector_path xception --train_dataset FaceForensics++ --set data.root=/data
#
# --shm-size: loader processes hand batches over through shared memory, and Docker's 64 MB are too few for them.
# The mounted checkout is what runs (the installation is editable); without the mount the copy in the image does.
# A checkout that was never installed lacks dlib's models: run ./install.sh in the container once.
# A CPU-only image: --build-arg BASE=debian:bookworm-slim
ARG BASE=nvidia/cuda:13.0.1-runtime-ubuntu24.04
FROM ${BASE}

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y git make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

ARG USER_ID=1001
RUN useradd --create-home --uid ${USER_ID} assay && mkdir -p /workspace/assay /opt/venv /data \
    && chown -R assay /workspace /opt/venv /data
USER assay
WORKDIR /workspace/assay

COPY --chown=assay . .
ENV VENV=/opt/venv PATH=/opt/venv/bin:${PATH} PYTHONUNBUFFERED=1
RUN ./install.sh

HEALTHCHECK CMD ["python", "training/train.py", "--list"]
CMD ["python", "training/train.py", "--list"]
