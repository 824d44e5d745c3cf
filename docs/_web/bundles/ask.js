// The field for error messages and questions, on Fix it, on Questions and on the home page.
import { makeField } from "../search/ask-field.js";

makeField(/** @type {HTMLFormElement} */ (document.querySelector("form.ask")));
