// An entry in the storage of this browser, so that it survives a reload. Whatever stands there,
// only what a check lets through comes back. A browser that lets a page keep nothing is no error.
//
//   entry.read()            what the check returns; undefined if it throws, or storage is denied
//   entry.write(value)      in place of what is there; null removes it
//   entry.listen(changed)   after each change in another tab

/** @template T @param {string} key @param {(parsed: any) => T} check */
export const storedEntry = (key, check) => {
  const LONGEST = 50_000; // characters: more is not ours, and is not parsed

  /** Storage may be full, or denied: then even its name throws. @template U @param {() => U} act */
  const attempt = (act) => {
    try {
      return act();
    } catch {
      return undefined;
    }
  };
  const read = () =>
    attempt(() => {
      const text = localStorage.getItem(key) ?? "null";
      return text.length > LONGEST ? undefined : check(JSON.parse(text));
    });
  /** @param {unknown} value */
  const write = (value) =>
    attempt(() =>
      value === null
        ? localStorage.removeItem(key)
        : localStorage.setItem(key, JSON.stringify(value))
    );
  /** @param {() => void} changed */
  const listen = (changed) =>
    addEventListener("storage", (event) => {
      if (event.key === key || event.key === null) changed();
    });

  return { read, write, listen };
};
