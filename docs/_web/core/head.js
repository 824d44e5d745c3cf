// Whether a state looks like the answer.

/**
 * At how many steps the largest of the state's numbers is that of the character which the network
 * says. Without an output layer the state is the answer, and it is so at all of them.
 * @param {{T: number, h: Float64Array, ids: Int32Array}} pass @param {number} H
 */
export const looksLikeAnswer = ({ T, h, ids }, H) => {
  let count = 0;
  for (let t = 0; t < T; t++) {
    const state = h.subarray((t + 1) * H, (t + 2) * H);
    if (state.indexOf(Math.max(...state)) === ids[t]) count++;
  }
  return count;
};
