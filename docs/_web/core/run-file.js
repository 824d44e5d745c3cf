// A network as a file that `charseq sample` reads, safetensors: see charseq/checkpoint.py.

/** @import { Model } from "./network.js" */

const NO_DIGEST = "0".repeat(64); // in place of the SHA-256 while the file is hashed

/**
 * The bytes of best.safetensors: the weights in float32, under torch's names.
 * @param {Model} model @param {string[]} chars @param {object} about what else is known of the run
 */
export const runFile = async (model, chars, about) => {
  const options = {
    vocab_size: model.V,
    hidden_size: model.H,
    cell: model.cell,
    num_layers: 1,
    embedding_size: null,
    output_layer: true,
    dropout: 0,
    tied: false,
    forget_bias: null,
    seed: 0,
    fast: false,
  };
  const charseq = JSON.stringify({
    sha256: NO_DIGEST,
    charseq: "a page",
    model: options,
    vocab: { chars },
    ...about,
  });
  let end = 0;
  const entries = model.parameters.map(({ name, shape, data }) => {
    const start = end;
    end += 4 * data.length;
    return [name, { dtype: "F32", shape, data_offsets: [start, end] }];
  });
  const header = JSON.stringify({ __metadata__: { charseq }, ...Object.fromEntries(entries) });
  const encoder = new TextEncoder();
  const length = encoder.encode(header).length;
  const padded = encoder.encode(header + " ".repeat((8 - (length % 8)) % 8));
  const bytes = new Uint8Array(8 + padded.length + end);
  new DataView(bytes.buffer).setUint32(0, padded.length, true);
  bytes.set(padded, 8);
  const weights = new Float32Array(bytes.buffer, 8 + padded.length);
  let at = 0;
  for (const { data } of model.parameters) {
    weights.set(data, at);
    at += data.length;
  }
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const digest = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  bytes.set(encoder.encode(digest), 8 + encoder.encode(header.split(NO_DIGEST)[0]).length);
  return bytes;
};
