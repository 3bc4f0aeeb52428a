/* Every page: the service worker, and mathematics set by KaTeX. */

import { registerOffline } from "./offline.js";

addEventListener("load", () => {
  if (location.protocol.startsWith("http")) registerOffline();
  document.querySelectorAll(".arithmatex").forEach((place) =>
    globalThis.renderMathInElement?.(place, {
      delimiters: [{ left: "\\(", right: "\\)", display: false }, { left: "\\[", right: "\\]", display: true }],
    }));
});
