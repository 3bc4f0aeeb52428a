  /* What a person moves and asks: the leaves' sliders and fields, the numerical check, gradient descent. Each panel is
     handed the page's model: its numbers, and how to set them. */

  const FEW = 1e-9;
  const grain = (bound) => bound / 100;

  /* How far a slider goes: ±10 for everyday numbers, else a round number beyond twice the size. */
  const boundFor = (x) => {
    const size = Math.abs(x);
    if (size === 0 || (size >= 0.05 && size <= 5)) return 10;
    const power = 10 ** Math.floor(Math.log10(2 * size));
    return power * [1, 2, 5, 10].find((k) => k * power >= 2 * size * (1 - FEW));
  };

  /* One leaf's slider and field. */
  const mover = (i, model) => {
    const row = document.createElement("div");
    row.className = "leaf";
    const name = nodes[i].plain;
    row.innerHTML = `<span class="name">${nodes[i].name}</span><input type="range"><input class="field" type="text"
      inputmode="decimal" autocomplete="off" spellcheck="false">`;
    const [slider, field] = row.querySelectorAll("input");
    slider.setAttribute("aria-label", `${name}, slider`);
    field.setAttribute("aria-label", name);
    let bound = 0;
    let last = null; // what is shown
    slider.addEventListener("input", () => model.set(i, Number(slider.value)));
    slider.addEventListener("change", () => model.settled());
    field.addEventListener("change", () => {
      const x = parsed(field.value);
      field.setAttribute("aria-invalid", String(!Number.isFinite(x)));
      if (!Number.isFinite(x)) return void (last = null);
      model.set(i, x);
      model.settled();
    });
    field.addEventListener("keydown", (event) => event.key === "Enter" && field.dispatchEvent(new Event("change")));
    const paint = () => {
      const x = model.pass.given[i];
      if (x === last) return;
      last = x;
      if (Math.abs(x) > bound || bound === 0) {
        bound = Math.max(boundFor(x), bound);
        Object.assign(slider, { min: -bound, max: bound, step: grain(bound) });
      }
      if (Number(slider.value) !== x) slider.value = x;
      const text = format(x);
      slider.setAttribute("aria-valuetext", text);
      if (root(field).activeElement === field && parsed(field.value) === x) return; // as it is being typed
      field.value = text;
      field.title = String(x);
      field.removeAttribute("aria-invalid");
    };
    return { row, paint };
  };
  const root = (element) => element.getRootNode();

  const movingPanel = ($, model) => {
    if (standing) {
      $(".moving .standing").textContent = `${standing}, so the numbers of this page stand still.`;
      $(".moving").removeAttribute("open");
      $(".moving .standing").hidden = false;
      $(".restore").hidden = true;
      return { paint: () => {} };
    }
    const movers = leaves.map((i) => mover(i, model));
    $(".leaves").append(...movers.map((one) => one.row));
    $(".restore").addEventListener("click", () => (model.setAll(recorded.given), model.settled()));
    const { examples } = lesson;
    $(".example").hidden = !examples;
    if (examples) {
      const said = (example) => Object.entries(example).map(([i, x]) => `${nodes[i].plain} = ${format(x)}`).join(", ");
      const choice = $(".example select");
      choice.append(...examples.map((example, k) => new Option(`${k + 1}: ${said(example)}`, k)));
      choice.addEventListener("change", () => {
        const given = model.pass.given.slice();
        Object.entries(examples[choice.value]).forEach(([i, x]) => (given[i] = x));
        model.setAll(given);
        model.settled();
      });
    }
    const paint = () => {
      movers.forEach((one) => one.paint());
      $(".restore").setAttribute("aria-disabled", String(!model.moved()));
      if (!examples) return;
      const now = examples.findIndex((one) => Object.entries(one).every(([i, x]) => model.pass.given[i] === x));
      $(".example select").value = now < 0 ? "" : String(now);
    };
    return { paint };
  };

  const lossAt = (given) => forward(given).data[last];

  /* (f(x + ε) − f(x − ε)) / 2ε beside the gradient. */
  const checkingPanel = ($, model) => {
    const [by, slider] = [$(".checking select"), $(".epsilon")];
    by.append(...leaves.filter((i) => i !== last).map((i) => new Option(nodes[i].plain, i)));
    const possible = !standing && by.options.length > 0;
    const f = nodes[last].name;
    const paint = () => {
      $(".checking").hidden = !possible || model.predicting(); // it would tell what is asked
      if (!$(".checking").open || $(".checking").hidden) return;
      const [i, epsilon] = [Number(by.value), 10 ** Number(slider.value)];
      const at = (shift) => lossAt(model.pass.given.map((x, k) => (k === i ? x + shift : x)));
      const [above, below, gradient] = [at(epsilon), at(-epsilon), model.number(`g${i}`)];
      slider.setAttribute("aria-valuetext", format(epsilon, 3));
      $(".epsilon-text").textContent = format(epsilon, 3);
      const x = nodes[i].name;
      if (above === undefined || below === undefined || gradient === undefined) {
        $(".checked").innerHTML = `Not possible here: ${f} has no value, or no derivative, on both sides. Take another ε or ${x}.`;
        return;
      }
      const found = (above - below) / (2 * epsilon);
      const off = Math.abs(found - gradient);
      const size = Math.max(Math.abs(found), Math.abs(gradient));
      const value = (y) => format(y, Math.max(lesson.digits, 8));
      $(".checked").innerHTML = `<span class="whole">(${f}(${x} + ε) − ${f}(${x} − ε)) / 2ε</span>
        <span class="whole">= (${value(above)} − ${bracketed(value(below))}) / ${format(2 * epsilon, 3)}</span>
        <span class="whole">≈ <b>${value(found)}</b></span>
        <span class="whole">gradient: <b>${value(gradient)}</b></span>
        <span class="whole">off by ${format(off, 2)}${size ? `, ${format(off / size, 2)} of its size` : ""}</span>`;
    };
    by.addEventListener("change", paint);
    slider.addEventListener("input", paint);
    $(".checking").addEventListener("toggle", paint);
    return { paint };
  };

  /* θ ← θ − η ∂L/∂θ, once or many times, over one example or all; the curve of the loss. */
  const descendingPanel = ($, model) => {
    const parameters = leaves.filter((i) => nodes[i].kind === "a parameter");
    $(".descending").hidden = Boolean(standing) || !parameters.length;
    if ($(".descending").hidden) return { paint: () => {} };
    const curve = [];
    let [start, own] = [null, false];

    const over = (given) =>
      (lesson.examples || [{}]).map((example) => given.map((x, i) => example[i] ?? x));
    /* The mean loss over the examples, and its derivatives by the parameters; undefined where one of them has none. */
    const slope = (given) => {
      const all = over(given).map((example) => {
        const pass = forward(example);
        return [pass.data[last], reverse(pass)];
      });
      if (all.some(([loss, grad]) => loss === undefined || !grad)) return undefined;
      const mean = (of) => added(all.map(of)) / all.length;
      return { loss: mean(([loss]) => loss), by: parameters.map((i) => mean(([, grad]) => grad[i] ?? 0)) };
    };
    const say = (words) => ($(".descended").textContent = words);
    const descend = (times) => {
      const rate = parsed($(".rate").value);
      if (!(rate > 0)) return say("η is a number above 0, like 0.1.");
      let given = model.pass.given;
      let here = slope(given);
      if (!here) return say("There is no loss here, or no gradient: move a number back first.");
      start ??= given;
      if (!curve.length) curve.push(here.loss);
      let taken = 0;
      let stopped = false;
      for (; taken < times; taken++) {
        const to = given.slice();
        parameters.forEach((i, k) => (to[i] -= rate * here.by[k]));
        const there = slope(to);
        stopped = !there;
        if (stopped) break;
        [given, here] = [to, there];
        curve.push(here.loss);
      }
      own = true;
      model.setAll(given);
      model.settled();
      own = false;
      draw();
      const steps = `${curve.length - 1} step${curve.length === 2 ? "" : "s"}`;
      const mean = lesson.examples ? `Mean loss over ${lesson.examples.length} examples` : "Loss";
      say(`${mean}: ${format(curve[0])}, after ${steps} ${format(here.loss)}.` +
        (stopped ? " The next step would leave where the loss has a value: take a smaller η." : ""));
    };
    const draw = () => {
      const [wide, high, edge, above] = [300, 100, 6, 20]; // above: room for words
      const top = Math.max(...curve);
      const low = Math.min(0, ...curve);
      const many = Math.max(curve.length - 1, 1);
      const every = Math.max(1, Math.floor(curve.length / 400));
      const at = (loss, k) =>
        `${(edge + ((wide - 2 * edge) * k) / many).toFixed(1)},${(high - edge - ((high - edge - above) * (loss - low)) / (top - low || 1)).toFixed(1)}`;
      const points = curve.map(at).filter((_, k) => k % every === 0 || k === curve.length - 1);
      const label = `Loss, from ${format(curve[0])} to ${format(curve.at(-1))}`;
      $(".curve").toggleAttribute("hidden", curve.length < 2);
      $(".curve").setAttribute("aria-label", label);
      $(".curve").innerHTML = `<polyline points="${points.join(" ")}"/><text x="${edge}" y="13">loss, at most ${format(top, 3)}</text>
        <text x="${wide - edge}" y="13" text-anchor="end">${curve.length - 1} steps</text>`;
    };
    const forget = () => {
      curve.length = 0;
      start = null;
      $(".curve").setAttribute("hidden", "");
      say("");
    };
    $(".once").addEventListener("click", () => descend(1));
    $(".often").addEventListener("click", () => descend(100));
    $(".again").addEventListener("click", () => {
      const given = model.pass.given.slice();
      if (start) parameters.forEach((i) => (given[i] = start[i]));
      forget();
      model.setAll(given);
      model.settled();
    });
    // A parameter moved by hand is another start; another input is not.
    let before = null;
    const paint = () => {
      const now = parameters.map((i) => model.pass.given[i]).join();
      if (!own && before !== null && now !== before && curve.length) forget();
      before = now;
    };
    return { paint };
  };
