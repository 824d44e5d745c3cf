// The field for error messages and questions, on Error messages, on Questions and on the home page.
import { makeField } from "../search/ask-field.js";

makeField(/** @type {HTMLFormElement} */ (document.querySelector("form.ask")));
