"""What several test files use: files of text, the site, built once for all, and a Chromium."""

import os
import shutil
import sys
from pathlib import Path

import clean_build
import pytest
from filelock import FileLock
from hypothesis import settings
from playwright.sync_api import Page, expect

settings.register_profile("unhurried", deadline=None)  # the first call of torch is slow
settings.load_profile("unhurried")

# The same engine comes without windows, too, and takes a fifth less of the processor then.
BROWSERS = map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, BROWSERS), None)


SITE = {"site", "page", "browser"}  # who asks for one of these looks at the site
BUILT = os.environ.get("CHARSEQ_SITE")  # the folder of a site that has been built already


def uses(item, fixtures):
    """Say whether a test asks for one of these fixtures. Examples of docstrings ask for none."""
    return not fixtures.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items):
    """Whatever needs the built site or a browser is slow. What is slow comes first.

    Whole files about the site come before single pages in a browser, which fill what is left. Of
    the small sites, Linux makes short work (toy_sites.py), so there their tests are quick.
    """
    for item in items:
        if uses(item, {*SITE, "toys"}):
            item.add_marker(pytest.mark.slow)
        if uses(item, {"toys"}) and sys.platform == "linux":
            item.add_marker(pytest.mark.toys)
    yield  # `-m` is looked at, and pytest puts together what has the same parameter
    items.sort(
        key=lambda item: (
            item.get_closest_marker("slow") is None,
            item.path.parent.name != "site",
            item.path.name == "test_parts.py",
        )
    )


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(content, name="text.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """A folder that all processes of tests share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def site(shared_folder):
    """Folder of the built site: that which dev.py has built, or what is in _build, up to date."""
    if BUILT:
        return Path(BUILT)
    folder = clean_build.ROOT / "_build" / "html"
    with FileLock(shared_folder / "site.lock"):
        verdict = shared_folder / "site.txt"
        if not verdict.exists():
            verdict.write_text(clean_build.build(clean_build.ROOT), "utf-8")
    if said := verdict.read_text("utf-8"):
        pytest.fail(f"the site does not build without warnings:\n{said}", pytrace=False)
    return folder


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
