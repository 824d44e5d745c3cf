"""What several test files use: files of text, the site, built once for all, and a Chromium."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import thorough
from filelock import FileLock
from hypothesis import settings
from playwright.sync_api import Page, expect

settings.register_profile("unhurried", deadline=None)  # the first call of torch is slow
settings.load_profile("unhurried")

ROOT = Path(__file__).parents[1]
# The same engine comes without windows, too, and takes a fifth less of the processor then.
BROWSERS = map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, BROWSERS), None)


@pytest.hookimpl(tryfirst=True)  # before `-m` is looked at
def pytest_collection_modifyitems(items):
    """Whatever needs the built site or a browser is slow. What is slow comes first.

    Of the small sites, Linux makes short work (toy_sites.py), so there their tests are quick.
    """
    site = {"site", "second_site", "page", "browser"}

    def late(item):
        if site & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
            return 0
        if "toys" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
            if sys.platform == "linux":
                item.add_marker(pytest.mark.toys)
        return 1 if item.get_closest_marker("slow") else 2

    items.sort(key=late)


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(content, name="text.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@contextmanager
def chunks_of(size):
    """Read files in chunks of this many bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charseq.texts.CHUNK", size)
        yield


def copy_sources(folder: Path) -> None:
    """Copy what a clone would hold, plus what is about to be committed."""
    listed = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():  # deleted files are listed until their removal is committed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


JOBS = (os.cpu_count() or 1) + 1  # as dev.py


def build_clean(folder: Path, jobs: int = JOBS, *, ran: bool = False, **elsewhere: str) -> str:
    """Copy the sources and build the site there, with these variables of the environment.

    With `ran`, cells that have run in the checkout do not run again: the names of their results are
    hashes of all that they depend on. Returns what Sphinx says if it fails or warns, or nothing.
    """
    copy_sources(folder)
    results = folder / "_build" / "ran"
    results.mkdir(parents=True, exist_ok=True)
    for path in (ROOT / "_build" / "ran").glob("*.json") if ran else ():
        shutil.copy2(path, results)
    sphinx = [sys.executable, "-m", "sphinx", "-b", "html", "-d", "_build/doctrees", "-q"]
    strict = ["-n", "-W", "--keep-going", "-j", str(jobs)]
    # The copy's package, not the checkout's: the same code, and the only one in the copy's pages.
    env = {**os.environ, "PYTHONPATH": str(folder), **elsewhere}
    built = subprocess.run(
        [*sphinx, *strict, "docs", "_build/html"],
        cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return built.stdout if built.returncode else ""


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """A folder that all processes of tests share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def build_once(shared_folder, tell):
    """Build the site in a folder of that name, unless another process of tests has."""

    def build(name, **otherwise):
        folder, verdict = shared_folder / name, shared_folder / f"{name}.txt"
        with FileLock(shared_folder / f"{name}.lock"):
            if not verdict.exists():
                tell(f"Building the site in {folder}; the tests that look at it wait.")
                verdict.write_text(build_clean(folder, **otherwise), "utf-8")
        if said := verdict.read_text("utf-8"):
            pytest.fail(f"the site does not build without warnings:\n{said}", pytrace=False)
        return folder / "_build" / "html"

    return build


@pytest.fixture(scope="session")
def site(build_once, request):
    """Folder of the built site."""
    return build_once("one", ran=not request.config.getoption("thorough"))


@pytest.fixture(scope="session")
def second_site(build_once, request):
    """The same in a folder whose name has another length, at another time, in another language."""
    if not (request.config.getoption("thorough") or thorough.build_has_changed()):
        pytest.skip("what builds the site has passed this, says tests/thorough.txt")
    return build_once("another", jobs=2, TZ="Asia/Kolkata", LANGUAGE="de", LC_ALL="C")


@pytest.fixture(scope="session")
def pages(site):
    """Each page of the site by its path, as text."""
    return {
        path.relative_to(site).as_posix(): path.read_text("utf-8")
        for path in sorted(site.rglob("*.html"))
    }


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """Start the system's Chromium, quietly: it must not look for updates of its own."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH; install it, or set CHROMIUM to its path")
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    root = ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    # Axe's code runs too seldom on a page to be worth the compiler that makes the fastest code.
    args = [*quiet, *root, "--disable-gpu", "--no-first-run", "--js-flags=--no-opt"]
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": args}


def wait_for_function(page, expression, *, arg=None):
    """Return a handle of what an expression or a function gives, once that is not false.

    Playwright's own method of this name evaluates a text in the page again and again, which the
    policy of the site's pages refuses.
    """
    again = """async arg => {
        const about = () => EXPRESSION;
        for (let frame = 0; frame < 9000; frame++) {
            let value = about();
            if (typeof value === "function") value = await value(arg);
            if (value) return value;
            await new Promise(requestAnimationFrame);
        }
        throw new Error(`waited in vain: ${about}`);
    }"""
    return page.evaluate_handle(again.replace("EXPRESSION", f"({expression})"), arg)


Page.wait_for_function = wait_for_function
expect.set_options(timeout=120_000)  # ms; for a machine that is slow or busy
