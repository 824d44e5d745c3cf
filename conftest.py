"""What holds for all tests: their surroundings, an option, and which process takes which."""

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
