// The title of a link to the glossary is the entry's sentence. All sentences together are heavier
// than a page needs at first, so they come when the reader points at a term, or tabs to it.
// A page from a folder may load a script, but nothing else.
{
  const loader = /** @type {HTMLScriptElement} */ (document.currentScript);
  const sentences = new URL("glossary.js", loader.src);
  /** @param {Event} event */
  const loadSentences = (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("a.term")) return;
    removeEventListener("pointerover", loadSentences);
    removeEventListener("focusin", loadSentences);
    document.head.append(Object.assign(document.createElement("script"), { src: sentences.href }));
  };
  addEventListener("pointerover", loadSentences);
  addEventListener("focusin", loadSentences);
}
