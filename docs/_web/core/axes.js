// How a recurrent layer reads a tensor of letters: which axis counts the texts, and which the steps.

const WORDS = ["hello", "eolll", "lleel"]; // those of the chapter

/** What is at a place of axes 0 and 1 of the tensor. @param {number} row @param {number} column */
export const letterAt = (row, column) => {
  const word = WORDS[row % WORDS.length];
  return word[column % word.length];
};

/**
 * The tensor read as texts: how many, how long, and their letters.
 * @param {number[]} axes lengths of axes 0 and 1 @param {boolean} batchFirst
 */
export const readAs = ([rows, columns], batchFirst) => {
  const [batch_size, length] = batchFirst ? [rows, columns] : [columns, rows];
  const texts = Array.from(
    { length: batch_size },
    (_, b) =>
      Array.from({ length }, (_, t) => batchFirst ? letterAt(b, t) : letterAt(t, b)).join(""),
  );
  return { batch_size, length, texts };
};
