"""What all makers of records share: the updates, weights in few bytes, and a file in its place."""

import argparse
import base64
import json
from pathlib import Path

import torch
from torch import nn

RECORDS = Path(__file__).parents[1] / "docs" / "_records"


def fit(net, rate, updates, loss_of, *, schedule=None, clip=1.0, betas=(0.9, 0.999), then=None):
    """Train a network with Adam, and return its losses.

    ``loss_of(update)`` draws what the network learns from and returns the loss;
    ``schedule(adam, updates)`` makes a schedule of rates; ``clip`` is the longest gradient, or a
    function that shortens them; ``then(update)`` comes after each update.
    """
    learning = [weight for weight in net.parameters() if weight.requires_grad]
    adam = torch.optim.Adam(learning, lr=rate, betas=betas)
    rates = schedule(adam, updates) if schedule else None
    losses = []
    for update in range(updates):
        loss = loss_of(update)
        adam.zero_grad()
        loss.backward()
        if callable(clip):
            clip()
        elif clip:
            nn.utils.clip_grad_norm_(learning, clip)
        adam.step()
        if rates:
            rates.step()
        losses.append(loss.item())
        if then:
            then(update)
    return losses


def down_to(share):
    """Return a schedule that lowers the rate to a share of it, on a line."""
    return lambda adam, updates: torch.optim.lr_scheduler.LinearLR(adam, 1, share, updates)


def cosine(adam, updates):
    return torch.optim.lr_scheduler.CosineAnnealingLR(adam, updates)


def count_weights(net):
    return sum(weight.numel() for weight in net.parameters())


def packed(weights):
    """Return named tensors as shapes and float16 in base64, as the browser reads them."""
    return {
        name: {
            "shape": [*value.shape],
            "data": base64.b64encode(value.detach().numpy().astype("<f2").tobytes()).decode(),
        }
        for name, value in weights.items()
    }


def as_recorded(net):
    """Round the weights of a network to float16."""
    for weight in net.parameters():
        weight.data = weight.data.half().to(weight.dtype)


def read(name):
    path = RECORDS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def write(name, record):
    text = json.dumps(record, ensure_ascii=False)
    (RECORDS / f"{name}.json").write_text(text + "\n", "utf-8", newline="\n")


def chosen(document, parts):
    """Return the parts that ``--only`` names on the command line, or all."""
    parser = argparse.ArgumentParser(description=document.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=[*parts], default=[*parts], metavar="PART")
    torch.set_num_threads(1)
    return parser.parse_args().only
