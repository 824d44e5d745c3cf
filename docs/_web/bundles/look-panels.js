// What the widget `look` loads once the reader has asked for it.
import { showPanels } from "../look/panels.js";
import { handOver } from "../ui/load.js";

handOver("bundles/look-panels.js", showPanels);
