// The way to the search, on every page: the keys "/" and Ctrl+K, a button on a narrow screen, and
// the field of the sidebar. The search itself is loaded when it is asked for, and what marks the
// words on a page when a result has led there.
{
  const loader = /** @type {HTMLScriptElement} */ (document.currentScript);
  /** @param {string} name */
  const place = (name) => new URL(name, loader.src).href;
  /** @param {string} name @returns {Promise<unknown>} */
  const load = (name) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      Object.assign(script, { src: place(name), onload: resolve, onerror: reject });
      document.head.append(script);
    });

  /** @type {Promise<unknown> | undefined} */
  let loaded;
  const loadSearch = () => {
    loaded ??= Promise.all([
      load("find-sections.js").then(() => load("search-panel.js")),
      new Promise((resolve) => {
        const link = document.createElement("link");
        Object.assign(link, { rel: "stylesheet", href: place("search.css"), onload: resolve });
        document.head.append(link);
      }),
    ]);
    return loaded;
  };
  const openSearch = async (typed = "") => {
    await loadSearch();
    charseqSearch.open(typed);
  };

  const own = document.getElementById("search-page");
  if (own) {
    const query = new URLSearchParams(location.search).get("q") ?? "";
    loadSearch().then(() => charseqSearch.fill(own, query, true));
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
    const button = document.createElement("button");
    button.className = "open-search";
    button.ariaLabel = "Search";
    button.addEventListener("click", () => openSearch());
    header.prepend(button);
  }

  if (new URLSearchParams(location.search).has("highlight")) load("mark-words.js");
}
