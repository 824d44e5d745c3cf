// The map of the course: how much of each chapter is solved.
import { onSolved } from "./solved.js";

/** @import { Listed } from "./progress.js" */

/** @param {Listed[]} listed by docs/_ext/content/exercises.py */
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
