"""What the scripts of benchmarks/ recorded: the script as a module, and a network's weights."""

import base64
import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[2]


def script(name):
    """Return a script as a module, under a name that is no extension's."""
    sys.path.insert(0, str(ROOT / "benchmarks"))  # where it finds `recording`, as on its own
    spec = spec_from_file_location(f"script_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(ROOT / "benchmarks"))
    return module


def read(name):
    """Return a record that pages read."""
    return json.loads((ROOT / "docs" / "_records" / f"{name}.json").read_text("utf-8"))


def with_weights(model, weights):
    """Return a model with recorded weights, float16 in base64, as float64."""
    model.double().load_state_dict({
        name: torch.tensor(np.frombuffer(base64.b64decode(weight["data"]), "<f2").astype(float))
        .reshape(weight["shape"])
        for name, weight in weights.items()
    })  # fmt: skip
    return model.eval()
