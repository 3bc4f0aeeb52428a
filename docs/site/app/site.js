/* Every page: the service worker, mathematics set by KaTeX, and what the theme leaves out for keyboards and readers. */

import { registerOffline } from "./offline.js";

const MATHEMATICS = [{ left: "\\(", right: "\\)", display: false }, { left: "\\[", right: "\\]", display: true }];

addEventListener("load", () => {
  if (location.protocol.startsWith("http")) registerOffline();
  document.querySelectorAll(".arithmatex").forEach((place) => globalThis.renderMathInElement?.(place, { delimiters: MATHEMATICS }));
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  // What scrolls sideways can be scrolled with the keyboard.
  document.querySelectorAll(".md-typeset__scrollwrap, .said, .shown, .highlight code").forEach((place) => {
    if (place.scrollWidth > place.clientWidth || place.scrollHeight > place.clientHeight) place.tabIndex = 0;
  });
});
