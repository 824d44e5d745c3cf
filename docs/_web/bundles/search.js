/*! With MiniSearch, copyright 2022 Luca Ongaro, MIT license: github.com/lucaong/minisearch */
// The search itself, which open-search.js loads when a reader asks for it.
import { find } from "../search/find.js";
import { answerIn, GUESSES, inShort } from "../search/find-sections.js";
import { fill, open } from "../search/search-panel.js";
import { handOver } from "../ui/load.js";

handOver("bundles/search.js", { answerIn, fill, find, GUESSES, inShort, open });
