"""What holds for all tests: their surroundings, two options, and which process takes which."""

import os

import pytest

# These must be set before torch is imported. The site's build sets them, too: see docs/conf.py.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["MPLBACKEND"] = "agg"


@pytest.hookimpl(optionalhook=True)  # without xdist, nobody asks
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        """Give each process whole files, whose tests share fixtures, but one page at a time."""

        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            return nodeid if file.endswith(("/test_pages.py", "/test_parts.py")) else file

    return Scheduling(config, log)


def pytest_addoption(parser):
    parser.addoption("--no-skips", action="store_true", help="let each skipped test fail")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.skipped and item.config.getoption("no_skips"):
        report.outcome = "failed"
    return report


def pytest_sessionstart(session):
    config = session.config
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter and config.getoption("numprocesses", None):  # without -n, pytest does it itself
        config.pluginmanager.register(FilesThatRun(reporter))


class FilesThatRun:
    """Names each file of tests when its first test begins, and says what `tell` is told."""

    def __init__(self, reporter):
        self.reporter, self.named = reporter, set()

    def pytest_runtest_logstart(self, nodeid):
        file = nodeid.partition("::")[0]
        if file not in self.named:
            self.named.add(file)
            self.reporter.write_line(f"\n{file}")  # dots may stand in the line so far


@pytest.fixture(scope="session")
def tell(pytestconfig):
    """Say on the terminal what takes long, past pytest, which keeps what tests print."""

    def tell(text):
        if hasattr(pytestconfig, "workerinput"):  # only the first process has the terminal, and
            pytestconfig.hook.pytest_runtest_logstart(nodeid=text, location=("", None, ""))  # hears
            return
        with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{text}", flush=True)

    return tell
