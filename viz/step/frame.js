  /* The controls and panels of the page, as HTML; what they say of a graph is put in later. */

  const ICONS = {
    First: "M5 4v12M16 4 7 10l9 6z",
    Back: "M16 10H5M10 4l-6 6 6 6",
    Next: "M4 10h11M10 4l6 6-6 6",
    Last: "M15 4v12M4 4l9 6-9 6z",
    Play: "m6 3 11 7-11 7z",
    Pause: "M6 4v12M14 4v12",
  };
  const KEYS = { First: "Home", Back: "Left arrow", Next: "Right arrow", Last: "End", Play: "P", Pause: "P" };
  const icon = (name) => `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
  const inside = { First: () => icon("First"), Back: () => `${icon("Back")} Back`, Next: () => `Next ${icon("Next")}`,
    Last: () => icon("Last"), Play: () => `${icon("Play")} Play`, Pause: () => `${icon("Pause")} Pause` };
  const button = (name) => `<button type="button" class="${name.toLowerCase()}" aria-label="${name}"
    title="${name} (${KEYS[name]})">${inside[name]()}</button>`;
  const MODES = { backward: walks.length > 1 && walks[1].by === null ? "Scalar by scalar" : "Backward pass",
    neuron: "Neuron by neuron", layer: "Layer by layer", paths: "One path at a time", forward: "Forward mode" };

  const FRAME = `
    <div class="stepper" role="group" tabindex="-1"><div class="frame">
      <div class="work">
        <div class="bar">
          <label><span class="word">Show</span> <select class="mode" aria-label="Show">${Object.entries(MODES)
            .filter(([mode]) => walks.some((walk) => walk.mode === mode))
            .map(([mode, name]) => `<option value="${mode}">${name}</option>`).join("")}</select></label>
          <label class="by" hidden>by <select></select></label>
          <button type="button" class="open" hidden>Open neurons</button>
          <div class="zoom" role="group" aria-label="Size of the picture">
            <button type="button" class="smaller" aria-label="Smaller" title="Smaller (−)">−</button>
            <button type="button" class="larger" aria-label="Larger" title="Larger (+)">+</button>
            <button type="button" class="fit" title="The whole picture (0)">Fit</button>
          </div>
        </div>
        <div class="picture" role="group" tabindex="0" aria-label="Computation graph: choose a value for its whole story;
          up and down arrows go from value to value, Shift and arrows move the picture"></div>
        <div class="saying">
          <div aria-live="polite" aria-atomic="true"><p class="phase"></p><p class="sentence"></p><p class="note"></p></div>
          <form class="question" hidden>
            <label>Your answer <input class="answer" autocomplete="off" autocapitalize="off" spellcheck="false"></label>
            <button type="submit">Check</button>
            <button type="button" class="help">Hint</button>
            <span class="hint">Two digits are enough: 0.25, −1/3, 2×10^-7.</span>
          </form>
          <p class="verdict" role="status"></p>
        </div>
        <div class="controls" role="group" aria-label="Steps">
          <div class="buttons">${["First", "Back", "Next", "Last", "Play"].map(button).join("")}</div>
          <input class="slider" type="range" min="0" value="0" aria-label="Step">
          <span class="count"></span>
          <label>Speed <select class="speed"><option value="0.5">½×</option><option value="1" selected>1×</option>
            <option value="2">2×</option><option value="4">4×</option></select></label>
          <label><input class="predicting" type="checkbox"> Predict</label>
          <span class="score"></span>
        </div>
      </div>
      <div class="side"><div class="inner">
        <div class="story" role="group" aria-label="Story of a value" hidden></div>
        <div class="code" role="group" aria-label="The lines that made the values" tabindex="0" hidden></div>
        <details class="panel scored" hidden open><summary>Your result</summary>
          <p><label>Name <input class="who field" autocomplete="off" spellcheck="false" maxlength="24"></label></p>
          <p class="tally"></p>
          <p>Result code for your teacher: <output class="ticket"></output></p>
        </details>
        <details class="panel moving" open><summary>Move the numbers</summary>
          <p class="standing" hidden></p>
          <p class="example" hidden><label>Example <select></select></label></p>
          <div class="leaves"></div>
          <button type="button" class="restore">As recorded</button>
        </details>
        <details class="panel descending"><summary>Gradient descent</summary>
          <p>θ ← θ − η ∂L/∂θ for every parameter θ</p>
          <p class="row"><label>η <input class="rate field" value="0.1" inputmode="decimal" autocomplete="off"></label>
            <button type="button" class="once">1 step</button>
            <button type="button" class="often">100 steps</button>
            <button type="button" class="again">Reset</button></p>
          <svg class="curve" viewBox="0 0 300 100" role="img" hidden></svg>
          <p class="descended" role="status"></p>
        </details>
        <details class="panel checking"><summary>Numerical check</summary>
          <p class="row"><label>by <select></select></label>
            <label>ε <input class="epsilon" type="range" min="-12" max="-1" step="0.5" value="-5"></label>
            <span class="epsilon-text"></span></p>
          <p class="checked" aria-live="polite"></p>
        </details>
        <div class="known" role="group" aria-label="Known so far" tabindex="0">
          <table><caption>Known so far</caption><thead><tr><th scope="col">name</th>
            <th scope="col">value</th><th scope="col" class="head"></th></tr></thead><tbody></tbody></table>
        </div>
        <div class="legend"></div>
      </div></div>
    </div></div>`;
