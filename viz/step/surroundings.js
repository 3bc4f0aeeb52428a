  /* What is around a stepper: dark or light, as the notebook or the site says or else the system; paper, which shows the end state;
     a notebook's own keys; and a slide that goes on where the steps end. */

  const THEMES = { light: ".vscode-light, .vscode-high-contrast-light, [data-jp-theme-light=true], [data-md-color-scheme=default]",
    dark: ".vscode-dark, .vscode-high-contrast, [data-jp-theme-light=false], [data-md-color-scheme=slate]" };

  /* onPaper() : whether it is being printed */
  const followTheme = (stepper, onPaper) => {
    const darkened = matchMedia("(prefers-color-scheme: dark)");
    const theme = () => {
      const body = document.body;
      const dark = !body.matches(THEMES.light) && (body.matches(THEMES.dark) || darkened.matches);
      stepper.dataset.theme = dark && !onPaper() ? "dark" : "light"; // paper is white
    };
    theme();
    darkened.addEventListener("change", theme);
    new MutationObserver(theme).observe(document.body, { attributes: true });
    return theme;
  };

  const cutForPaper = (pane, strips) => {
    pane.querySelectorAll(".strip").forEach((strip) => strip.remove());
    pane.classList.toggle("cut", strips.length > 0);
    pane.append(...strips);
  };

  /* JupyterLab hears keys on the document: plain ones are ours, those with Ctrl, Cmd or Alt (Ctrl+S) stay its own. */
  const keepKeys = (host) => {
    const hear = (event) => {
      if (!host.isConnected) return removeEventListener("keydown", hear, true);
      if (event.composedPath().includes(host))
        host.toggleAttribute("data-lm-suppress-shortcuts", !(event.ctrlKey || event.metaKey || event.altKey));
    };
    addEventListener("keydown", hear, true);
  };

  /* In a slide of reveal.js the arrow that goes past the first or the last step turns the slide. */
  const turnSlide = (way) => window !== parent && parent.postMessage(JSON.stringify({ method: way }), "*");
