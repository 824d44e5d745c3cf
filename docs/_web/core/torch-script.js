// The log of a run, and the script that prints the same log with torch alone.
import { vocabulary } from "./network.js";

/** @import { Settings } from "./settings.js" */
/** @import { Epoch } from "./training.js" */

/** The log has a line for so many epochs. @param {number} epochs */
const every = (epochs) => Math.ceil(epochs / 10);

/**
 * str(record): f"epoch {epoch:<3}  loss:{loss:.3f}  prediction:{prediction}"
 * @param {{epoch: number, loss: number, prediction: string}} record
 */
const line = ({ epoch, loss, prediction }) =>
  `epoch ${String(epoch).padEnd(3)}  loss:${loss.toFixed(3)}  prediction:${prediction}`;

/**
 * str(history): a line for each tenth of the run, and one for the last epoch.
 * @param {{settings: Settings, records: Epoch[]}} run
 */
export const logOf = ({ settings: { epochs }, records }) =>
  records
    .filter(({ epoch }) => epoch % every(epochs) === 0 || epoch === epochs)
    .map(line)
    .join("\n");

/**
 * The same run with torch alone. A string in JSON is a string in Python, too, so no text can end
 * its own quotes.
 * @param {Settings} settings
 */
export const scriptOf = ({ text, order, cell, outputLayer, hidden, optimizer, ...rest }) => {
  const { lr, momentum, clip, epochs, seed, skip } = rest;
  const V = vocabulary(text).length;
  const H = outputLayer ? hidden : V;
  const optimizerCall = optimizer === "adam"
    ? `Adam(parameters, lr=${lr})`
    : `SGD(parameters, lr=${lr}, momentum=${momentum})`;
  const logits = outputLayer
    ? "h, _ = rnn(x)  # (T, H)\n    logits = head(h)"
    : "logits, _ = rnn(x)";
  let before = skip ? `torch.rand(${skip})\n` : "";
  if (skip === 16) before = "nn.RNN(4, 2)  # the notebook makes another layer first\n";
  return `import torch
from torch import nn

text = ${JSON.stringify(text)}
chars = ${order ? JSON.stringify(order) : "sorted(set(text))"}
ids = torch.tensor([chars.index(char) for char in text])
x, y = nn.functional.one_hot(ids[:-1], ${V}).double(), ids[1:]  # (T, V), (T,)

torch.manual_seed(${seed})
${before}\
rnn = nn.${cell}(${V}, ${H}).double()  # drawn in float32, computed in float64
${outputLayer ? `head = nn.Linear(${H}, ${V}).double()\n` : ""}\
parameters = [*rnn.parameters()${outputLayer ? ", *head.parameters()" : ""}]
optimizer = torch.optim.${optimizerCall}

for epoch in range(1, ${epochs + 1}):
    ${logits}  # (T, V)
    loss = nn.functional.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
${clip === null ? "" : `    nn.utils.clip_grad_norm_(parameters, ${clip})\n`}\
    optimizer.step()
    if epoch % ${every(epochs)} == 0 or epoch == ${epochs}:
        prediction = "".join(chars[i] for i in logits.argmax(1))
        print(f"epoch {epoch:<3}  loss:{loss:.3f}  prediction:{prediction}")
`;
};
