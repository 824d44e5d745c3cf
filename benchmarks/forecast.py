"""The network of the part `forecast`, and twenty seeds of what the chapter on series trains.

    .venv/bin/python benchmarks/forecast.py

writes ``docs/_records/forecast.json``: the weights of one network that reads the changes of the
carbon dioxide at Mauna Loa from month to month, up to the end of 1985. ``--seeds`` prints, for the
seeds 1 to 20, how far the forecasts of the chapter's networks and of its line are off, and
``--made`` the same for its made series, its leaks and twenty random walks. Each takes two minutes
of a processor, and the record three seconds.
"""

import argparse
import base64
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "charseq" / "series" / "co2.csv"
FILE = ROOT / "docs" / "_records" / "forecast.json"
END = 334  # months to learn from: to December 1985
MOST = 24  # months ahead
LENGTH, WARM = 30, 12  # months in a window, and those that only warm the state up
LEVELS = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)


class Forecaster(nn.Module):
    """A GRU, and a line from its state to the forecasts."""

    def __init__(self, inputs, outputs, H=16):
        super().__init__()
        self.gru = nn.GRU(inputs, H, batch_first=True, dtype=torch.float64)
        self.head = nn.Linear(H, outputs, dtype=torch.float64)

    def forward(self, x, state=None):
        states, state = self.gru(x, state)
        return self.head(states), state


def squared(answer, truth):
    return (answer - truth) ** 2


def pinball(answer, truth):
    missed = truth[..., None] - answer.unflatten(-1, (-1, len(LEVELS)))
    return torch.maximum(LEVELS * missed, (LEVELS - 1) * missed).mean(dim=-1)


def fit(x, y, outputs, seed, price=squared, updates=200, firsts=None, H=16):
    """Train a network on the windows of inputs x (N, I) and answers y (N, K), nan if unknown."""
    torch.manual_seed(seed)
    net = Forecaster(x.shape[1], outputs, H)
    adam = torch.optim.Adam(net.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=0.03, total_steps=updates)
    known, y = ~y.isnan(), y.nan_to_num()
    firsts = torch.arange(len(x) - LENGTH + 1) if firsts is None else firsts
    for _ in range(updates):
        first = firsts[torch.randint(len(firsts), (16, 1))]
        at = first + torch.arange(LENGTH)
        answer, _ = net(x[at])
        counts = known[at].clone()
        counts[:, :WARM] = False
        loss = price(answer, y[at])[counts].mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        rate.step()
    return net


def read_table():
    """Return the values, nan in a gap, and the inputs (N, 2) with the scale of the changes."""
    ppm = np.genfromtxt(TABLE, delimiter=",", skip_header=1, usecols=1)
    change = np.diff(ppm, prepend=np.nan)
    mean, spread = np.nanmean(change[:END]), np.nanstd(change[:END])
    scaled = torch.tensor((change - mean) / spread)
    gap = scaled.isnan()
    return ppm, scaled, torch.stack([scaled.nan_to_num(), gap.double()], 1), mean, spread


def train_recursive(seed):
    _, scaled, inputs, _, _ = read_table()
    return fit(inputs[: END - 1], scaled[1:END, None], 1, seed)


@torch.no_grad()
def forecast_changes(net, inputs, months):
    """Return the next scaled changes; each is the input of the next."""
    answer, state = net(inputs[None])
    changes = [answer[:, -1:]]
    for _ in range(months - 1):
        answer, state = net(torch.cat([changes[-1], 0 * changes[-1]], dim=-1), state)
        changes.append(answer)
    return torch.cat(changes, dim=1)[0, :, 0]


def record():
    net = train_recursive(seed=0)
    *_, mean, spread = read_table()
    weights = {
        name: {
            "shape": list(value.shape),
            "data": base64.b64encode(value.numpy().astype("<f2").tobytes()).decode(),
        }
        for name, value in net.state_dict().items()
    }
    numbers = {"end": END, "most": MOST, "mean": float(mean), "spread": float(spread)}
    FILE.write_text(json.dumps(numbers | {"weights": weights}) + "\n")


def line_forecasts(ppm, lags=36):
    """Return the forecasts of a line through the last changes, (origins, MOST)."""
    change = np.diff(ppm, prepend=np.nan)
    rows = np.lib.stride_tricks.sliding_window_view(change[:END], lags + 1)
    rows = rows[~np.isnan(rows).any(axis=1)]
    left = np.c_[np.ones(len(rows)), rows[:, :-1]]
    slopes = np.linalg.lstsq(left, rows[:, -1])[0]
    origins = np.arange(END - 1, len(ppm) - MOST)
    past = np.stack([change[t - lags + 1 : t + 1] for t in origins])
    for _ in range(MOST):
        past = np.c_[past, slopes[0] + past[:, -lags:] @ slopes[1:]]
    return ppm[origins, None] + past[:, lags:].cumsum(axis=1)


def seeds():
    ppm, _, inputs, mean, spread = read_table()
    origins = np.arange(END - 1, len(ppm) - MOST)
    truth = np.stack([ppm[t + 1 : t + 1 + MOST] for t in origins])
    line = np.abs(line_forecasts(ppm) - truth).mean()
    ahead = np.arange(1, MOST + 1)
    years = -(-ahead // 12)
    growth = years * (ppm[origins] - ppm[origins - 12])[:, None]
    rule = np.abs(ppm[origins[:, None] + ahead - 12 * years] + growth - truth).mean(axis=1)
    known = np.append(ppm[:END], np.full(MOST, np.nan))
    rise = np.stack([known[t + 1 : t + 1 + MOST] - known[t] for t in range(END)])
    middle, width = np.nanmean(rise, axis=0), np.nanstd(rise, axis=0)
    print(f"line {line:.3f}")
    for seed in range(1, 21):
        net = train_recursive(seed)
        changes = np.stack([forecast_changes(net, inputs[: t + 1], MOST) for t in origins])
        steps = ppm[origins, None] + (changes * spread + mean).cumsum(axis=1)
        direct = fit(inputs[:END], torch.tensor((rise - middle) / width), 3 * MOST, seed, pinball)
        with torch.no_grad():
            answer = direct(inputs[None])[0][0, origins].unflatten(-1, (MOST, 3)).numpy()
        low, likely, high = np.moveaxis(answer, -1, 0) * width + middle + ppm[origins, None]
        numbers = [np.abs(f - truth).mean() for f in (steps, likely)]
        closer = (np.abs(steps - truth).mean(axis=1) < rule).mean()
        within = ((low <= truth) & (truth <= high)).mean()
        far = ((low <= truth) & (truth <= high)).mean(axis=0)
        print(
            f"seed {seed}: step by step {numbers[0]:.3f}, direct {numbers[1]:.3f}, step by step "
            f"closer than the rule from {closer:.2f} of the origins, within "
            f"{within:.2f}, 1 month ahead {far[0]:.2f}, 24 months {far[-1]:.2f}"
        )


def forecast_next(series, part, seed, firsts, updates=100, H=16):
    """Return what a network says of series[1:]; it is scaled by a part, and learns windows."""
    mean, spread = series[part].mean(), series[part].std()
    z = torch.tensor((series - mean) / spread)[:, None]
    net = fit(z[:-1], z[1:], 1, seed, updates=updates, firsts=firsts, H=H)
    with torch.no_grad():
        return net(z[None, :-1])[0][0, :, 0].numpy() * spread + mean


def made():
    rng = np.random.default_rng(0)
    step, cut = np.arange(480), 320
    rule = 0.02 * step + np.sin(2 * np.pi * step / 12) + 0.7 * np.sin(2 * np.pi * step / 31)
    series = rule + 0.3 * rng.standard_normal(480)
    early = torch.arange(cut - LENGTH)

    def off_by(forecast, truth=series):  # a forecast of truth[1:]
        return np.abs(forecast - truth[1:])[cut - 1 :].mean()

    print(f"last value {off_by(series[:-1]):.2f}")
    for seed in range(1, 21):
        values = forecast_next(series, slice(cut), seed, early)
        changes = np.append(
            np.nan, forecast_next(np.diff(series), slice(cut - 1), seed, early[:-1])
        )
        scaled_on_all = forecast_next(series, slice(None), seed, early)
        mix = torch.randperm(450, generator=torch.Generator().manual_seed(seed))
        last = mix[360:].numpy() + 29
        mixed = np.abs(forecast_next(series, slice(None), seed, mix[:360]) - series[1:])[last]
        walk = np.zeros(480)
        pushes = np.random.default_rng(seed)
        for i in range(1, 480):
            walk[i] = 0.98 * walk[i - 1] + pushes.standard_normal()
        walker = off_by(forecast_next(walk, slice(cut), seed, early), truth=walk)
        print(
            f"seed {seed}: values {off_by(values):.2f}, "
            f"changes {off_by(series[:-1] + changes):.2f}, "
            f"random windows {mixed.mean():.2f}, scaled on everything {off_by(scaled_on_all):.2f}; "
            f"walk {walker:.3f}, its last value {off_by(walk[:-1], truth=walk):.3f}",
            flush=True,
        )
    for seed in range(3):
        large = forecast_next(series, slice(cut), seed, early, updates=600, H=64)
        print(f"seed {seed}: values, 64 units and 600 updates, {off_by(large):.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", action="store_true")
    parser.add_argument("--made", action="store_true")
    torch.set_num_threads(1)
    asked = parser.parse_args()
    seeds() if asked.seeds else made() if asked.made else record()
