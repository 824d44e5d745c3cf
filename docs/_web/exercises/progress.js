// How far the reader has come: beside each chapter in a list, beside each exercise, and three old
// exercises at the start of a chapter.
import { el } from "../ui/elements.js";
import { addressOf } from "../ui/load.js";
import { allSolved, forgetSolved, onSolved } from "./solved.js";

/** @import { AllKept } from "./solved.js" */
/** @typedef {[place: string, title: string, questions: number]} ListedExercise */
/** @typedef {[page: string, title: string, exercises: ListedExercise[]]} ListedChapter */
/**
 * @typedef {[page: string, title: string, exercises: [name: string, questions: number][]]} Listed
 */

/** The chapters, in their order. @type {ListedChapter[]} */
let chapters = [];
/** The address of a page of the site. @param {string} page */
const address = (page) => addressOf(`${page}.html`);
const here = location.href.split("#")[0];
const OFFERED = 3;

/** The questions of an exercise. @param {string} page @param {ListedExercise} exercise */
const ids = (page, [place, , questions]) =>
  Array.from({ length: questions }, (_, k) => `${page}#${place}${k ? `.${k + 1}` : ""}`);
/** @param {AllKept} kept @param {string} page @param {ListedExercise} exercise */
const isSolved = (kept, page, exercise) =>
  exercise[2] > 0 && ids(page, exercise).every((id) => kept[id]?.solved);

/**
 * Write how many are solved behind each link to a chapter, or to an exercise.
 * @param {AllKept} kept
 */
const markLinks = (kept) => {
  if (!document.querySelector("[data-exercise-memory]")) return;
  for (const mark of document.querySelectorAll(".exercise-mark")) mark.remove();
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = document.querySelectorAll("article :is(li, .exercise-card > .admonition) a[href]");
  for (const [page, , exercises] of chapters) {
    const asked = exercises.filter((exercise) => exercise[2]);
    const solved = asked.filter((exercise) => isSolved(kept, page, exercise));
    for (const link of links) {
      const [target, place] = link.href.split("#");
      if (target !== address(page)) continue;
      const isOne = solved.some((exercise) => exercise[0] === place);
      let mark = isOne ? " ✓ solved" : "";
      if (!place && solved.length) mark = ` ${solved.length} of ${asked.length} solved`;
      if (mark) link.after(el("span", { class: "exercise-mark" }, mark));
    }
  }
  for (const place of document.querySelectorAll("[data-exercise-memory]")) {
    const isEmpty = !Object.keys(kept).length;
    const button = el("button", { type: "button", onclick: forgetSolved }, "Clear my progress");
    place.replaceChildren(
      isEmpty
        ? "This browser remembers which exercises you solve. Nothing is sent anywhere."
        : "Only this browser knows which exercises you have solved. ",
      isEmpty ? "" : button,
    );
  }
};

/**
 * Exercises of earlier chapters that the reader has tried: first those never solved, then those
 * that took most tries, then those that lie furthest back.
 */
const oldOnes = () => {
  const kept = allSolved();
  const now = chapters.findIndex(([page]) => address(page) === here);
  const found = [];
  for (const [page, title, exercises] of chapters.slice(0, Math.max(now, 0))) {
    for (const exercise of exercises) {
      const tried = ids(page, exercise).flatMap((id) => kept[id] ?? []);
      if (!tried.length) continue;
      const open = Number(!isSolved(kept, page, exercise));
      const misses = tried.reduce((sum, { misses }) => sum + misses, 0);
      const last = Math.max(...tried.map(({ last }) => last));
      found.push({ page, title, exercise, open, misses, last });
    }
  }
  found.sort((a, b) => b.open - a.open || b.misses - a.misses || a.last - b.last);
  return found.slice(0, OFFERED);
};

/** Show one exercise of the chapter at a time, below a row with the kind of each. */
export const showOne = () => {
  const cards = [...document.querySelectorAll("#exercises > .exercise-card")];
  if (cards.length < 2) return;
  /** @param {number} shown */
  const show = (shown) => {
    cards.forEach((card, k) => card.classList.toggle("is-later", k !== shown));
    buttons.forEach((button, k) => button.setAttribute("aria-pressed", `${k === shown}`));
  };
  const buttons = cards.map((card, k) => {
    const [, kind] = card.querySelector(".admonition-title")?.textContent.match(/\((.+?)\)/) ?? [];
    const onclick = () => {
      const section = /** @type {HTMLElement} */ (card.parentElement);
      section.style.minHeight = `${section.offsetHeight}px`; // so that the row stays where it is
      show(k);
    };
    return el("button", { type: "button", onclick }, `${k + 1} ${kind ?? ""}`);
  });
  cards[0].before(el("div", { class: "exercise-row on-screen" }, ...buttons));
  const showTarget = () => {
    const target = location.hash && document.getElementById(decodeURI(location.hash.slice(1)));
    const found = target ? cards.findIndex((card) => card.contains(target)) : -1;
    if (found >= 0) show(found);
    return found >= 0 && target;
  };
  show(0);
  const target = showTarget();
  if (target) target.scrollIntoView();
  addEventListener("hashchange", showTarget);
  onSolved((kept) => {
    cards.forEach((card, k) => {
      /** @type {NodeListOf<HTMLElement>} */
      const asked = card.querySelectorAll(".question");
      const questions = [...asked];
      const solved = questions.every(({ dataset }) => kept[dataset.id ?? ""]?.solved);
      buttons[k].classList.toggle("is-solved", questions.length > 0 && solved);
    });
  });
};

const offer = () => {
  const old = oldOnes();
  if (!old.length) return;
  const links = old.map(({ page, title, exercise: [place, name] }) =>
    el("li", {}, el("a", { href: `${address(page)}#${place}` }, name), ` in “${title}”`)
  );
  const box = el(
    "details",
    { class: "exercise-again" },
    el("summary", {}, "Before you start: try these earlier exercises again"),
    el("ul", {}, ...links),
  );
  document.querySelector("article h1")?.after(box);
};

/** @param {Listed[]} listed by docs/_ext/content/exercises.py */
export const showProgress = (listed) => {
  chapters = listed.map(([page, title, exercises]) => [
    page,
    title,
    exercises.map(([name, count], k) => [`exercise-${k + 1}`, `Exercise ${k + 1}: ${name}`, count]),
  ]);
  onSolved(markLinks);
  offer();
};

/**
 * How much of each chapter is solved, on the map of the course.
 * @param {Listed[]} listed by docs/_ext/content/exercises.py
 */
export const showMap = (listed) => {
  /** @param {string} page @returns {HTMLAnchorElement | null} */
  const linkTo = (page) => document.querySelector(`.map-place[data-page="${page}"]`);
  onSolved((kept) => {
    for (const [page, , exercises] of listed) {
      const link = linkTo(page);
      const ids = exercises.flatMap(([, count], k) =>
        Array.from(
          { length: count },
          (_, at) => `${page}#exercise-${k + 1}${at ? `.${at + 1}` : ""}`,
        )
      );
      const solved = ids.filter((id) => kept[id]?.solved).length;
      link?.style.setProperty("--solved", String(ids.length ? solved / ids.length : 0));
      link?.classList.toggle("solved", ids.length > 0 && solved === ids.length);
    }
  });
};
