// The forms of exercises. The list of all exercises is loaded where it is shown: on the home page
// and the map, and in a chapter once the reader has solved something.
import { showMap, showOne, showProgress } from "../exercises/progress.js";
import { fillForms } from "../exercises/question-form.js";
import { allSolved } from "../exercises/solved.js";
import { load } from "../ui/load.js";

fillForms();
showOne();
const shown = document.querySelector("[data-exercise-memory], .map-place");
if (shown || Object.keys(allSolved()).length) {
  // docs/_ext/content/exercises.py writes it.
  load("bundles/exercise-list.js").then((listed) => {
    showMap(listed);
    showProgress(listed);
  });
}
