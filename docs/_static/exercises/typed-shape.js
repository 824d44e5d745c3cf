"use strict";

/* Reads a shape. This file does not touch the page. */

/**
 * A shape as a reader types it: 3, 21, 16 or (3, 21, 16) or torch.Size([3, 21, 16]).
 * @param {string} text
 * @returns {{shape: number[], hint: string}}
 */
const charseqTypedShape = (text) => {
  const inside = text.trim().replace(/^torch\.Size/, "").replace(/^[([{<]+|[)\]}>]+$/g, "");
  const words = inside.trim().split(/\s*[,;×x*]\s*|\s+/i);
  if (words.length > 1 && !words.at(-1)) words.pop(); // the comma of (16,)
  let hint = "";
  if (!inside.trim()) hint = "Type the sizes of all axes";
  else if (words.some((word) => /^\p{L}/u.test(word))) hint = "Type numbers, no letters";
  else if (!words.every((word) => /^\d{1,9}$/.test(word))) hint = "Type whole numbers only";
  else if (words.length > 4) hint = "No tensor here has more than three axes";
  if (hint) hint += ". Separate the sizes by commas, for example 3, 21, 16.";
  return { shape: hint ? [] : words.map(Number), hint };
};
