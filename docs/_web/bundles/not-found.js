// A host shows the page "not found" at the address that was asked for: name it, and look for its words.
const path = decodeURI(location.pathname);
const last = path.split("/").filter(Boolean).pop() ?? "";
if (last !== "404.html") {
  const asked = /** @type {HTMLElement} */ (document.getElementById("asked"));
  asked.textContent = path;
  const words = /** @type {HTMLInputElement} */ (document.getElementById("words"));
  words.value = last.replace(/\.\w+$/, "").split(/[^\p{L}\p{N}]+/u).join(" ").trim();
}
