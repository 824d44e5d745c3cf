"use strict";

/* The last of the scripts: what the page holds is known, so make the forms and show the progress. */

charseqQuestions.fill();
charseqProgress.show();
