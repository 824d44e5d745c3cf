/*
 * A worker like benchmarks/worker.py, for the playground's scripts. It takes the same orders and
 * gives the same answers. Its arguments are the settings of a run and the scripts, in their order.
 */
import process from "node:process";

const [settings, ...files] = Deno.args;
const scripts = files.map((file) => Deno.readTextFileSync(file)).join("\n");
const { Run } = (0, eval)(`${scripts}\ncharseqTraining`);

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

const answer = (value) => console.log(JSON.stringify(value));
const orders = {
  first: (count) => ({ first: Array.from({ length: count }, train) }),
  burst,
  slices,
};
for (let k = 0; k < 50; k++) train(); // so that the code is compiled before it is timed
answer({ ready: true });
const line = new Uint8Array(100);
for (let size; (size = Deno.stdin.readSync(line));) {
  const [verb, amount] = new TextDecoder().decode(line.subarray(0, size)).trim().split(" ");
  answer(orders[verb](Number(amount)));
}
