// Trains in a thread of its own, for the widget `own`. It is sent {text, size}, and then
// {isOn} to stop and go on; it tells what is wrong with a text, what the table of counts pays, and
// how far the network is.
import { tableBits } from "../core/count-table.js";
import { prepare, shareOfWords } from "../core/own-text.js";
import { bitsOf, TextRun, write } from "../core/text-run.js";

/** @import { Learned } from "../core/own-text.js" */
/** @import { Size } from "../core/text-run.js" */

const SLICE = 80; // milliseconds, until a message may arrive
const MEASURES = 50;
const LONGEST = 8; // strings of the table
const WRITTEN = 1500; // characters, whose words are counted
const TEMPERATURE = 0.7;

/** @type {Learned} */
let learned;
/** @type {TextRun} */
let run;
let isOn = false;
/** Milliseconds of the last updates, so that a pause of the machine counts for nothing.
 * @type {number[]} */
let took = [];

const left = () => {
  const typical = took.toSorted((a, b) => a - b)[took.length >> 1];
  return (typical * (run.size.updates - run.updates)) / 1000;
};

const measure = () => {
  const { model, updates } = run;
  const { chars, valid, words } = learned;
  const text = write(model, chars, WRITTEN, TEMPERATURE, updates);
  const theta = model.theta.slice();
  postMessage({
    updates,
    bits: bitsOf(model, valid),
    text,
    share: shareOfWords(text, words),
    theta,
  });
};

const slice = () => {
  if (!isOn) return;
  const begun = performance.now();
  let now = begun;
  while (!run.done && now - begun < SLICE) {
    run.step();
    took = [...took.slice(-99), performance.now() - now];
    if (run.updates === 1 || run.updates % (run.size.updates / MEASURES) === 0) measure();
    now = performance.now();
  }
  postMessage({ updates: run.updates, seconds: left() });
  if (!run.done) setTimeout(slice);
};

/** @param {{text: string, size: Size}} wanted */
const begin = ({ text, size }) => {
  const { learned: found, messages } = prepare(text);
  postMessage({ messages, chars: found?.chars });
  if (!found) return;
  learned = found;
  const table = tableBits(found.train, found.valid, found.chars.length, LONGEST);
  postMessage({ table, passage: found.valid.slice(0, 400) });
  run = new TextRun(found.train, found.chars.length, size);
  took = [];
};

addEventListener("message", ({ data }) => {
  if (data.text !== undefined) begin(data);
  isOn = data.isOn && run !== undefined;
  slice();
});
