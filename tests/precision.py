"""How tests compare float32 (and bfloat16) results: with a bound that follows from arithmetic.

Every float32 operation rounds. Two implementations of the same formula round at different places.
How far their results differ depends on the processor, which chooses the order of each sum. So no
test compares two float32 results with each other. And no test follows float32 through many steps
of a recurrence that amplifies rounding errors, because there the last bit decides.

Instead, both results are compared with the float64 result. The error of the implementation under
test may be a small multiple of the error of the plain implementation, since both make about the
same number of rounding errors of the same size.
"""

import torch

TIMES = 8  # allowed multiple, since the largest of a few dozen rounding errors varies by chance


def assert_rounds_like(result, plain, exact):
    """Compare a float32 result and the plain float32 result with the float64 result."""
    result, plain, exact = map(torch.as_tensor, (result, plain, exact))
    assert result.dtype == plain.dtype != exact.dtype == torch.float64
    assert result.shape == plain.shape == exact.shape
    # The plain result may be exact by luck, so allow one rounding of the largest number.
    plain_error = (plain - exact).abs().max() + torch.finfo(result.dtype).eps * exact.abs().max()
    assert (result - exact).abs().max() <= TIMES * plain_error
