"""What a test may ask of float32 (and of bfloat16): a bound that follows from arithmetic.

Each float32 operation rounds. Two ways to compute the same thing round in other places, and how
far apart they end depends on the processor, which chooses the order of each sum. So no test
compares two float32 results with each other, and none follows float32 through many steps of a
recurrence that amplifies: there the last bit decides. Both results are compared with float64
instead. The way under test may be off by a small multiple of what the plain way is off by, since
both make roundings of the same size and of about the same number.
"""

import torch

TIMES = 8  # room for chance: the largest of a few dozen rounding errors is not the same each time


def assert_rounds_like(found, plain, exact):
    """Compare a float32 result and the plain float32 result with the float64 result."""
    found, plain, exact = map(torch.as_tensor, (found, plain, exact))
    assert found.dtype == plain.dtype != exact.dtype == torch.float64
    assert found.shape == plain.shape == exact.shape
    # The plain way may be exact by luck, so one rounding of the largest number is always granted.
    plain_error = (plain - exact).abs().max() + torch.finfo(found.dtype).eps * exact.abs().max()
    assert (found - exact).abs().max() <= TIMES * plain_error
