"""Several processes that train one model, as torchrun starts them: each reads some rows of a batch.

PyTorch's DistributedDataParallel averages the gradients while the backward pass runs. What it does
not carry is summed here: the loss, the state that is carried on, and what only one process knows.
After each step every process has all that a run consists of, so any of them could save it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from charseq.layers import State, map_state, parts_of
from charseq.model import CharRNN, drawing_from

__all__: list[str] = []  # it all happens in language_model_steps and in the command


def rank_and_world_size() -> tuple[int, int]:
    """Return the number of this process, from 0, and how many there are."""
    group = torch.distributed
    if not (group.is_available() and group.is_initialized()):  # some builds of torch lack it
        return 0, 1
    return group.get_rank(), group.get_world_size()


def check_enough_rows(batch_size: int) -> None:
    """Refuse a batch with fewer rows than there are processes."""
    world_size = rank_and_world_size()[1]
    if batch_size < world_size:
        raise ValueError(
            f"batch_size must be at least {world_size}, a row for each process, got {batch_size}"
        )


@contextmanager
def join_processes() -> Iterator[None]:
    """Join the other processes that torchrun has started, for the duration of the block.

    If the block fails in several processes, only the first failure is reported: the others usually
    fail because of it, and end with exit code 1 in silence.
    """
    from torch import distributed
    from torch.distributed.rendezvous import rendezvous

    store, rank, world_size = next(rendezvous("env://"))
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=world_size)
    try:
        yield
    except BaseException as error:
        failed_before = 1
        with suppress(RuntimeError):  # the store is gone if the process that kept it has ended
            failed_before = store.add("failed", 1) - 1
        if failed_before and not isinstance(error, SystemExit):
            raise SystemExit(1) from None
        raise
    finally:
        distributed.destroy_process_group()


# --- what the processes tell each other -----------------------------------------------------------
# Every function from here on is collective: a process that calls it waits for all the others.


def sum_over_processes(numbers: Tensor) -> Tensor:
    """Replace a tensor by its sum over all processes, the same in each."""
    with _lost_processes():
        torch.distributed.all_reduce(numbers)
    return numbers


def any_process(condition: bool) -> bool:
    """Say whether the condition holds in at least one process."""
    if rank_and_world_size()[1] == 1:
        return condition
    return bool(sum_over_processes(torch.tensor([int(condition)])))


def from_rank_0(compute: Callable[[], float]) -> float:
    """Compute a number in rank 0 alone, and return it in every process."""
    rank, world_size = rank_and_world_size()
    number = compute() if rank == 0 else 0.0
    if world_size == 1:
        return number
    return float(sum_over_processes(torch.tensor([number], dtype=torch.float64)))


class Replica:
    """A model in one of several processes, which reads some rows of each batch.

    Parameters
    ----------
    model : CharRNN
        The same options in each process; the weights are set to those of rank 0.
    batch_size : int
        B, the rows of a batch in all processes together.
    step : int
        The training steps made so far, which must be the same in each process.

    Attributes
    ----------
    rows : slice
        The rows of a batch that this process reads.
    """

    def __init__(self, model: CharRNN, batch_size: int, step: int) -> None:
        rank, world_size = rank_and_world_size()
        self.rows = slice(batch_size * rank // world_size, batch_size * (rank + 1) // world_size)
        self._batch_size, self._world_size, self._loss = batch_size, world_size, model.loss
        if world_size > 1:
            steps = torch.zeros(world_size, dtype=torch.int64)
            steps[rank] = step
            distinct = sorted(set(sum_over_processes(steps).tolist()))
            if len(distinct) > 1:
                raise ValueError(
                    f"the processes stand at the steps {', '.join(map(str, distinct))}: give each "
                    "the same run folder, as it is now"
                )
            with _lost_processes():
                self._loss = DistributedDataParallel(_Loss(model))  # sends the weights of rank 0
                self._decide_order_of_messages(model)

    def _decide_order_of_messages(self, model: CharRNN) -> None:
        """Send gradients once, without using them.

        The order in which they arrive decides how they are put into messages from then on, and with
        it the order of additions. So a resumed run adds like one that was never interrupted.
        """
        ids = torch.zeros(1, 1, dtype=torch.int64)
        with drawing_from(0):
            self._loss(ids, ids, None)[0].backward()  # type: ignore[no-untyped-call]
        model.zero_grad()

    def backward(self, ids: Tensor, targets: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Send the gradient of a batch's mean loss back to the weights.

        Parameters
        ----------
        ids, targets : torch.Tensor of shape (B, T)
            The batch of all processes; each uses its rows.
        state : torch.Tensor or tuple, optional
            Of all rows, (L, B, H) or a pair of such.

        Returns
        -------
        loss, state
            Of the whole batch, detached from the graph; the same in each process.
        """
        rows = self.rows
        if state is not None:
            state = rows_of(state, rows)
        loss, state = self._loss(ids[rows], targets[rows], state)
        # DistributedDataParallel takes the mean over processes, as if all had as many rows.
        share = (rows.stop - rows.start) / self._batch_size
        with _lost_processes():
            (loss * (share * self._world_size)).backward()  # type: ignore[no-untyped-call]
        loss, state = loss.detach(), map_state(Tensor.detach, state)
        return (loss, state) if self._world_size == 1 else self._of_all_rows(loss * share, state)

    def _of_all_rows(self, part_of_loss: Tensor, state: State) -> tuple[Tensor, State]:
        """Add up the parts of the loss, and put together the rows of the state, in one message."""
        parts = [
            part.new_zeros(len(part), self._batch_size, part.shape[2]) for part in parts_of(state)
        ]
        for whole, part in zip(parts, parts_of(state), strict=True):
            whole[:, self.rows] = part  # zeros in the rows of others, so that a sum fills them
        sums = sum_over_processes(torch.cat([part_of_loss[None], *map(Tensor.flatten, parts)]))
        loss, *flat = torch.split(sums, [1, *(part.numel() for part in parts)])
        h, *c = (sums.view_as(part) for sums, part in zip(flat, parts, strict=True))
        return loss[0], (h, c[0]) if c else h


class _Loss(nn.Module):
    """`CharRNN.loss` as a module's forward pass, which is what DistributedDataParallel wraps."""

    def __init__(self, model: CharRNN) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, targets: Tensor, state: State | None) -> tuple[Tensor, State]:
        return self.model.loss(ids, targets, state)


def rows_of(state: State, rows: slice) -> State:
    """Take some rows of a batch's state, (L, B, H)."""
    return map_state(lambda part: part[:, rows].contiguous(), state)


@contextmanager
def _lost_processes() -> Iterator[None]:
    """Turn the error of a broken connection, which differs between systems, into one sentence."""
    try:
        yield
    except RuntimeError as error:
        if rank_and_world_size()[1] == 1 or "allocate" in str(error):
            raise
        raise ConnectionError("another process has ended, or cannot be reached") from error
