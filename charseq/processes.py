"""Training one model in several processes, which torchrun starts. Each reads some rows of a batch.

After the backward pass, one message adds up the gradients, the loss and the parts of the state over
all processes. So after each training step every process holds the whole run, and any of them could
save it. How many threads a process computes with is decided here, too.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from charseq._devices import device_of
from charseq._errors import UserError
from charseq.layers import State, map_state, parts_of
from charseq.model import CharRNN

__all__: list[str] = []  # only language_model_steps and the command use this module

# A thread must have so many products per time step: about a fifth of a millisecond of work. With
# less, it waits for the others longer than it works, and far longer on a machine that is busy.
PRODUCTS_PER_THREAD = 8_000_000


def rank_and_world_size() -> tuple[int, int]:
    """Return the number of this process (its rank, from 0), and the number of processes."""
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()):  # some builds lack it
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


@contextmanager
def join_processes() -> Iterator[None]:
    """Join the other processes that torchrun has started, for the duration of the block."""
    has_cards = torch.cuda.is_available() and torch.distributed.is_nccl_available()
    # What lies on a card is sent by NCCL, and everything else by Gloo.
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if has_cards else "gloo")
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


# --- communication between the processes ----------------------------------------------------------
# These functions are collective: every process must call them, and each call waits for all others.


def sum_over_processes(number: float) -> float:
    """Return the sum of a number over all processes, in each of them."""
    if rank_and_world_size()[1] == 1:
        return number
    numbers = torch.tensor([number], dtype=torch.float64)
    torch.distributed.all_reduce(numbers)
    return numbers.item()


def any_process(condition: bool) -> bool:
    """Return whether the condition holds in at least one process."""
    return sum_over_processes(condition) > 0


def from_rank_0(compute: Callable[[], float]) -> float:
    """Compute a number in rank 0 only, and return it in every process."""
    return sum_over_processes(compute() if rank_and_world_size()[0] == 0 else 0.0)


class Replica:
    """The copy of a model that one process trains, on some rows of each batch.

    Parameters
    ----------
    model : CharRNN
        A model with the same options in each process. Its weights are set to those of rank 0.
    batch_size : int
        B, the rows of a batch in all processes together.
    step : int
        The number of training steps made so far. It must be the same in each process.

    Attributes
    ----------
    rows : slice
        The rows of a batch that this process reads.
    """

    def __init__(self, model: CharRNN, batch_size: int, step: int) -> None:
        rank, self._world_size = rank_and_world_size()
        self._model, self._batch_size = model, batch_size
        first, after = (batch_size * k // self._world_size for k in (rank, rank + 1))
        self.rows = slice(first, after)
        if self._world_size > 1:
            if sum_over_processes(step) != step * self._world_size:
                raise UserError(
                    "the processes are at different steps: give each an up-to-date copy of the "
                    "same run folder"
                )
            for parameter in model.parameters():
                torch.distributed.broadcast(parameter.detach(), src=0)

    def backward(self, ids: Tensor, targets: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Send the gradient of a batch's mean loss back to the weights.

        Parameters
        ----------
        ids, targets : torch.Tensor of shape (B, T)
            The whole batch. Each process uses its own rows.
        state : torch.Tensor or tuple, optional
            The state of all rows, (L, B, H), or for an LSTM a pair of such tensors.

        Returns
        -------
        loss : torch.Tensor of shape ()
            The mean loss of the whole batch, in each process.
        state : torch.Tensor or tuple
            The new state of all rows.
        """
        rows, device = self.rows, device_of(self._model)
        if self._world_size > 1 and state is not None:
            state = rows_of(state, rows)
        loss, state = self._model.loss(ids[rows].to(device), targets[rows].to(device), state)
        if self._world_size == 1:
            loss.backward()  # type: ignore[no-untyped-call]
            return loss, state
        loss = loss * ((rows.stop - rows.start) / self._batch_size)  # its share of the mean
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            whole = map_state(self._among_zeros, state)  # so the sum joins the rows of all
            gradients = [p.grad for p in self._model.parameters() if p.grad is not None]
            tensors = [loss.detach(), *gradients, *parts_of(whole)]
            numbers = parameters_to_vector(tensors)
            torch.distributed.all_reduce(numbers)
            vector_to_parameters(numbers, tensors)
        return tensors[0], whole

    def _among_zeros(self, part: Tensor) -> Tensor:
        whole = part.new_zeros(len(part), self._batch_size, part.shape[2])
        whole[:, self.rows] = part
        return whole


def rows_of(state: State, rows: slice) -> State:
    """Select rows of a batch's state, (L, B, H)."""
    return map_state(lambda part: part[:, rows].contiguous(), state)


# --- threads --------------------------------------------------------------------------------------


def threads_that_pay(model: CharRNN, rows: int) -> int:
    """Return how many threads have enough to do, from the sizes of the network alone.

    Parameters
    ----------
    model : CharRNN
        The network.
    rows : int
        B, the rows of a batch.

    Returns
    -------
    int
        At least 1. The first layer's W_ih does not count: its columns can be looked up.
    """
    weights = [w for name, w in model.rnn.named_parameters() if name != "weight_ih_l0"]
    if model.head is not None:
        weights.append(model.head.weight)
    products = rows * sum(w.numel() for w in weights if w.ndim == 2)
    return max(1, products // PRODUCTS_PER_THREAD)


@contextmanager
def use_threads(model: CharRNN, rows: int) -> Iterator[None]:
    """Compute with as many threads as pay, but not more than torch would use, within the block.

    If the environment variable ``OMP_NUM_THREADS`` is set, it decides.

    Parameters
    ----------
    model : CharRNN
        The network.
    rows : int
        B, the rows of a batch.
    """
    before = torch.get_num_threads()
    if not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(min(before, threads_that_pay(model, rows)))
    try:
        yield
    finally:
        torch.set_num_threads(before)
