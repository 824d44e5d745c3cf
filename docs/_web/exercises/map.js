// The map of the course: how much of each chapter is solved, and the chapter to go on with.
import { addressOf } from "../ui/load.js";
import { storedEntry } from "../ui/storage.js";
import { onSolved } from "./solved.js";

/** @import { Listed } from "./progress.js" */

/** The chapter that was opened last. */
const place = storedEntry(
  "charseq-place",
  (page) => /^[\w-]+\/[\w-]+$/.test(page) ? page : undefined,
);

/** @param {Listed[]} listed by docs/_ext/content/exercises.py */
export const showMap = (listed) => {
  const here = location.href.split(/[?#]/)[0];
  const opened = listed.find(([page]) => addressOf(`${page}.html`) === here);
  if (opened) place.write(opened[0]);

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
  const last = linkTo(place.read() ?? "");
  const go = /** @type {HTMLAnchorElement | null} */ (document.querySelector(".map-start a"));
  const number = last?.querySelector("b")?.textContent;
  if (!last || !go || !number) return;
  last.classList.add("last");
  go.href = last.href;
  go.textContent = `Go on with chapter ${number}: ${last.dataset.title}`;
};
