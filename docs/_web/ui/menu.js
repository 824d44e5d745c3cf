// The menu at the left shows the entry of this page, however far down it is.
const menu = document.querySelector(".sidebar-scroll");
const entry = menu?.querySelector(".current-page > a");
if (menu && entry) {
  const { top, bottom } = entry.getBoundingClientRect();
  const shown = menu.getBoundingClientRect();
  if (top < shown.top || bottom > shown.bottom) {
    menu.scrollTop += (top + bottom - shown.top - shown.bottom) / 2;
  }
}
