"""What tests in a browser share: pages that must say nothing, and ask for nothing elsewhere."""

import pytest
from accessible import noise_of


@pytest.fixture
def quiet(page):
    """A page of a browser that remembers nothing; it must not complain."""
    noise = noise_of(page)
    yield page
    assert noise == []


@pytest.fixture
def visit(quiet, site):
    """Open a page of the site, in a window of that size."""

    def go(name, more="", width=1300, height=900):
        quiet.set_viewport_size({"width": width, "height": height})
        quiet.goto((site / name).as_uri() + more)
        return quiet

    return go


@pytest.fixture
def opened(visit):
    """Open a page, and return the live part of that name once it is made."""

    def opened(page, name, which=0, more="", width=1300):
        page = visit(page, more, width=width)
        page.emulate_media(reduced_motion="reduce")  # "Play" shows the end
        place = page.locator(f'[data-play="{name}"]').nth(which)
        place.scroll_into_view_if_needed()
        part = place.locator(".play-part")
        part.locator("button, input").first.wait_for()
        return part

    return opened


@pytest.fixture(scope="session")
def shared_page(browser):
    """One page for many tests: axe stays compiled, which saves a second each time."""
    page = browser.new_page()
    yield page, noise_of(page)
    page.close()


@pytest.fixture
def tab(shared_page):
    """The page that many tests use one after the other; it must not complain."""
    page, noise = shared_page
    noise.clear()
    yield page
    assert noise == []
