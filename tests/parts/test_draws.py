"""What the part `draws` counts, computed in Deno, against NumPy and the page."""

import re
from pathlib import Path

import numpy as np
import pytest
from javascript import WEB, calling

PAGE = Path(__file__).parents[2] / "docs" / "learn" / "seeds.md"
SETTINGS = ("constant", "falling")
THOUSAND = """({losses: [first, second], n, same}) => {
    const generator = new Generator(0);
    return Array.from({length: 1000}, () => {
        const mine = drawSeeds(generator, n, 20);
        const theirs = same ? mine : drawSeeds(generator, n, 20);
        return [mine, theirs, lead(first, second, mine, theirs)];
    });
}"""


@pytest.fixture(scope="module")
def js():
    with calling(WEB / "core" / "draws.js", WEB / "core" / "network.js") as call:
        yield call


@pytest.fixture(scope="module")
def losses():
    text = PAGE.read_text("utf-8")
    return np.array(
        [re.search(rf"^:{name}: (.*)$", text, re.M)[1].split() for name in SETTINGS], float
    )


def test_the_part_has_the_losses_that_the_page_lists(losses):
    table = re.search(r'table = """\n(.*?)"""', PAGE.read_text("utf-8"), re.S)[1]
    assert np.array_equal(losses, np.array(table.split(), float).reshape(2, 20))


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("n", [1, 5, 15])
def test_a_draw_compares_the_medians_that_numpy_computes(js, losses, n, same):
    constant, falling = losses
    draws = js(THOUSAND, {"losses": losses.tolist(), "n": n, "same": same})
    for mine, theirs, by in draws[:100]:
        if same:
            assert mine == theirs
            right = np.median(constant[mine] - falling[theirs])
            middle = js("([a, b, drawn]) => middlePair(a, b, drawn)", [*losses.tolist(), mine])
            assert constant[middle] - falling[middle] == right
        else:
            right = np.median(constant[mine]) - np.median(falling[theirs])
        assert by == right


def test_each_seed_is_drawn_equally_often(js, losses):
    draws = js(THOUSAND, {"losses": losses.tolist(), "n": 15, "same": False})
    counts = np.bincount(np.ravel([draw[:2] for draw in draws]), minlength=20)
    assert len(counts) == 20
    expected = counts.sum() / 20
    assert ((counts - expected) ** 2 / expected).sum() < 43.8  # chi-squared, 19 degrees: 0.1 %


def test_the_page_states_how_often_the_winner_flips(js, losses):
    text = PAGE.read_text("utf-8")
    for name, same in (("different seeds on each side", False), ("the same seeds on both", True)):
        draws = js(THOUSAND, {"losses": losses.tolist(), "n": 5, "same": same})
        wrong = sum(by < 0 for *_, by in draws)
        assert re.search(rf"\| {name}.* \| (\d+) draws \|", text)[1] == str(wrong)


def test_a_median_of_an_even_number_is_the_middle_of_two(js):
    for values in ([3, 1], [4, 1, 3, 2], [2.5]):
        assert js("median", values) == np.median(values)
