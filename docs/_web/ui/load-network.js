// The network of the home page: its file, and the model that is made of it in slices of time.
import { makingModel } from "../core/weights.js";
import { load } from "./load.js";

/** @import { Model } from "../core/network.js" */
/** @import { NetworkFile } from "../core/weights.js" */

export const pause = () => new Promise((resume) => setTimeout(resume));

/** @returns {Promise<{file: Required<NetworkFile>, model: Model}>} */
export const loadNetwork = async () => {
  const file = await load("austen-8bit.js");
  if (!file) throw new Error("The network’s file is damaged or cut short.");
  const making = makingModel(file);
  let step = making.next();
  for (; !step.done; step = making.next()) await pause();
  return { file, model: step.value };
};
