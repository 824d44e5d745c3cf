// What a reader types, and what to reply.
//
// docs/_ext/execution/questions.py makes the questions. Verdicts: "right"; "nearly", when only the
// form or one step is wrong; "known", a mistake that the page foresaw; "wrong"; "odd", no answer of
// this kind.

/**
 * @typedef {object} AskedQuestion
 * @property {"number" | "shape" | "text" | "choice"} kind
 * @property {string} label
 * @property {string} answer
 * @property {string} why
 * @property {[string, string][]} mistakes what is typed, and the reply
 * @property {string[]} [options] of a choice
 */
/** @typedef {"right" | "nearly" | "known" | "wrong" | "odd"} AnswerVerdict */
/** @typedef {{verdict: AnswerVerdict, says: string}} Reply */

const LONGEST = 200;
const THOUSANDS = /^[+-]?\d{1,3}([, _']\d{3})+(\.\d+)?(?!\d)/;
const AGAIN = "Not yet. Try again, or open the solution.";

/**
 * "1,5" may mean 1.5, and "50,800" may mean 50800. All that a text may mean is compared.
 * @param {string} text @returns {number[]}
 */
const numbersIn = (text) => {
  const plain = text
    .replace(/[−–—]/g, "-")
    .replace(/^[\s=≈~$([{]+|[\s)\]}.$]+$/g, "")
    .replace(/\s*(?:[a-z]{2,}\s*)+$/i, ""); // a unit, as in "1.1 nats per character"
  /** @type {number[]} */
  const found = [];
  /** @param {string} part */
  const one = (part) => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(part) ? Number(part) : NaN);
  const add = (/** @type {number} */ value) => Number.isFinite(value) && found.push(value);
  if (THOUSANDS.exec(plain)?.[0] === plain) add(one(plain.replace(/[, _']/g, "")));
  const point = plain.replace(/^([^,.]*),([^,.]*)$/, "$1.$2");
  add(one(point));
  if (point.endsWith("%")) {
    const value = one(point.slice(0, -1).trim());
    add(value / 100);
    add(value);
  }
  const [, left = "", sign = "", right = ""] = /^(.+?)\s*(\/|\^|\*\*|[*×·])\s*(.+)$/.exec(plain) ??
    [];
  const [a, b] = [one(left), one(right)];
  if (sign === "/") add(a / b);
  else if (sign === "^" || sign === "**") add(a ** b);
  else if (sign) add(a * b);
  return found;
};

/** @param {string} written */
const decimals = (written) => written.split(/[.,]/)[1]?.match(/^\d*/)?.[0].length ?? 0;

/** @param {AskedQuestion} question @param {string} typed @returns {Reply} */
const replyToNumber = ({ answer, mistakes }, typed) => {
  const digits = decimals(answer);
  let values = numbersIn(typed);
  // A comma before three digits may be a decimal point, but not where a whole number is asked for.
  if (!digits && THOUSANDS.test(typed.trim())) values = values.slice(0, 1);
  if (!values.length) return { verdict: "odd", says: "Type a number in digits, such as 0.25." };
  const reach = digits ? 1.01 * 10 ** -digits : 1e-9;
  /** @param {number} target @param {number} [within] */
  const near = (target, within = reach) => values.some((x) => Math.abs(x - target) <= within);
  const right = Number(answer);
  if (near(right)) return { verdict: "right", says: "" };
  const known = mistakes.find(([written]) => near(Number(written)));
  if (known) return { verdict: "known", says: known[1] };
  /** @param {string} says @returns {Reply} */
  const nearly = (says) => ({ verdict: "nearly", says });
  if (near(-right)) return nearly("The sign is wrong.");
  const given = decimals(typed.trim());
  const places = `${digits} decimal ${digits === 1 ? "place" : "places"}`;
  // Of 0.8 rounded to 1, or of 2.30 rounded to 2, nothing is right so far.
  const tells = given ? values[0] !== 0 : digits === 1 && Math.abs(right) >= 1;
  const isShort = given < digits && tells;
  if (isShort && near(right, 0.5 * 10 ** -given)) {
    return nearly(`Right so far. Give it to ${places}.`);
  }
  const rounded = mistakes.find(([written]) =>
    isShort && near(Number(written), 0.5 * 10 ** -given)
  );
  if (rounded) return { verdict: "known", says: rounded[1] };
  if (!digits && right >= 50 && near(right, 0.5)) {
    return nearly("Right, but round it to a whole number.");
  }
  if (!digits && near(right, 1) && values.some(Number.isInteger)) {
    return nearly("You are off by one.");
  }
  if (right) {
    // A product misses by what its factor makes of the last digit. Between small counts a factor
    // is a coincidence.
    const factors = digits || Math.abs(right) >= 10 ? [2, 3, 4, 10, 100, 1000] : [];
    for (const factor of factors) {
      if (near(right * factor, reach * factor)) {
        return nearly(`You are off by a factor of ${factor}.`);
      }
      // 0 is near a small quotient, and no factor leads to it.
      const share = right / factor;
      if (near(share, Math.min(reach, Math.abs(share) / 10))) {
        return nearly(`You are off by a factor of 1/${factor}.`);
      }
    }
    if (digits && near(right / Math.LN2, 2 * reach)) {
      return nearly("That is in bits, not in nats.");
    }
    if (digits && near(right * Math.LN2)) return nearly("That is in nats, not in bits.");
    if (digits && near(1 / right)) return nearly("You have one over the answer.");
    if (near(right, Math.abs(right) / 50) && digits) {
      return nearly(`You are within 2 %. Give it to ${places}, and round at the end only.`);
    }
  }
  const whole = digits || values.some(Number.isInteger);
  return { verdict: "wrong", says: whole ? AGAIN : "The answer is a whole number." };
};

/**
 * A shape as a reader types it: 3, 21, 16 or (3, 21, 16) or torch.Size([3, 21, 16]).
 * @param {string} text @returns {{shape: number[], hint: string}}
 */
const typedShape = (text) => {
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

/** @param {AskedQuestion} question @param {string} typed @returns {Reply} */
const replyToShape = ({ answer, mistakes }, typed) => {
  // "()" is the shape of a single number.
  const bare = /^\s*(torch\.Size)?[([]{1,2}\s*[)\]]{1,2}\s*$/.test(typed);
  const { shape, hint } = bare ? { shape: [], hint: "" } : typedShape(typed);
  if (hint) return { verdict: "odd", says: hint };
  const given = shape.join(", ");
  if (given === answer) return { verdict: "right", says: "" };
  const known = mistakes.find(([written]) => written === given);
  if (known) return { verdict: "known", says: known[1] };
  const right = answer ? answer.split(", ").map(Number) : [];
  /** @param {number[]} sizes */
  const sorted = (sizes) => [...sizes].sort((a, b) => a - b).join();
  /** @param {number[]} sizes */
  const product = (sizes) => sizes.reduce((a, b) => a * b, 1);
  if (sorted(shape) === sorted(right)) {
    return { verdict: "nearly", says: "The sizes are right. The order of the axes is not." };
  }
  if (sorted(shape.filter((n) => n > 1)) === sorted(right.filter((n) => n > 1))) {
    return { verdict: "nearly", says: "Count the axes of size 1 again." };
  }
  if (shape.length !== right.length) {
    const axes = right.length === 1 ? "1 axis" : `${right.length} axes`;
    return { verdict: "wrong", says: `The answer has ${axes}, yours has ${shape.length}.` };
  }
  if (product(shape) === product(right)) {
    return { verdict: "nearly", says: "The number of entries is right. Their axes are not." };
  }
  const fits = shape.filter((n, k) => n === right[k]).length;
  if (fits) return { verdict: "wrong", says: `Right in ${fits} of ${right.length} axes.` };
  return { verdict: "wrong", says: AGAIN };
};

/** @param {AskedQuestion} question @param {string} typed @returns {Reply} */
const replyToText = ({ answer, mistakes }, typed) => {
  /** @param {string} text */
  const bare = (text) => text.replace(/␣/g, " ").replace(/^(["'\x60])(.*)\1$/s, "$2");
  /** @param {string} text */
  const curly = (text) => bare(text.trim().replace(/[“”„]/g, '"').replace(/[‘’]/g, "'"));
  const readings = [typed, bare(typed), curly(typed)];
  /** @param {string} target */
  const is = (target) => readings.includes(target);
  if (is(answer)) return { verdict: "right", says: "" };
  const known = mistakes.find(([written]) => is(written));
  if (known) return { verdict: "known", says: known[1] };
  const last = readings[2];
  const tight = (/** @type {string} */ text) => text.replace(/\s/g, "");
  if (last.toLowerCase() === answer.toLowerCase()) {
    return { verdict: "nearly", says: "Capital letters count." };
  }
  if (tight(last) === tight(answer)) {
    return { verdict: "nearly", says: "The letters are right. Count the spaces, too." };
  }
  if ([...last].sort().join() === [...answer].sort().join()) {
    return { verdict: "nearly", says: "The letters are right. Their order is not." };
  }
  if (!/\d/.test(answer) && /^[\d\s,;[\]()]+$/.test(last)) {
    return { verdict: "wrong", says: "Type characters, no numbers." };
  }
  if (!/[,;]/.test(answer) && tight(last.replace(/[,;]/g, "")) === tight(answer)) {
    return { verdict: "nearly", says: "The letters are right. Leave out the commas." };
  }
  const [n, m] = [[...answer].length, [...last].length];
  if (m < n && answer.startsWith(last)) {
    return { verdict: "nearly", says: `Right so far. The answer has ${n} characters.` };
  }
  if (m > n && last.includes(answer)) {
    return { verdict: "nearly", says: `The answer is a part of yours. Type ${n} characters.` };
  }
  if (n !== m) {
    return { verdict: "wrong", says: `The answer has ${n} characters, yours has ${m}.` };
  }
  return { verdict: "wrong", says: AGAIN };
};

/** @param {AskedQuestion} question @param {string} typed @returns {Reply} */
const replyToChoice = ({ answer, mistakes }, typed) => {
  if (typed === answer) return { verdict: "right", says: "" };
  const known = mistakes.find(([written]) => written === typed);
  return known ? { verdict: "known", says: known[1] } : { verdict: "wrong", says: AGAIN };
};

const REPLIES = {
  number: replyToNumber,
  shape: replyToShape,
  text: replyToText,
  choice: replyToChoice,
};

/** What to reply to an answer. @param {AskedQuestion} question @param {string} typed @returns {Reply} */
export const replyTo = (question, typed) => {
  if (!typed.trim()) {
    const says = question.kind === "choice" ? "Pick one." : "Type an answer first.";
    return { verdict: "odd", says };
  }
  if (typed.length > LONGEST) {
    return { verdict: "odd", says: `An answer has at most ${LONGEST} characters.` };
  }
  const { verdict, says } = REPLIES[question.kind](question, typed);
  return { verdict, says: verdict === "right" ? `Right. ${question.why}`.trim() : says };
};
