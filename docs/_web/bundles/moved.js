// An address that has moved leads on to the new one. Each page with such addresses has plain links
// to the new ones, too. A link names the part that has moved, or nothing for the whole page.
const leadOn = () => {
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = document.querySelectorAll("a[data-moved]");
  const part = decodeURIComponent(location.hash.slice(1));
  const link = [...links].find((link) => link.dataset.moved === part);
  const page = [...links].find((link) => link.dataset.moved === "");
  if (link) location.replace(link.href);
  else if (page) location.replace(page.href + (page.hash ? "" : location.hash));
};
addEventListener("hashchange", leadOn);
leadOn();
