"""The tables of who names the capital, against what was recorded."""

import re

import numpy as np
import pytest
import recorded

RIGHT = 190  # of 200 lines: what the page calls right


@pytest.mark.parametrize("page", ["attention", "gates"])
def test_the_page_counts_the_seeds_that_are_right(page):
    record = recorded.read("readers")
    text = (recorded.ROOT / "docs" / "learn" / f"{page}.md").read_text("utf-8")
    heads = re.search(r"^\| letters after the capital \|(.*)\|$", text, re.M)[1]
    assert [int(head) for head in heads.split("|")] == record["back"]
    rows = re.findall(r"^\| (RNN|GRU|LSTM|attention|matrix) \|((?: \d+ \|){6})$", text, re.M)
    assert len(rows) == (5 if page == "attention" else 3)
    for name, counts in rows:
        right = np.array(record["networks"][name]["right"]) >= RIGHT  # (seed, distance)
        assert [int(count) for count in counts.split("|")[:-1]] == right.sum(axis=0).tolist()
