"""The part `cuts`, in Deno and in a browser, against charseq.corpus."""

import itertools

import numpy as np
import pytest
from test_pages import quiet  # noqa: F401 - a fixture
from test_play_core import js  # noqa: F401 - a fixture
from test_play_parts import bundle_of, part  # noqa: F401 - fixtures

from charseq.corpus import streams, windows

TEXT = "the cat sat on the mat and ate "
SIZES = [*itertools.product(range(1, 7), range(1, 11))]


def test_streams_are_the_packages_or_refused_where_it_does(js):
    found = js(
        "list => list.map(([N, B, T]) => [streams(N, B, T), mostRows(N, T)])",
        [[len(TEXT), *size] for size in SIZES],
    )
    refused = 0
    for (batches, most), (B, T) in zip(found, SIZES, strict=True):
        says, expected = "", []
        try:
            expected = [x.tolist() for x, _ in streams(range(len(TEXT)), B, T)]
        except ValueError as error:
            says = str(error)
        assert batches == expected
        assert bool(says) is (most < B)
        assert says.endswith(f"the largest batch_size that fits is {most}" if says else "")
        refused += bool(says)
    assert 0 < refused < len(SIZES)


def test_windows_are_the_packages_from_the_places_that_it_draws(js):
    batch, _ = next(windows(range(31), 4, 5, np.random.default_rng(0)))
    starts = batch[:, 0].tolist()
    assert js("([starts, T]) => windows(starts, T)", [starts, 5]) == batch.tolist()
    drawn = js("() => drawStarts(new Generator(0), 31, 4000, 5)")
    assert {*drawn} == {*range(26)}  # each place at which a window fits, as in numpy
    assert {*np.random.default_rng(0).integers(31 - 5, size=4000)} == {*drawn}


@pytest.mark.parametrize(("B", "T"), [(3, 5), (2, 7), (5, 1)])
def test_rows_and_strip_show_the_batch_and_the_next_one_goes_on(part, B, T):
    page = part("cuts")
    page.get_by_role("slider", name="B, rows").fill(str(B))
    page.get_by_role("slider", name="T, characters").fill(str(T))
    said = page.locator(".play-readout")
    for k, (x, _) in enumerate(itertools.islice(streams(range(31), B, T), 2)):
        if k:
            page.get_by_role("button", name="Step").press("Enter")
        read = page.locator(".play-cuts-strip text").evaluate_all(
            "all => all.flatMap((letter, p) => letter.classList.contains('play-read') ? [p] : [])"
        )
        assert read == sorted(x.ravel().tolist())
        row = "".join(TEXT[p] for p in x[0]).replace(" ", "␣")
        assert f"Batch {k + 1}, shape ({B}, {T}): row 0 reads “{row}”" in said.text_content()
        letters = page.locator(".play-cuts-letters .play-read").all_text_contents()
        assert sorted(letters) == sorted(TEXT[p].replace(" ", "␣") for p in x.ravel())
        assert page.locator(".play-kept").count() == k * B
    assert "goes on where row 0 of the batch before stopped" in said.text_content()


def test_what_does_not_fit_is_said_and_windows_start_from_zeros(part):
    page = part("cuts")
    page.get_by_role("slider", name="B, rows").fill("4")
    page.get_by_role("slider", name="T, characters").fill("10")
    said = page.locator(".play-readout")
    with pytest.raises(ValueError, match="takes 41 characters") as error:
        streams(range(31), 4, 10)
    assert str(error.value).endswith(" 3")
    assert said.text_content() == (
        "Nothing fits: 4 · 10 characters and one for the last target make 41, and the text has 31. "
        "With T\u00a0=\u00a010, B can be at most 3."
    )
    assert page.get_by_role("button", name="Draw other windows").count() == 0
    assert page.locator(".play-cuts-letters text").count() == 0
    page.get_by_role("radio", name="windows").check()
    page.get_by_role("button", name="Step").click()
    assert "zeros again" in said.text_content()
    before = said.text_content()
    page.get_by_role("button", name="Draw other windows").press("Enter")
    assert said.text_content() != before
    assert page.locator(".play-cuts-states text").all_text_contents() == ["0"] * 4
