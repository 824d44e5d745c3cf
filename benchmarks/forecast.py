"""The network of the part `forecast`: docs/_records/forecast.json, in three seconds.

It reads the changes of the carbon dioxide at Mauna Loa from month to month, up to the end of 1985.
"""

from pathlib import Path

import numpy as np
import torch
from recording import fit, packed, write
from torch import nn

TABLE = Path(__file__).parents[1] / "charseq" / "series" / "co2.csv"
END = 334  # months to learn from: to December 1985
MOST = 24  # months ahead
LENGTH, WARM = 30, 12  # months in a window, and those that only warm the state up
UPDATES = 200


class Forecaster(nn.Module):
    """A GRU, and a line from its state to the forecast."""

    def __init__(self, inputs, H=16):
        super().__init__()
        self.gru = nn.GRU(inputs, H, batch_first=True, dtype=torch.float64)
        self.head = nn.Linear(H, 1, dtype=torch.float64)

    def forward(self, x):
        return self.head(self.gru(x)[0])


def read_table():
    """Return the scaled changes, the inputs (N, 2), and the scale."""
    ppm = np.genfromtxt(TABLE, delimiter=",", skip_header=1, usecols=1)
    change = np.diff(ppm, prepend=np.nan)
    mean, spread = np.nanmean(change[:END]), np.nanstd(change[:END])
    scaled = torch.tensor((change - mean) / spread)
    gap = scaled.isnan()
    return scaled, torch.stack([scaled.nan_to_num(), gap.double()], 1), mean, spread


def train(x, y, seed):
    """Train a network on the windows of inputs x (N, I) and answers y (N, 1), nan if unknown."""
    torch.manual_seed(seed)
    net, known, y = Forecaster(x.shape[1]), ~y.isnan(), y.nan_to_num()

    def loss_of(update):
        at = torch.randint(len(x) - LENGTH + 1, (16, 1)) + torch.arange(LENGTH)
        counts = known[at].clone()
        counts[:, :WARM] = False
        return ((net(x[at]) - y[at]) ** 2)[counts].mean()

    def up_and_down(adam, updates):
        return torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=0.03, total_steps=updates)

    fit(net, 0.001, UPDATES, loss_of, schedule=up_and_down, clip=None)
    return net


def main():
    torch.set_num_threads(1)
    scaled, inputs, mean, spread = read_table()
    net = train(inputs[: END - 1], scaled[1:END, None], seed=0)
    numbers = {"end": END, "most": MOST, "mean": float(mean), "spread": float(spread)}
    write("forecast", numbers | {"weights": packed(net.state_dict())})


if __name__ == "__main__":
    main()
