// The way to the search, on every page: the keys "/" and Ctrl+K, a button on a narrow screen, and
// the field of the sidebar. The search itself is loaded when it is asked for, and what marks the
// words on a page when a result has led there.
import { el } from "../ui/elements.js";
import { load } from "../ui/load.js";

/** @returns {Promise<typeof import("./search-panel.js")>} */
const loadSearch = async () =>
  (await Promise.all([load("bundles/search.js"), load("bundles/search.css")]))[0];
const openSearch = async (typed = "") => (await loadSearch()).open(typed);

const own = document.getElementById("search-page");
if (own) {
  const query = new URLSearchParams(location.search).get("q") ?? "";
  loadSearch().then(({ fill }) => fill(own, query, true));
}

addEventListener("keydown", (event) => {
  const asked = event.key === "k" && (event.ctrlKey || event.metaKey) && !event.altKey;
  const typing = event.target instanceof HTMLElement &&
    (event.target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName));
  if (!asked && (event.key !== "/" || typing || event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  openSearch();
});

const field = /** @type {HTMLInputElement | null} */ (document.querySelector(".sidebar-search"));
const openFromField = () => {
  const typed = field?.value ?? "";
  if (field) field.value = "";
  openSearch(typed);
};
field?.addEventListener("click", openFromField);
field?.addEventListener("input", openFromField);

const header = document.querySelector(".header-right");
if (header) {
  const onclick = () => openSearch();
  header.prepend(el("button", { class: "open-search", "aria-label": "Search", onclick }));
}
