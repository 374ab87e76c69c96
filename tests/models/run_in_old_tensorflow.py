"""Loads models in the TensorFlow of this Python and compares their answers with those of the TensorFlow that wrote them.

    .venv-tf218/bin/python tests/models/run_in_old_tensorflow.py [FOLDER [PYTHON]]

FOLDER holds <model>/<version>/ and <model>.npz as write_small_models.py leaves them; without it, that script makes them first,
run by PYTHON (the project's environment, .venv/bin/python).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-4


def main(arguments: list[str]) -> int:
    python = arguments[1] if len(arguments) > 1 else str(HERE.parents[1] / ".venv" / "bin" / "python")
    if arguments:
        return check(Path(arguments[0]))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, str(HERE / "write_small_models.py"), folder], check=True)
        return check(Path(folder))


def check(folder: Path) -> int:
    """0 where every model in the folder answers as recorded; prints one line a model."""
    recorded = sorted(folder.glob("*.npz"))
    if not recorded:
        print(f"error: no recorded answers (*.npz) in {folder}", file=sys.stderr)
        return 1
    worst = {path.stem: difference(folder / path.stem / "1", path) for path in recorded}
    for model, largest in worst.items():
        print(f"{model}: TensorFlow {tf.__version__} answers within {largest:.1e} of the TensorFlow that wrote it")
    return int(max(worst.values()) > TOLERANCE)


def difference(version: Path, recorded: Path) -> float:
    """The largest difference of any number; different texts count as infinite."""
    answer = tf.saved_model.load(str(version)).signatures["serving_default"]
    content = np.load(recorded)
    largest = 0.0
    for request in range(int(content["requests"])):
        inputs = {key.split("/")[2]: tf.constant(content[key]) for key in content if key.startswith(f"{request}/in/")}
        for name, value in answer(**inputs).items():
            wanted, got = content[f"{request}/out/{name}"], value.numpy()
            if got.dtype == object:
                largest = largest if (got.astype(np.bytes_) == wanted).all() else float("inf")
            else:
                largest = max(largest, float(np.abs(got - wanted).max(initial=0.0)))
    return largest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
