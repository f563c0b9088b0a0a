"""The wheel holds all that the compiler needs, and nothing of the checkout has to be near."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import ROOT, run_python, tree_of

# Where there is neither a checkout nor its virtual environment's editable install before the wheel.
ELSEWHERE = Path("/")


def run(arguments: Sequence[str | Path], cwd: Path = ELSEWHERE, **environment: str) -> str:
    """Run this Python; what it printed. Fails with what it complained about."""
    done = run_python([str(each) for each in arguments], cwd, 120, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    before = {path.name for path in ROOT.iterdir()}
    run(["-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT])
    assert {path.name for path in ROOT.iterdir()} == before, "building leaves nothing in the checkout"
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's packages and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    run(["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel])
    return target


def test_wheel_holds_every_module_and_all_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "ivrc").rglob("*.py")}
    data = {f"ivrc/_data/{path.relative_to(ROOT)}" for path in ROOT.glob("grammar/*.lark")}
    data |= {f"ivrc/_data/{path.relative_to(ROOT)}" for path in ROOT.glob("templates/*.j2")}
    pages = [path for path in ROOT.glob("docs/errors/**/*") if path.is_file()]
    data |= {f"ivrc/_data/{path.relative_to(ROOT / 'docs')}" for path in pages}
    assert len(data) >= 4 + 3 * 40
    page = [path for folder in ("pages", "static") for path in (ROOT / "ivrc/history/web" / folder).iterdir()]
    assert {"login.html", "page.css", "htmx.min.js", "htmx.LICENSE"} <= {path.name for path in page}
    data |= {str(path.relative_to(ROOT)) for path in page}
    assert inside == modules | data


def test_installed_package_is_the_one_that_runs(installed: Path) -> None:
    code = "import ivrc; from ivrc.resources import resource_path; print(ivrc.__file__)\n"
    code += "print(resource_path('grammar', 'ivrc.lark')); print(resource_path('templates', 'header.conf.j2'))"
    places = run(["-c", code], PYTHONPATH=str(installed)).split("\n")[:3]
    assert [str(Path(place).relative_to(installed)) for place in places] == [
        "ivrc/__init__.py",
        "ivrc/_data/grammar/ivrc.lark",
        "ivrc/_data/templates/header.conf.j2",
    ]


@pytest.mark.parametrize("example", ["shop", "sales"])
def test_installed_compiler_makes_what_the_checkout_makes(installed: Path, example: str, tmp_path: Path) -> None:
    source = ROOT / "examples" / example
    for name, path, cwd in (("wheel", installed, ELSEWHERE), ("checkout", ROOT, ROOT)):
        caches = tmp_path / f"cache-{name}"
        caches.mkdir()
        # A cache of its own: the grammar's tables must come from the wheel's own grammar.
        run(
            ["-m", "ivrc", "compile", source, "-o", tmp_path / name],
            cwd,
            PYTHONPATH=str(path),
            XDG_CACHE_HOME=str(caches),
        )
    built = tree_of(tmp_path / "wheel")
    assert {"extensions.conf", "manifest.json"} <= built.keys()
    assert built == tree_of(tmp_path / "checkout")


def test_installed_command_says_its_version(installed: Path, wheel: Path) -> None:
    command = installed / "bin" / "ivrc"
    assert command.exists()
    assert run([command, "--version"], PYTHONPATH=str(installed)).strip() == f"ivrc {wheel.name.split('-')[1]}"


def test_installed_command_explains_a_code_by_its_page(installed: Path) -> None:
    page = (ROOT / "docs" / "errors" / "IVR301" / "details.md").read_text("utf-8").split("\n")[0]
    assert page in run([installed / "bin" / "ivrc", "explain", "IVR301"], PYTHONPATH=str(installed))


def test_wheel_is_the_same_when_built_again(wheel: Path, tmp_path: Path) -> None:
    run(["-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT])
    (again,) = tmp_path.glob("*.whl")
    assert again.read_bytes() == wheel.read_bytes()


def test_requirements_of_the_wheel_are_installed_here(installed: Path) -> None:
    """A dependency that the code imports and the wheel does not name would be missed by whoever installs it."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from importlib.metadata import distribution, PackageNotFoundError\n"
        "import re\n"
        "for line in distribution('ivrc').requires:\n"
        "    if 'extra' not in line: distribution(re.split(r'[^A-Za-z0-9._-]', line)[0])\n"
        "print('all there')"
    )
    assert run(["-c", code, installed]).strip() == "all there"
    assert sys.version_info >= (3, 11)
