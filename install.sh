#!/usr/bin/env bash
# Installs Assay into .venv (or $VENV) at the versions of requirements.lock, and puts dlib's models into weights/.
# Safe to run again: it does nothing when nothing changed. Needs only Python >= 3.11 with venv; compiles nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
venv=${VENV:-.venv}

python=${PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3.13 python3.12 python3.11 python3; do
        if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ]; then
    echo "install.sh: needs Python 3.11 or newer with venv (Debian/Ubuntu: apt-get install python3-venv); or set PYTHON=/path/to/python" >&2
    exit 2
fi

stamp="$venv/.installed"
wanted=$(cat requirements.lock pyproject.toml install.sh | sha256sum | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "install.sh: installing into $venv (torch is large: a few minutes)"
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements.lock
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
fi

# dlib's models come with a pinned package, as data files; they were trained on pictures for non-commercial use.
"$venv/bin/python" - <<'EOF'
import importlib.util, pathlib, shutil
models = pathlib.Path(importlib.util.find_spec("face_recognition_models").origin).parent / "models"
for name in ("shape_predictor_68_face_landmarks.dat", "mmod_human_face_detector.dat", "dlib_face_recognition_resnet_model_v1.dat"):
    target = pathlib.Path("weights", name)
    if not target.exists():
        shutil.copyfile(models / name, target.with_suffix(".part"))
        target.with_suffix(".part").rename(target)
EOF

echo "$wanted" > "$stamp"
echo "install.sh: ready ($venv)"
