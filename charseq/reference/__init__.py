"""The equations in NumPy, with one function per equation and without torch.

The equations use column vectors; the arrays hold them as rows, so that a batch is a stack of rows.
That is why :math:`W x` is written ``x @ W.T``. A name that starts with d is a gradient: ``dh`` says
how the loss changes with ``h``, and has the shape of ``h``.

``recurrent`` holds the RNN, the LSTM and the GRU, ``tasks`` what is made of their states, and
``beyond`` what came after them.
"""

from charseq.reference.beyond import (
    BlockParams,
    attention,
    delta_state,
    delta_state_attention,
    delta_state_backward,
    delta_state_chunks,
    layer_norm,
    linear_recurrence,
    linear_recurrence_backward,
    matrix_state,
    matrix_state_attention,
    matrix_state_backward,
    matrix_state_chunks,
    multi_head_attention,
    parallel_scan,
    transformer_block,
)
from charseq.reference.recurrent import (
    RNNParams,
    bidirectional_forward,
    bptt_jacobian,
    gru_backward,
    gru_forward,
    gru_gates,
    gru_step,
    lstm_backward,
    lstm_forward,
    lstm_gates,
    lstm_step,
    rnn_backward,
    rnn_forward,
    rnn_step,
    sigmoid,
)
from charseq.reference.tasks import (
    attend,
    attend_backward,
    cross_entropy,
    cross_entropy_backward,
    ctc_backward,
    ctc_forward,
    ctc_loss,
    decoder_step,
    decoder_step_backward,
    loss_floor,
    output_layer,
    output_layer_backward,
    pinball_loss,
    pool_states,
    pool_states_backward,
    sgd_momentum,
    softmax,
)

__all__ = [  # noqa: RUF022 - module by module
    "BlockParams", "attention", "delta_state", "delta_state_attention", "delta_state_backward",
    "delta_state_chunks", "layer_norm", "linear_recurrence", "linear_recurrence_backward",
    "matrix_state", "matrix_state_attention", "matrix_state_backward", "matrix_state_chunks",
    "multi_head_attention", "parallel_scan", "transformer_block",
    "RNNParams", "bidirectional_forward", "bptt_jacobian", "gru_backward", "gru_forward",
    "gru_gates", "gru_step", "lstm_backward", "lstm_forward", "lstm_gates", "lstm_step",
    "rnn_backward", "rnn_forward", "rnn_step", "sigmoid",
    "attend", "attend_backward", "cross_entropy", "cross_entropy_backward", "ctc_backward",
    "ctc_forward", "ctc_loss", "decoder_step", "decoder_step_backward", "loss_floor",
    "output_layer", "output_layer_backward", "pinball_loss", "pool_states", "pool_states_backward",
    "sgd_momentum", "softmax",
]  # fmt: skip
