// A network that writes: it reads a prompt, then each character that is drawn from what it expects.
import { createReader, Generator, idAt, probabilities } from "./network.js";

/** @import { Model } from "./network.js" */

/** @param {Model} model @param {ArrayLike<number>} prompt at least one id */
export const createWriter = (model, prompt) => {
  let reader = createReader(model);
  let generator = new Generator(0);
  const writer = {
    seed: 0,
    /** @type {number[]} */
    drawn: [],
    /** Forget what was drawn, and read the prompt. @param {number} seed */
    restart(seed) {
      reader = createReader(model);
      for (const id of Array.from(prompt)) reader.read(id);
      generator = new Generator(seed);
      Object.assign(writer, { seed, drawn: [] });
    },
    /** What it expects, at a temperature. @param {number} temperature */
    expect: (temperature) => probabilities(Array.from(reader.pass.logits), temperature),
    /** A random number, and the id that it falls on. @param {number} temperature */
    draw(temperature) {
      const u = generator.uniform(0, 1);
      return { u, id: idAt(writer.expect(temperature), u) };
    },
    /** @param {number} id */
    read(id) {
      reader.read(id);
      writer.drawn.push(id);
    },
  };
  writer.restart(0);
  return writer;
};

/** The entropy of a draw, in nats: 0 ln 0 counts as 0. @param {number[]} p */
export const entropy = (p) =>
  Math.max(0, p.reduce((sum, share) => sum - (share && share * Math.log(share)), 0));
