// "Predict the shape": questions about a recurrent layer, in the form of the exercises' questions.
// Each has its right answer and the mistakes that lead to other answers, all computed from the
// layer's options.
import { letters } from "./formats.js";
import { layerShapes } from "./layer-shapes.js";

/** @import { AskedQuestion } from "./typed-answers.js" */
/** @import { LayerOptions } from "./layer-shapes.js" */

/**
 * @typedef {object} ShapeQuestion
 * @property {string} id for the memory of what is solved: the same whatever the sizes
 * @property {Required<LayerOptions>} options
 * @property {string} name of a parameter or tensor
 * @property {number[]} shape the right answer
 * @property {string} formula
 * @property {string} why
 * @property {string[]} axes each in words
 * @property {AskedQuestion} asked
 */

const GATES = { RNN: ["h"], GRU: ["r", "z", "n"], LSTM: ["i", "f", "g", "o"] };

/** The same for all layers that differ only in sizes. @param {Required<LayerOptions>} options */
export const kindOf = (
  { mode, num_layers, bias, batch_first, bidirectional, proj_size, batch_size },
) =>
  [mode, num_layers, bias, batch_first, bidirectional, proj_size > 0, batch_size === null].join();

/** A source of random choices. @param {number} seed a whole number */
const chooser = (seed) => {
  // Mixes the bits of a counter, so that neighboring seeds choose very differently.
  let state = seed >>> 0;
  /** @template T @param {T[]} choices */
  return (choices) => {
    state += 0x9e3779b9;
    let bits = Math.imul(state ^ (state >>> 16), 0x45d9f3b);
    bits = Math.imul(bits ^ (bits >>> 15), 0x45d9f3b) >>> 0;
    return choices[Math.floor((bits / 2 ** 32) * choices.length)];
  };
};

/**
 * A layer of the same kind. The page shows all shapes of the reader's own layer, so this one has
 * other sizes. They all differ, whatever the number of layers, and so do their products.
 * @param {Required<LayerOptions>} options @param {ReturnType<typeof chooser>} choose
 */
const withSizes = (options, choose) => ({
  ...options,
  input_size: choose([11, 13, 15]),
  hidden_size: choose([30, 40, 50]),
  proj_size: options.proj_size ? choose([17, 19]) : 0,
  batch_size: options.batch_size === null ? null : choose([9, 18, 22]),
  length: choose([21, 23, 25]),
});

/** @param {Required<LayerOptions>} options */
const items = (options) => {
  const { parameters, tensors } = layerShapes(options);
  return [...tensors, ...parameters.map((parameter) => ({ ...parameter, why: "" }))];
};

/**
 * What each axis of a formula is, and its size.
 * @param {Required<LayerOptions>} options @returns {Record<string, [string, number | null]>}
 */
const meanings = (options) => {
  const { mode, input_size, hidden_size: H, proj_size: P, num_layers: L } = options;
  const D = options.bidirectional ? 2 : 1;
  const gates = GATES[mode];
  const g = gates.length;
  const both = "forward and backward side by side";
  return {
    T: ["the steps", options.length],
    B: ["the batch", options.batch_size],
    I: ["the features of a step, `input_size`", input_size],
    H: ["the hidden units", H],
    P: ["`proj_size`, to which each state is shrunk", P],
    "D*L": [`directions times layers, ${D} × ${L}`, D * L],
    "D*H": [`${both}, 2 × ${H}`, 2 * H],
    "D*P": [`${both}, 2 × ${P}`, 2 * P],
    [`${g}H`]: [`the blocks ${gates.join(", ")} one below the other, ${g} × ${H}`, g * H],
  };
};

/** @typedef {[shape: number[] | undefined | false | 0 | null, says: string]} Mistake */

/**
 * Mistakes with a parameter. Some lead nowhere in this layer, or to the right answer.
 * @param {Required<LayerOptions>} options @param {string} name @param {number[]} shape
 * @param {(changes: Partial<LayerOptions>) => number[] | undefined} inLayer @returns {Mistake[]}
 */
const mistakesWithParameter = (options, name, shape, inLayer) => {
  const { mode, input_size: I, hidden_size: H, proj_size: P, bidirectional } = options;
  const [rows, columns] = shape;
  const gates = GATES[mode];
  const g = gates.length;
  const isLowest = name.includes("_l0");
  const blocks = {
    RNN: "An RNN has one block of `hidden_size` rows.",
    GRU: "A GRU has 3 blocks of rows, for r, z and n.",
    LSTM: "An LSTM has 4 blocks of rows, for i, f, g and o.",
  };
  const forgotten = `You have one block of rows. ${blocks[mode]}`;
  /** @type {Mistake[]} */
  const all = [
    [g > 1 && inLayer({ mode: "RNN" }), forgotten],
    [inLayer({ mode: "LSTM" }), `These are the rows of an LSTM. ${blocks[mode]}`],
    [inLayer({ mode: "GRU" }), `These are the rows of a GRU. ${blocks[mode]}`],
    [
      columns > 0 && [columns, rows],
      "You swapped rows and columns. Rows say where the weights lead, columns where they come " +
      "from.",
    ],
    [bidirectional && [2 * rows, ...shape.slice(1)], "Each direction has parameters of its own."],
  ];
  /** @type {Record<string, Mistake[]>} */
  const more = {
    weight_ih: isLowest
      ? [
        [[rows, H], `\`${name}\` reads the input. Its columns are \`input_size\`.`],
        [[rows, I + H], "The state has a matrix of its own. This one reads the input only."],
      ]
      : [
        [
          inLayer({ bidirectional: false }),
          "The layer below gives the states of both directions, so D is 2.",
        ],
        [
          inLayer({ proj_size: 0 }),
          "`proj_size` shrinks the states of the layer below, so you need P in place of H.",
        ],
        [[rows, I], "Only layer 0 reads the input. This layer reads the states of the one below."],
      ],
    weight_hh: [
      [inLayer({ proj_size: 0 }), "`proj_size` shrinks the state, so you need P in place of H."],
      [
        bidirectional && [rows, 2 * columns],
        "It reads the state before, and that of its own direction only. So D is not in it.",
      ],
      [[rows, I], `\`${name}\` reads the state before, not the input.`],
    ],
    weight_hr: [
      [[P, g * H], "It shrinks the state, which has H numbers. The gates are no part of it."],
      [[H, H], "It leads from H numbers to P numbers."],
    ],
  };
  const long = options.batch_size ?? options.length;
  return [
    ...all,
    ...(more[name.replace(/_l\d.*/, "")] ?? [
      [[rows, I], "That is a matrix. A bias has one number for each row, and one axis."],
      [[rows, 1], "A bias has one axis, without a second one of size 1."],
    ]),
    [[long, ...shape], "No parameter has a batch or a time axis."],
  ];
};

/**
 * The same with an input or output.
 * @param {Required<LayerOptions>} options @param {string} name @param {number[]} shape
 * @param {(changes: Partial<LayerOptions>, other?: string) => number[] | undefined} inLayer
 * @returns {Mistake[]}
 */
const mistakesWithTensor = (options, name, shape, inLayer) => {
  const { input_size: I, proj_size: P, num_layers: L, batch_size: B, batch_first } = options;
  const { hidden_size: H, bidirectional } = options;
  const g = GATES[options.mode].length;
  /** The shape with another last axis. @param {number} size */
  const ending = (size) => [...shape.slice(0, -1), size];
  const size = shape[shape.length - 1];
  /** @type {Mistake[]} */
  const batch = [
    B === null
      ? [inLayer({ batch_size: 1 }), "Without a batch there is no batch axis, not even of size 1."]
      : [inLayer({ batch_size: null }), "You left out the batch axis."],
  ];
  const shrunk = "`proj_size` shrinks each state h, so you need P in place of H.";
  const gates = "Gates are blocks of rows in the parameters. A state has no gates.";
  const steps = batch_first
    ? "With `batch_first=True` the batch comes first, and then the steps."
    : "`batch_first` is False, so the steps come first, and then the batch.";
  if (name === "input") {
    return [
      [inLayer({ batch_first: !batch_first }), steps],
      ...batch,
      [ending(H), "The features of a step are `input_size`, not `hidden_size`."],
      [[...shape.slice(0, -2), size], "You left out an axis: steps and batch have one each."],
      [shape.slice(0, -1), "You left out the features of a step, the last axis."],
    ];
  }
  if (name === "output") {
    return [
      [inLayer({ batch_first: !batch_first }), steps],
      [
        inLayer({ bidirectional: !bidirectional }),
        bidirectional
          ? "You forgot D. Both directions stand side by side in the last axis."
          : "`output` holds the states of the top layer only, in one direction.",
      ],
      [inLayer({ proj_size: 0 }), shrunk],
      ...batch,
      [inLayer({}, "h_n"), "That is the shape of `h_n`. `output` has a state for each step."],
      [ending(I), "`output` holds states, and the last axis of a state is not `input_size`."],
      [ending(L * size), "`output` holds the states of the top layer only."],
      [g > 1 && ending(g * H), gates],
    ];
  }
  return [
    [
      batch_first && B !== null && [shape[1], shape[0], size],
      `\`batch_first\` never moves the batch axis of \`${name}\`.`,
    ],
    [
      bidirectional && L === 2 && inLayer({ num_layers: 1 }),
      "The first axis is D times L, 2 × 2. You have one of them only.",
    ],
    [
      inLayer({ bidirectional: !bidirectional }),
      bidirectional
        ? "You forgot D. Each layer has a state for each of two directions."
        : "The layer reads in one direction, so D is 1.",
    ],
    [inLayer({ num_layers: 1 }), "You forgot L. Each layer has a state of its own."],
    name[0] === "h"
      ? [inLayer({ proj_size: 0 }), shrunk]
      : [P && ending(P), "`proj_size` shrinks h. The cell c keeps its H numbers."],
    [
      bidirectional && [L, ...shape.slice(1, -1), 2 * size],
      "In `output` both directions stand side by side. Here D belongs to the first axis.",
    ],
    ...batch,
    [shape.slice(1), "The first axis is for layers and directions, even if its size is 1."],
    [
      inLayer({}, "output"),
      `That is the shape of \`output\`. \`${name}\` has no axis for the steps.`,
    ],
    [ending(I), "The last axis of a state is not `input_size`."],
    [g > 1 && ending(g * H), gates],
  ];
};

/**
 * The mistakes that lead to another answer than the right one, and than those before them.
 * @param {Required<LayerOptions>} options @param {string} name @param {number[]} shape
 */
const mistakesOf = (options, name, shape) => {
  /** The shape of this, or of another one, if the layer had other options.
   * @param {Partial<LayerOptions>} changes */
  const inLayer = (changes, other = name) =>
    items({ ...options, ...changes }).find((item) => item.name === other)?.shape;
  const foresee = /^[wb]/.test(name) ? mistakesWithParameter : mistakesWithTensor;
  const right = shape.join(", ");
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const [wrong, says] of foresee(options, name, shape, inLayer)) {
    const written = wrong ? wrong.join(", ") : right;
    if (written !== right && !found.has(written)) found.set(written, says);
  }
  return [...found];
};

/**
 * Questions about a layer of this kind, one for each shape, in any order; the same seed gives the
 * same sizes and order.
 * @param {Required<LayerOptions>} options @param {number} seed a whole number
 * @returns {ShapeQuestion[]}
 */
export const shapeQuestions = (options, seed) => {
  const choose = chooser(seed);
  const sized = withSizes(options, choose);
  const { batch_size: B, length, input_size, num_layers, bidirectional } = sized;
  const read = B === null ? "one text, without a batch axis," : `a batch of ${B} texts`;
  const about = `\`nn.${layerShapes(sized).call}\` reads ${read} of ${length} steps with ` +
    `${input_size} features each.`;
  const depth = (bidirectional ? "D" : "") + (num_layers > 1 ? "L" : "");
  const meaning = meanings(sized);
  /** @type {Map<string, ShapeQuestion>} Of layers with the same shapes one is asked about. */
  const found = new Map();
  const left = items(sized);
  while (left.length) {
    const item = choose(left);
    left.splice(left.indexOf(item), 1);
    const { name, shape, formula } = item;
    const axes = letters(formula);
    const parts = [name.replace(/_l\d.*/, ""), ...axes];
    const id = `shape-quiz#${parts.join(".").replace("D*L", depth).replace("*", "")}`;
    const why = `In letters it is \`${formula}\`${item.why && `: ${item.why}`}.`;
    found.set(id, {
      id,
      options: sized,
      name,
      shape,
      formula,
      why,
      axes: axes.map((letter, k) => {
        const [what, size] = meaning[letter];
        return `Axis ${k} is ${letter}, ${what}${what.includes("×") ? " =" : ":"} ${size}`;
      }),
      asked: {
        kind: "shape",
        label: `${about} What is the shape of \`${name}\`?`,
        answer: shape.join(", "),
        why,
        mistakes: mistakesOf(sized, name, shape),
      },
    });
  }
  return [...found.values()];
};
