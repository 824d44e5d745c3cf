"""The tasks of dev.py, the lock that it installs from, and what pyproject.toml declares."""

import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dev

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ["docs", "books", "test", "world", "dev"]
PYTHONS = ["3.11.7", "3.12.3", "3.13.0", "3.14.2"]
SYSTEMS = {
    "Linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "macOS": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "Windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
LINES = [
    line for line in dev.LOCK.read_text("utf-8").splitlines() if line and not line.startswith("#")
]


def locked(environment):
    """Return the release of each package that a lock names for an environment."""
    releases = {}
    for requirement in map(Requirement, LINES):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (bound,) = requirement.specifier
            assert releases.setdefault(canonicalize_name(requirement.name), bound.version) == (
                bound.version
            ), f"lock.txt names two releases of {requirement.name} at once"
    return releases


def requirements(extras):
    return list(map(Requirement, dev.requirements(extras)))


# --- the lock -------------------------------------------------------------------------------------


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_lock_names_one_admitted_release_of_all_that_an_extra_installs(python, system):
    environment = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    names = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    releases = locked(environment | names | SYSTEMS[system])
    for requirement in requirements(EXTRAS):
        if requirement.name != "torch":
            release = releases[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(release), (requirement, release)


# --- the environment ------------------------------------------------------------------------------


@pytest.fixture
def installations(tmp_path, monkeypatch):
    """What dev.py would run to set up an environment in this folder."""
    ran = []
    monkeypatch.setattr(dev, "VENV", tmp_path)
    monkeypatch.setattr(dev, "STAMP", tmp_path / "installed-for.txt")
    monkeypatch.setattr(dev, "make_venv", lambda: None)
    monkeypatch.setattr(dev, "run", lambda *command: ran.append(command))
    monkeypatch.setattr(dev, "INDEX", ["--index-url", "here"])
    return ran


def test_an_environment_is_set_up_once_for_what_the_lock_says(installations, tmp_path):
    dev.set_up(["docs"], "sphinx==9.0.4\n")
    dependencies, itself, bundler = installations
    constraints = tmp_path / "constraints.txt"
    assert constraints.read_text() == "sphinx==9.0.4\n"
    assert dependencies[-4:] == ("-r", str(tmp_path / "requirements.txt"), "-c", str(constraints))
    assert "here" in dependencies
    assert {"--no-deps", "--no-build-isolation", "-e"} < set(itself)
    assert (dev.ROOT / bundler[0]).is_file()  # fetches esbuild, so that builds need no network
    for releases, commands in (("sphinx==9.0.4\n", 3), ("sphinx==9.0.5\n", 6), ("", 9), ("", 12)):
        dev.set_up(["docs"], releases)  # the newest ones are asked for each time
        assert len(installations) == commands
    assert ["--upgrade" in command for command in installations] == [False] * 6 + 2 * [
        *(True, False, False)
    ]


def test_an_environment_without_the_bundler_is_not_finished(installations, monkeypatch, tmp_path):
    monkeypatch.setattr(dev, "run", lambda program, *_: program.endswith("bundles.py"))
    with pytest.raises(SystemExit, match="could not fetch its bundler"):
        dev.set_up(["docs"], "sphinx==9.0.4\n")
    assert not (tmp_path / "installed-for.txt").exists()


@pytest.mark.parametrize(
    ("options", "constraints"),
    [([], dev.LOCK.read_text("utf-8")), (["--newest"], ""), (["--oldest"], dev.oldest_releases())],
)
def test_the_lock_is_the_default(options, constraints, monkeypatch):
    asked = []
    monkeypatch.setattr(dev, "set_up", lambda *arguments: asked.append(arguments))
    monkeypatch.setitem(dev.TASKS, "docs", lambda: 0)
    monkeypatch.setattr(sys, "argv", ["dev.py", *options, "docs"])
    assert dev.main() == 0
    assert asked == [(["docs"], constraints)]


def test_the_oldest_releases_are_those_that_pyproject_admits():
    oldest = dict(line.split("==") for line in dev.oldest_releases().splitlines())
    assert oldest.keys() == {requirement.name for requirement in requirements(["dev"])}
    for requirement in requirements(["dev"]):
        assert requirement.specifier.contains(oldest[requirement.name]), requirement


# --- what tasks say -------------------------------------------------------------------------------


def test_what_runs_side_by_side_is_shown_in_order_and_one_failure_counts(monkeypatch, capfdbinary):
    monkeypatch.setattr(dev, "PYTHON", sys.executable)
    assert dev.run_side_by_side(["this"], ["platform"]) == 0
    shown = capfdbinary.readouterr().out.decode()
    assert shown.index("> this") < shown.index("The Zen of Python") < shown.index("> platform")
    assert dev.run_side_by_side(["this"], ["no_such_module"], ["platform"]) == 1
    assert "> platform" in capfdbinary.readouterr().out.decode()


# --- what is declared -----------------------------------------------------------------------------

DECLARED_FOR = {"charseq": ["words", "onnx"], "docs": ["docs", "books"], "tests": ["dev"]}
DECLARED_FOR |= {"docs/_font": ["test"], "docs/_readme": ["dev"]}  # scripts that no task runs
DECLARED_FOR |= {
    "benchmarks": ["dev"],
    "conftest.py": ["test"],
    "dev.py": [],
    "examples": ["words"],
}
FILES = {
    path.relative_to(ROOT).as_posix(): path
    for place in DECLARED_FOR
    for path in [ROOT / place, *ROOT.glob(f"{place}/**/*.py")]
    if path.is_file() and "gallery" not in path.parts
}
OURS = {path.stem for path in FILES.values()} | {"benchmarks", "charseq", "tests"}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("place", DECLARED_FOR)
def test_whatever_is_imported_is_declared(place):
    declared = {canonicalize_name(needed.name) for needed in requirements(DECLARED_FOR[place])}
    distributions = packages_distributions()
    for name, path in FILES.items():
        if place == max(filter(name.startswith, DECLARED_FOR), key=len):
            for imported in set(imports(path)) - sys.stdlib_module_names - OURS:
                owners = map(canonicalize_name, distributions.get(imported, [imported]))
                assert declared.intersection(owners), f"{name} imports {imported}"
