"""The built wheel, installed where no source is near."""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
OBJECT = "sekisho/gate/gate.bpf.o"
TEMPLATES = "sekisho/pages/templates"


def run(*argv: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(word) for word in argv], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy: setuptools leaves its traces beside the source."""
    copy = tmp_path_factory.mktemp("source") / "sekisho"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.in"):
        shutil.copy(ROOT / name, copy)
    for name in ("src", "LICENSES"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        "dist",
        ".",
        cwd=copy,
    )
    (built,) = (copy / "dist").iterdir()
    return built


def test_wheel_is_pure_python_and_carries_the_stripped_object(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        packed = archive.read(OBJECT)
    assert packed == (ROOT / "src" / OBJECT).read_bytes()
    templates = {f"{TEMPLATES}/{path.name}" for path in (ROOT / "src" / TEMPLATES).iterdir()}
    assert len(templates) > 2
    assert templates <= set(names)
    assert b".BTF" in packed
    assert b".debug_info" not in packed
    assert {name.split("/")[0] for name in names} == {"sekisho", f"sekisho-{version('sekisho')}.dist-info"}


def test_installed_wheel_runs_without_the_source(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    target = Path(run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=tmp_path).strip())
    # Lends the packages that sekisho needs, not its editable install: that is a .pth file, which is
    # read in a site's own directory alone.
    (target / "needs.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "-q", "--no-deps", "--no-index", "--force-reinstall", wheel, cwd=tmp_path)
    answer = run(environment / "bin" / "sekisho", "--version", cwd=tmp_path)
    assert version("sekisho") in answer
    found = (
        "import sekisho.gate as g, pathlib; print((pathlib.Path(g.__file__).parent / 'gate.bpf.o').resolve())"
    )
    packaged = Path(run(python, "-c", found, cwd=tmp_path).strip())
    assert packaged.is_relative_to(target.resolve())
    assert packaged.read_bytes() == (ROOT / "src" / OBJECT).read_bytes()
    # The migrations are in it too.
    make = f"from sekisho.store import open_store; open_store('sqlite:///{tmp_path}/store.db').close()"
    run(python, "-c", make, cwd=tmp_path)
