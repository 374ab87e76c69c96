"""What must hold of the repository itself."""

import subprocess
import sys


def test_the_users_folders_are_not_importable_as_packages():
    """A top-level `transformers` package here would shadow Hugging Face's for everybody who installs this one."""
    names = ["models", "transformers", "feature_repo", "tests"]
    code = f"import importlib.util; print([n for n in {names} if importlib.util.find_spec(n)])"
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
