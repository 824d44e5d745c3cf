// A text as a picture to send, and files that the browser saves.

/** Save a file. @param {Blob} blob @param {string} name */
export const save = (blob, name) => {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
};

const WIDE = 1200;
const HIGH = 630; // what messengers and social networks show whole
const EDGE = 60;
const LINE = 38;

/**
 * Words in lines that are no wider than this.
 * @param {CanvasRenderingContext2D} pen @param {string} text @param {number} wide
 */
const linesOf = (pen, text, wide) =>
  text.split("\n").flatMap((paragraph) => {
    const lines = [""];
    for (const word of paragraph.split(/(?<= )/)) {
      const longer = lines[lines.length - 1] + word;
      if (pen.measureText(longer.trimEnd()).width <= wide) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  });

/**
 * A picture of what a network wrote.
 * @param {string} title @param {string} text @param {string} foot @returns {Promise<Blob | null>}
 */
export const pictureOf = (title, text, foot) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDE, height: HIGH });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const put = (
    /** @type {string} */ words,
    /** @type {number} */ y,
    /** @type {string} */ font,
    /** @type {string} */ color,
  ) => {
    pen.font = font;
    pen.fillStyle = color;
    pen.fillText(words, EDGE, y, WIDE - 2 * EDGE);
  };
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, WIDE, HIGH);
  put(title, 90, "600 34px system-ui, sans-serif", "#1a1a1a");
  const face = "26px Literata, Georgia, serif";
  pen.font = face;
  linesOf(pen, text.trim(), WIDE - 2 * EDGE)
    .slice(0, Math.floor((HIGH - 230) / LINE))
    .forEach((line, k) => put(line, 150 + k * LINE, face, "#1a1a1a"));
  put(foot, HIGH - 45, "22px system-ui, sans-serif", "#5f6368");
  return new Promise((resolve) => canvas.toBlob(resolve));
};
