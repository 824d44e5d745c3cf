"""Training one model in several processes, which torchrun starts. Each reads some rows of a batch.

PyTorch's DistributedDataParallel averages the gradients during the backward pass. This module
shares the rest: the loss, the state that the next batch starts from, and numbers that only one
process knows. It adds each up over the processes, with zeros for what a process does not know.
After each training step, every process holds the whole run, so any of them could save it.

How many threads a process computes with is decided here, too.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from charseq._devices import cast_to, device_of, drawing_from
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


def check_enough_rows(batch_size: int) -> None:
    """Refuse a batch with fewer rows than there are processes."""
    world_size = rank_and_world_size()[1]
    if batch_size < world_size:
        raise ValueError(
            f"batch_size must be at least {world_size}, one row for each process, got {batch_size}"
        )


@contextmanager
def join_processes() -> Iterator[None]:
    """Join the other processes that torchrun has started, for the duration of the block.

    If the block fails in several processes, only the first failure is reported. The others are
    usually its consequences, so those processes exit with code 1 and no message.
    """
    from torch import distributed
    from torch.distributed.rendezvous import rendezvous

    store, rank, world_size = next(rendezvous("env://"))
    # What lies on a card is sent by NCCL, and everything else by Gloo.
    has_cards = torch.cuda.is_available() and distributed.is_nccl_available()
    backend = "cpu:gloo,cuda:nccl" if has_cards else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=world_size)
    try:
        yield
    except BaseException as error:
        failed_before = 1
        with suppress(RuntimeError):  # the store is lost if the process that holds it has ended
            failed_before = store.add("failed", 1) - 1
        if failed_before and not isinstance(error, SystemExit):
            raise SystemExit(1) from None
        raise
    finally:
        distributed.destroy_process_group()


# --- communication between the processes ----------------------------------------------------------
# These functions are collective: every process must call them, and each call waits for all others.


def sum_over_processes(numbers: Tensor) -> Tensor:
    """Replace a tensor by its sum over all processes, in each of them."""
    with _explain_lost_connection():
        torch.distributed.all_reduce(numbers)
    return numbers


def any_process(condition: bool) -> bool:
    """Return whether the condition holds in at least one process."""
    if rank_and_world_size()[1] == 1:
        return condition
    return bool(sum_over_processes(torch.tensor([int(condition)])))


def from_rank_0(compute: Callable[[], float]) -> float:
    """Compute a number in rank 0 only, and return it in every process."""
    rank, world_size = rank_and_world_size()
    number = compute() if rank == 0 else 0.0
    if world_size == 1:
        return number
    return float(sum_over_processes(torch.tensor([number], dtype=torch.float64)))


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
    precision : {"float32", "bfloat16"}, default="float32"
        As in :class:`charseq.Settings`.

    Attributes
    ----------
    rows : slice
        The rows of a batch that this process reads.
    """

    def __init__(
        self, model: CharRNN, batch_size: int, step: int, precision: str = "float32"
    ) -> None:
        rank, world_size = rank_and_world_size()
        self._device, self._precision = device_of(model), precision
        self.rows = slice(batch_size * rank // world_size, batch_size * (rank + 1) // world_size)
        self._batch_size, self._world_size, self._loss = batch_size, world_size, model.loss
        if world_size > 1:
            steps = torch.zeros(world_size, dtype=torch.int64)
            steps[rank] = step
            distinct = sorted(set(sum_over_processes(steps).tolist()))
            if len(distinct) > 1:
                raise ValueError(
                    f"the processes are at different steps, {', '.join(map(str, distinct))}: give "
                    "each an up-to-date copy of the same run folder"
                )
            if self._device.type == "cuda":
                torch.cuda.set_device(self._device)  # NCCL sends from the current card
            with _explain_lost_connection():
                self._loss = DistributedDataParallel(_Loss(model))  # sends the weights of rank 0
                self._fix_order_of_messages(model)

    def _fix_order_of_messages(self, model: CharRNN) -> None:
        """Run one backward pass and discard its gradients.

        From the first backward pass, DistributedDataParallel learns in which order to group the
        gradients into messages. The grouping decides the order of additions. After this pass a
        resumed run adds in the same order as one that was never interrupted.
        """
        ids = torch.zeros(1, 1, dtype=torch.int64, device=self._device)
        with drawing_from(0, self._device):
            self._loss(ids, ids, None)[0].backward()  # type: ignore[no-untyped-call]
        model.zero_grad()

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
        if self._world_size == 1:
            with cast_to(self._precision, self._device):
                loss, state = self._loss(ids.to(self._device), targets.to(self._device), state)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss, state
        rows = self.rows
        if state is not None:
            state = rows_of(state, rows)
        # DistributedDataParallel averages over processes as if all had equally many rows.
        share = (rows.stop - rows.start) / self._batch_size
        inputs, targets = ids[rows].to(self._device), targets[rows].to(self._device)
        with cast_to(self._precision, self._device):
            loss, state = self._loss(inputs, targets, state)
        with _explain_lost_connection():
            (loss * (share * self._world_size)).backward()  # type: ignore[no-untyped-call]
        return self._combine(loss, share, state)

    @torch.no_grad()
    def _combine(self, loss: Tensor, share: float, state: State) -> tuple[Tensor, State]:
        """Sum the loss over processes and join the rows of the state, in one message."""
        all_rows = [
            part.new_zeros(len(part), self._batch_size, part.shape[2]) for part in parts_of(state)
        ]
        for whole, part in zip(all_rows, parts_of(state), strict=True):
            whole[:, self.rows] = part  # other rows stay zero, so the sum joins all rows
        sums = sum_over_processes(torch.cat([(loss * share)[None], *map(Tensor.flatten, all_rows)]))
        loss, *flat = torch.split(sums, [1, *(whole.numel() for whole in all_rows)])
        h, *c = (numbers.view_as(whole) for numbers, whole in zip(flat, all_rows, strict=True))
        return loss[0], ((h, c[0]) if c else h)


class _Loss(nn.Module):
    """A module whose forward pass is `CharRNN.loss`: DistributedDataParallel wraps only modules."""

    def __init__(self, model: CharRNN) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, targets: Tensor, state: State | None) -> tuple[Tensor, State]:
        return self.model.loss(ids, targets, state)


def rows_of(state: State, rows: slice) -> State:
    """Select rows of a batch's state, (L, B, H)."""
    return map_state(lambda part: part[:, rows].contiguous(), state)


@contextmanager
def _explain_lost_connection() -> Iterator[None]:
    """Replace the error of a broken connection by one that reads the same on all systems."""
    try:
        yield
    except RuntimeError as error:
        known = ("allocate", "backend type")  # what torch says of memory, or of the group
        if rank_and_world_size()[1] == 1 or any(words in str(error) for words in known):
            raise
        raise ConnectionError("another process has ended, or cannot be reached") from error


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
def use_threads(model: CharRNN, rows: int, threads: int | None = None) -> Iterator[None]:
    """Compute with as many threads as pay, but not more than torch would use, within the block.

    Parameters
    ----------
    model : CharRNN
        The network.
    rows : int
        B, the rows of a batch.
    threads : int, optional
        So many instead, or as many as there are cores, if these are fewer. By default, the
        environment variable ``OMP_NUM_THREADS`` decides if it is set.
    """
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(min(threads, os.cpu_count() or 1))
    elif not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(min(before, threads_that_pay(model, rows)))
    try:
        yield
    finally:
        torch.set_num_threads(before)
