// What every page loads.
import "../ui/scroll-by-keyboard.js";
import "../ui/menu.js";
import "../ui/copy-later.js";
import "../ui/term-titles.js";
import "../search/open-search.js";
import "../widgets/load-when-near.js";
