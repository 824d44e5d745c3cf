// A worker like benchmarks/worker.py, for the playground's network. It takes the same orders and
// gives the same answers. Its argument is the settings of a run.
import process from "node:process";
import { parseText } from "../docs/_web/core/known-text.js";
import { startReading } from "../docs/_web/core/long-reading.js";
import { Run } from "../docs/_web/core/training.js";
import { modelFrom } from "../docs/_web/core/weights.js";

const [settings] = Deno.args;

const train = () => {
  const run = new Run(JSON.parse(settings));
  run.advance();
  return run.records.map((record) => record.loss);
};

const burst = (seconds) => {
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  let epochs = 0;
  while (performance.now() - wall < 1000 * seconds) epochs += train().length;
  const { user, system } = process.cpuUsage(cpu); // microseconds
  return { characters: epochs, cpu: (user + system) / 1e6 };
};

/** Train a long run in slices of `slice` milliseconds, and return how long each slice took. */
const slices = (slice) => {
  const run = new Run({ ...JSON.parse(settings), hidden: 48, epochs: 400 });
  const milliseconds = [];
  for (let ended = false; !ended;) {
    const start = performance.now();
    ended = run.advance(slice);
    milliseconds.push(performance.now() - start);
  }
  return milliseconds.slice(0, -1); // the last slice is shorter, because the run ends
};

/** Return the milliseconds in which the network of a script of data reads 1,000 characters. */
const read = async (script) => {
  let file;
  addEventListener("austen.js", ({ detail }) => file = detail, { once: true });
  await import(`${script}?${performance.now()}`); // anew each time
  const model = modelFrom(file);
  const text = file.text.repeat(Math.ceil(1000 / [...file.text].length));
  const { ids } = parseText(text.slice(0, 1000), file.chars);
  const start = performance.now();
  while (!startReading(model, ids).advance(Infinity));
  return performance.now() - start;
};

const answer = (value) => console.log(JSON.stringify(value));
const orders = {
  first: (count) => ({ first: Array.from({ length: count }, train) }),
  burst,
  read,
  slices,
};
for (let k = 0; k < 50; k++) train(); // so that the code is compiled before it is timed
answer({ ready: true });
const line = new Uint8Array(1000);
for (let size; (size = Deno.stdin.readSync(line));) {
  const [verb, amount] = new TextDecoder().decode(line.subarray(0, size)).trim().split(" ");
  answer(await orders[verb](verb === "read" ? amount : Number(amount)));
}
