// Loads what a page needs later. A page that lies in a folder may load a script, but may not fetch
// a file. So data come as scripts, too, which hand them over.

const { src } = /** @type {HTMLScriptElement} */ (document.currentScript);

/** The address of a file of the site. @param {string} path */
export const addressOf = (path) => new URL(`../../${path}`, src).href;

/** @type {Map<string, Promise<any>>} */
const loaded = new Map();

/**
 * Load a script or a style sheet, once unless it fails, and return what a script hands over.
 * @param {string} file within _static
 * @returns {Promise<any>}
 */
export const load = (file) => {
  const before = loaded.get(file);
  if (before) return before;
  const address = addressOf(`_static/${file}`);
  const element = file.endsWith(".css")
    ? Object.assign(document.createElement("link"), { rel: "stylesheet", href: address })
    : Object.assign(document.createElement("script"), { src: address });
  const promise = new Promise((resolve, reject) => {
    /** @type {unknown} */
    let data;
    const take = (/** @type {Event} */ event) => {
      data = /** @type {CustomEvent} */ (event).detail;
    };
    addEventListener(file, take, { once: true });
    element.onload = () => resolve(data);
    element.onerror = () => {
      loaded.delete(file);
      const name = file.split("/").at(-1);
      reject(new Error(`The file ${name} could not be loaded. Load this page again.`));
    };
  });
  loaded.set(file, promise);
  document.head.append(element);
  return promise;
};

/**
 * Hand data to the script that loads this one. Scripts that docs/_ext/delivery/bundles.py writes do
 * the same.
 * @param {string} file of this script, as `load` calls it
 * @param {unknown} detail
 */
export const handOver = (file, detail) => dispatchEvent(new CustomEvent(file, { detail }));
