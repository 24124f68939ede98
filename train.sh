#!/usr/bin/env bash
# Train on every GPU of this machine; all words go to training/train.py:
#
#   ./train.sh --detector_path xception --train_dataset FaceForensics++ --test_dataset Celeb-DF-v2
#   PROCESSES=2 ./train.sh --detector_path xception --train_dataset FaceForensics++ --device cpu
#
# Two machines: start this on each, with the address of the first one.
#   torchrun --nnodes 2 --node_rank 0 --master_addr HOST --nproc_per_node 8 training/train.py ...
#   torchrun --nnodes 2 --node_rank 1 --master_addr HOST --nproc_per_node 8 training/train.py ...
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$here/.venv/bin/python" ] && python="$here/.venv/bin/python" || python=python3
gpus=$(nvidia-smi --list-gpus 2>/dev/null | wc -l || true)
processes=${PROCESSES:-$((gpus > 0 ? gpus : 1))}
exec "$python" -m torch.distributed.run --standalone --nproc_per_node "$processes" "$here/training/train.py" "$@"
