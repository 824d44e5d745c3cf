"""What the interface computes by itself: where "Play" begins, and which epoch a press means."""

import numpy as np
import pytest
from javascript import WEB, calling


@pytest.fixture(scope="module")
def js():
    with calling(WEB / "ui" / "player.js", WEB / "ui" / "loss-curve.js") as call:
        yield call


def test_play_goes_on_from_where_it_is_and_starts_again_at_the_end(js):
    first = "list => list.map(given => firstStep(...given))"
    still, moving = ([[value, 2, 9, calm] for value in (2, 5, 8, 9)] for calm in (True, False))
    assert js(first, moving) == [2, 5, 8, 2]
    assert js(first, still) == [9] * 4  # without motion it shows the end


@pytest.mark.parametrize("epochs", [2, 50, 300])
def test_a_press_on_the_curve_means_the_epoch_that_is_drawn_there(js, epochs):
    found = js(
        """epochs => {
            const curve = {losses: [1], before: [], epochs, epoch: 1, levels: [{loss: 1}]};
            const {x, epochAt} = scales(curve, 640, 200);
            return Array.from({length: epochs}, (_, k) => epochAt(x(k + 1)));
        }""",
        epochs,
    )
    np.testing.assert_allclose(found, range(1, epochs + 1), rtol=0, atol=1e-9)
