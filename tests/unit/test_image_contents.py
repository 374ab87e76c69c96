"""Each image has all of our code that its program imports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def copied_to(folder: Path, dockerfile: str) -> None:
    """Our code as the Dockerfile copies it from the repository."""
    for line in (ROOT / dockerfile).read_text().splitlines():
        word, *paths = line.split() or [""]
        if word != "COPY" or paths[0].startswith("--"):
            continue
        *sources, target = (path.lstrip("/") for path in paths)
        for source in map(ROOT.joinpath, sources):
            if source.is_dir():
                shutil.copytree(source, folder / target)
            else:
                (folder / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(source, folder / target)


@pytest.mark.parametrize(
    ("dockerfile", "module"),
    [
        ("models/model_server/Dockerfile", "model_server.main"),
        ("transformers/recommender/Dockerfile", "inference_graph.serving.main"),
        ("models/Dockerfile", "inference_graph.cli.main"),
    ],
)
def test_a_program_starts_with_what_its_image_has_of_our_code(dockerfile: str, module: str, tmp_path: Path) -> None:
    copied_to(tmp_path, dockerfile)
    # Before site-packages; and without what finds every module of a project that is installed to be edited.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(tmp_path / part) for part in (".", "models"))}
    alone = "import sys; sys.meta_path[:] = [finder for finder in sys.meta_path if 'Editable' not in str(finder)]"
    imported = f"{alone}; import inference_graph, {module}; print(inference_graph.__file__)"
    done = subprocess.run([sys.executable, "-c", imported], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "inference_graph" / "__init__.py")
