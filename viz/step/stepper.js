/* The step-through page at work: it shows the walks that Python wrote, one step at a time, with the numbers as they are,
   or as a person moves them. Every name comes as HTML in which it is escaped; every number is put into the sentences
   here. All of it lives in a shadow root, so that the styles of the page around it and of other steppers stay out of
   each other's way. Here the controls; what is taken in stands in files of its own. */
(() => {
  "use strict";
  const lesson = __DATA__;
  const rows = __ROWS__;
  // What is said is text with a placeholder for each name; here it becomes HTML, and the names come in last.
  const FRACTION = /([∂d]\(?[\u{f0000}-\u{10fffd}]\)?)\/([∂d]\(?[\u{f0000}-\u{10fffd}]\)?[①-⑳]?)/gu;
  const SIGN = "(?:[=≈]|\ue002[^\ue003]*\ue003)";
  const SIGNED = new RegExp(` (\ue002[^\ue003]*\ue003) `, "g");
  const UNBROKEN = new RegExp(`(<span class="d">(?:(?!<span class="d">).)*?</span></span>)(\u00a0${SIGN}\u00a0[^\\s,<]+)`, "gu");
  const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  const name = (c) => lesson.names[c.codePointAt(0) - 0xf0000].replace(/[\ue000-\ue003]/g, "\ufffd");
  const html = (said) =>
    said.replace(/[&<>"]/g, (c) => ESCAPES[c])
      .replace(FRACTION, '<span class="d"><span>$1</span><i>/</i><span>$2</span></span>')
      .replace(SIGNED, "\u00a0$1\u00a0") // a number must not wrap away from its sign, nor from a fraction
      .replace(UNBROKEN, '<span class="whole">$1$2</span>')
      .replace(/[\u{f0000}-\u{10fffd}]/gu, name);
  const SAID = new Set("lead middle head name formula value rule lines hint undefined overflows steep no_derivative kink data".split(" "));
  const HELD = new Set("note local grad".split(" "));
  const filled = (thing, key) => {
    if (typeof thing === "object" && thing && thing.t !== undefined) return filled(lesson.texts[thing.t], key);
    if (HELD.has(key) && typeof thing === "string") return html(thing.replace(/ ([=≈]) /g, "\u00a0$1\u00a0"));
    if (typeof thing === "string") return SAID.has(key) ? html(thing) : thing;
    if (Array.isArray(thing)) return thing.map((part) => filled(part, key));
    if (typeof thing !== "object" || !thing) return thing;
    return Object.fromEntries(Object.entries(thing).map(([name, part]) => [name, filled(part, name)]));
  };
  const PARTS = { n: "node-", e: "edge-", o: "op-", r: "result-" };
  const whole = (parts) => parts.map((part) => part.replace(/^[neor](?=\d)/, (c) => PARTS[c]));
  const lit = (step) => {
    for (const how of ["from", "to", "playing"]) if (step[how]) step[how] = whole(step[how]);
    step.carried &&= step.carried.map(([key, along, stage]) => [key, whole(along), stage]);
  };
  const nodes = filled(lesson.nodes);
  const walks = filled(lesson.walks);
  walks.forEach((walk) => walk.steps.forEach(lit));
  const legend = filled(lesson.legend);
  const SECONDS = 1.6; // a step takes at speed 1
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  /* numbers.js */
  /* live.js */
  /* picture.js */
  /* texts.js */
  /* quiz.js */
  /* panels.js */
  /* address.js */
  /* surroundings.js */
  /* frame.js */

  const open = (host) => {
    const still = host.querySelector("img").src;
    const wish = addressRead(host);
    const root = host.attachShadow({ mode: "open" });
    root.innerHTML = `<style>${lesson.style}</style>${FRAME}`;
    const found = {};
    const $ = (selector) => (found[selector] ??= root.querySelector(selector)); // of what is always there
    const stepper = $(".stepper");
    stepper.setAttribute("aria-label", `${nodes.at(-1).plain}, step by step`);
    stepper.dataset.where = lesson.where;
    if (wish.embed) stepper.dataset.embedded = document.documentElement.className = "embedded";

    // What is shown: a walk, a step of it, whether its result is hidden until it is predicted, a node with its story.
    let walk = walks[0];
    let at = 0;
    let asked = false;
    let chosen = null;
    let timer = null;
    const end = () => walk.steps.length - 1;

    // The numbers: as recorded, or of other leaves. Texts are made when they are first shown.
    let pass = recorded;
    let numbers = new Map();
    let texts = new Map();
    let touched = false; // whether a number was moved while a question was open, or before
    const reckon = () => {
      numbers = numbersBeside(walk, pass, numbersOf(pass));
      texts = new Map();
    };
    const written = (x) => texts.get(x) ?? texts.set(x, format(x)).get(x);
    const number = (key) => numbers.get(key);
    const say = (template) => fill(template, number, rowOn, (text, x) => `<data value="${x}" title="${x}">${text}</data>`);
    const model = {
      get pass() { return pass; },
      number,
      moved: () => pass.given.some((x, i) => x !== recorded.given[i]),
      set: (i, x) => model.setAll(pass.given.map((old, k) => (k === i ? x : old))),
      setAll: (given) => {
        const same = given.every((x, i) => x === recorded.given[i]);
        const before = pass.fault?.[0];
        pass = same ? recorded : forward(given);
        touched ||= !same;
        reckon();
        paint();
        if (pass.fault && pass.fault[0] !== before) pane.follow([views[shown].box(pass.fault[0])]);
      },
      predicting: () => $(".predicting").checked,
      settled: () => addressWrite(host, at, $(".predicting").checked, walk, pass.given),
    };

    const knowledge = walks.map(historyOf);
    const entry = (history, place, until) => {
      const found = (history.get(place) || []).findLast((one) => one.at <= until);
      const value = found && number(found.key);
      return value === undefined ? undefined : { value, text: written(value) + found.more };
    };
    const known = (place, until) => {
      const side = walk.by !== null;
      const here = side && !place.startsWith("grad") ? knowledge[0] : knowledge[walks.indexOf(walk)];
      return entry(here, place, here === knowledge[0] && side ? Infinity : until);
    };

    const views = [decoded(still), lesson.opened].filter(Boolean).map((text) => viewOf(text, (i) => tell(i)));
    let shown = 0; // of the views
    const pane = paneOf($(".picture"), () => views[shown]);
    const table = tableOf($("tbody"));
    const code = codeOf($(".code"));
    const panels = [movingPanel, checkingPanel, descendingPanel].map((panel) => panel($, model));
    const quiz = quizOf();
    legendIn($(".legend"));

    // Painting.

    const paint = () => {
      const [step, until] = [walk.steps[at], asked ? at - 1 : at];
      const awaited = asked && step.shown.length ? placeOf(step.shown.at(-1)) : "";
      const look = (key) => known(key, until);
      views[shown].paint(step, look, awaited, chosen, walk, pass.fault, pass.given);
      table.paint(look, step.row, $(".known"));
      code.paint(step);
      paintSentence(step);
      paintStory(until);
      panels.forEach((panel) => panel.paint());
      stepper.dataset.phase = step.phase;
      stepper.dataset.mode = walk.mode;
    };

    const paintSentence = (step) => {
      const fault = pass.fault && say(pass.fault[1]);
      const kink = step.kink !== undefined && isKinked(pass, step.kink) ? ` ${nodes[step.kink].kink || ""}` : "";
      $(".phase").textContent = PHASES[step.phase];
      $(".sentence").innerHTML = fault ? `<span class="fault">${fault}.</span>` : sentence(step, asked, say);
      $(".note").innerHTML = fault ? "Move a number back, and everything is there again." : asked ? "Which number comes out?" : say(noteOf(step)) + kink;
      $(".count").textContent = `Step ${at} of ${end()}`;
      $(".slider").max = end();
      $(".slider").value = at;
      $(".slider").setAttribute("aria-valuetext", `Step ${at} of ${end()}, ${step.phase}`);
      // A button that is really disabled would lose the focus, and with it the keys.
      const over = at === end() && !asked;
      const idle = { first: at === 0, back: at === 0, next: over, last: over };
      Object.entries(idle).forEach(([name, is]) => $(`.${name}`).setAttribute("aria-disabled", String(is)));
      $(".question").hidden = !asked || Boolean(fault);
    };

    /* A neuron opens: its pre-activation, and its scalars to step through; from there one comes back. */
    const inner = (i) => {
      const pre = lesson.neurons[i];
      if (shown > 0) return '<p><button type="button" class="without">Back to the network</button></p>';
      if (pre === undefined) return "";
      const before = pre === i ? "" : `<button type="button" class="pre">Its pre-activation ${nodes[pre].name}</button> `;
      return `<p>${before}<button type="button" class="within">Step through its scalars</button></p>`;
    };
    const within = (i) => {
      pause();
      if (walk !== walks[0]) {
        $(".mode").value = "backward";
        choose();
      }
      if (views.length > 1) show(1);
      go(walks[0].steps.findIndex((step) => step.phase === "forward" && step.row === lesson.neurons[i]));
    };

    let told = "";
    const paintStory = (until) => {
      const panel = $(".story");
      panel.hidden = chosen === null;
      const content = chosen === null ? "" : story(chosen, walk.by === null ? until : Infinity, (place, when) => entry(knowledge[walk.by === null ? walks.indexOf(walk) : 0], place, when), say) + inner(chosen);
      if (content === told) return;
      const focused = panel.contains(root.activeElement);
      panel.innerHTML = told = content;
      if (chosen === null) return;
      panel.setAttribute("aria-label", `Story of ${nodes[chosen].plain}`);
      panel.querySelector(".shut").addEventListener("click", () => tell(chosen));
      panel.querySelector(".pre")?.addEventListener("click", () => tell(lesson.neurons[chosen]));
      panel.querySelector(".within")?.addEventListener("click", () => within(chosen));
      panel.querySelector(".without")?.addEventListener("click", () => show(0));
      if (focused) panel.querySelector("h2").focus({ preventScroll: true });
    };

    const tell = (i) => {
      const before = chosen;
      chosen = chosen === i ? null : i;
      paint();
      if (chosen === null) return views[shown].box(before)?.focus({ preventScroll: true });
      pane.follow([views[shown].box(chosen)]);
      $(".story").querySelector("h2").focus({ preventScroll: true });
      $(".inner").scrollTop = 0;
    };

    // Moving.

    const go = (to, ask = false, onward = false) => {
      at = Math.min(Math.max(to, 0), end());
      asked = ask;
      $(".verdict").textContent = $(".answer").value = "";
      paint();
      pane.follow(views[shown].lit("to"));
      model.settled();
      if (onward && !ask) views[shown].travel(walk.steps[at], SECONDS / Number($(".speed").value), (key) => written(number(key) ?? NaN));
    };

    // Predicting.

    let tried = null; // an answer that was checked, and wrong
    const asks = (step) => $(".predicting").checked && Boolean(walk.steps[step].hint) && number(walk.steps[step].result) !== undefined;
    const ask = (step) => {
      quiz.begin();
      tried = null;
      go(step, true);
      $(".answer").focus({ preventScroll: true });
    };
    const answer = () => number(walk.steps[at].result);
    const next = () => {
      if (asked && $(".answer").value.trim() && $(".answer").value !== tried) return check(true);
      if (asked) return reveal(false, `The number is ${written(answer())}.`);
      if (at === end()) return wish.embed && turnSlide("next");
      if (!asks(at + 1)) return go(at + 1, false, true);
      ask(at + 1);
      if (timer !== null) $(".verdict").textContent = "Play waits for your answer: type it, or press Next to see the number.";
      clearTimeout(timer);
    };
    const reveal = (right, verdict) => {
      asked = false;
      if (walk === walks[0]) right ? quiz.right(at) : quiz.shown(at);
      paint();
      paintScore();
      $(".verdict").textContent = verdict;
      $(at === end() ? ".back" : ".next").focus({ preventScroll: true });
      if (timer !== null) timer = setTimeout(tick, (1000 * SECONDS) / Number($(".speed").value));
    };
    /* With Next an answer counts, right or wrong; with Check there is another try. */
    const check = (final) => {
      const wrong = graded($(".answer").value, answer());
      if (!wrong) return reveal(true, `✓ Right: ${written(answer())}.`);
      if (final) return reveal(false, `${wrong} The number is ${written(answer())}.`);
      quiz.wrong();
      tried = $(".answer").value;
      $(".verdict").textContent = `${wrong} ${wrong[0] === "✗" ? "Try again, take a hint, or press Next to see it." : ""}`.trim();
      $(".answer").select();
    };
    const hint = () => {
      const step = walk.steps[at];
      const second = step.middle ? `${step.middle} = ?` : sized(answer());
      $(".verdict").innerHTML = say(quiz.hints() ? second : step.hint);
      quiz.hint();
      $(".answer").focus({ preventScroll: true });
    };
    const paintScore = () => {
      const on = quiz.done() || $(".predicting").checked;
      $(".scored").hidden = !on;
      $(".score").textContent = quiz.done() ? quiz.said() : "";
      $(".tally").textContent = quiz.said();
      $(".ticket").textContent = quiz.code($(".who").value.trim(), touched);
    };

    // Playing.

    const tick = () => {
      if (host.isConnected) next();
      if (!host.isConnected || (at === end() && !asked)) return pause();
      if (asked) return;
      if (timer !== null) timer = setTimeout(tick, (1000 * SECONDS) / Number($(".speed").value));
    };
    const showPlaying = (name) => {
      $(".play").innerHTML = inside[name]();
      $(".play").setAttribute("aria-label", name);
      $(".play").title = `${name} (${KEYS[name]})`;
    };
    const pause = () => {
      clearTimeout(timer);
      timer = null;
      showPlaying("Play");
    };
    const play = () => {
      if (timer !== null) return pause();
      if (asked) return void ($(".verdict").textContent = "Play waits for your answer: type it, or press Next to see the number.");
      if (at === end()) go(0);
      timer = setTimeout(tick, 0);
      showPlaying("Pause");
    };

    const byHand = (move) => () => (pause(), move());
    const back = () => (at === 0 && wish.embed ? turnSlide("prev") : go(at - 1));
    const onward = () => (asked ? next() : byHand(next)());
    const moves = { first: byHand(() => go(0)), back: byHand(back), next: onward, last: byHand(() => go(end())), play };
    Object.entries(moves).forEach(([name, move]) => $(`.${name}`).addEventListener("click", move));
    $(".slider").addEventListener("input", byHand(() => go(Number($(".slider").value))));
    $(".question").addEventListener("submit", (event) => (event.preventDefault(), check(false)));
    $(".help").addEventListener("click", hint);
    $(".who").addEventListener("input", () => paintScore());
    $(".predicting").addEventListener("change", () => (paint(), paintScore(), model.settled()));

    // Choosing a walk: the backward pass, or path by path or forward mode by one leaf.

    const choose = () => {
      const [mode, by] = [$(".mode").value, $(".by select")];
      const all = walks.filter((other) => other.mode === mode);
      if (by.dataset.mode !== mode) {
        by.replaceChildren(...all.filter((other) => other.by !== null).map((other) => new Option(nodes[other.by].plain, other.by)));
        by.dataset.mode = mode;
        if (walk.by !== null) by.value = walk.by;
      }
      $(".by").hidden = all[0].by === null;
      walk = all.find((other) => String(other.by) === by.value) || all[0];
      reckon();
      $(".head").innerHTML = walk.head;
      go(0);
    };
    const chooseByHand = byHand(choose);
    $(".mode").addEventListener("change", chooseByHand);
    $(".by select").addEventListener("change", chooseByHand);

    const size = { smaller: () => pane.zoom(1 / 1.25), larger: () => pane.zoom(1.25), fit: () => pane.fit() };
    Object.entries(size).forEach(([name, act]) => $(`.${name}`).addEventListener("click", act));

    const shortcuts = { ArrowLeft: moves.back, ArrowRight: moves.next, Home: moves.first, End: moves.last, p: play,
      P: play, "+": size.larger, "-": size.smaller, "−": size.smaller, 0: size.fit };
    stepper.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const on = event.target;
      if (event.key === "Escape" && chosen !== null) return tell(chosen);
      if (on.matches("select, .answer, .field")) return event.stopPropagation(); // a notebook has shortcuts on plain letters
      const across = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      const act = event.shiftKey && pane.moves[event.key] ? pane.moves[event.key]
        : across && on.matches(".picture, .value") ? () => views[shown].walkBoxes(on, across)
        : shortcuts[event.key];
      if (!act || (on.matches("[type=range]") && /^(Arrow|Home|End)/.test(event.key))) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
    keepKeys(host);

    let kept = null; // the step to come back to after printing
    const theme = followTheme(stepper, () => kept !== null);
    addEventListener("beforeprint", () => {
      pause();
      kept ??= [at, asked];
      [at, asked] = [end(), false];
      theme();
      paint();
      cutForPaper($(".picture"), views[shown].strips());
    });
    addEventListener("afterprint", () => {
      if (kept) [at, asked] = kept;
      kept = null;
      cutForPaper($(".picture"), []);
      theme();
      paint();
    });

    const show = (which) => {
      shown = which;
      pane.show();
      $(".open").setAttribute("aria-pressed", String(which > 0));
      paint();
      pane.follow(views[shown].lit("to"));
    };
    $(".open").hidden = views.length < 2;
    $(".open").addEventListener("click", () => show(1 - shown));

    $(".predicting").checked = wish.predict || lesson.predict;
    if (wish.given) pass = forward(wish.given);
    walk = wish.walk;
    $(".mode").value = walk.mode;
    choose();
    show(0);
    paintScore();
    // Where there is no room beside the picture the story lies over the sentence.
    const arrange = () => {
      const narrow = getComputedStyle($(".side")).getPropertyValue("--beside") === "";
      const place = narrow ? $(".work") : $(".inner");
      if ($(".story").parentNode !== place) place.prepend($(".story"));
      pane.arrange();
    };
    new ResizeObserver(arrange).observe($(".picture"));
    if (lesson.where === "page" && document.activeElement === document.body) stepper.focus({ preventScroll: true });
    const start = Math.min(wish.step ?? lesson.start, end());
    if (start) asks(start) ? ask(start) : go(start);
  };

  // A notebook may show one output twice, and runs the script each time.
  document.querySelectorAll(`[id="${lesson.key}"]`).forEach((host) => host.shadowRoot || open(host));
})();
