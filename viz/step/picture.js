  /* The picture: what is lit in it, its numbers, its size, and numbers that travel along its edges. */

  const SVG = "http://www.w3.org/2000/svg";
  const TEXT = 12; // units, the size of every text in the picture but indices
  const [ON_PAPER, SMALLEST] = [680, 10]; // px: a sheet of A4 or letter between its margins, and letters on it
  // Letters of the picture, as to those of the page, unless a person asks else; as small as SNUG where all of it fits then.
  const [SNUG, READABLE, LARGEST] = [0.85, 0.94, 1.9];

  const decoded = (source) =>
    new TextDecoder().decode(Uint8Array.from(atob(source.split(",")[1]), (c) => c.charCodeAt(0)));

  const make = (name, attributes, parent) => {
    const element = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    parent?.append(element);
    return element;
  };

  /* An arrowhead at the beginning of an edge, for what flows against it, and the line that its own head leaves open. */
  const turned = (edge) => {
    if (edge.querySelector(".head")) return;
    const [line, head] = [edge.querySelector("path"), edge.querySelector("polygon")];
    const [tip, from] = [line.getPointAtLength(0), line.getPointAtLength(Math.min(9, line.getTotalLength()))];
    const length = Math.hypot(from.x - tip.x, from.y - tip.y) || 1;
    const [x, y] = [(from.x - tip.x) / length, (from.y - tip.y) / length];
    const back = [tip.x + 9 * x, tip.y + 9 * y];
    const end = line.getPointAtLength(line.getTotalLength());
    const points = head ? [...head.points] : [];
    const far = points.reduce((best, p) => (Math.hypot(p.x - end.x, p.y - end.y) > Math.hypot(best.x - end.x, best.y - end.y) ? p : best), end);
    const sides = [`${back[0] - 4 * y},${back[1] + 4 * x}`, `${back[0] + 4 * y},${back[1] - 4 * x}`];
    const rest = make("path", { class: "rest", d: `M${end.x},${end.y}L${far.x},${far.y}` });
    line.after(rest, make("path", { class: "head", d: `M${tip.x},${tip.y}L${sides[0]}L${sides[1]}Z` }));
  };

  /* A picture as it is worked with: its elements by part, its boxes as buttons. */
  const viewOf = (text, tell) => {
    const picture = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
    const [, , width, height] = picture.getAttribute("viewBox").split(" ").map(Number);
    picture.removeAttribute("width");
    picture.removeAttribute("height");
    picture.setAttribute("role", "group");
    picture.style.setProperty("--wide", `${1.6 * width}px`); // on paper
    const parts = new Map();
    const boxes = new Map();
    for (const element of picture.querySelectorAll("[data-part]")) {
      const names = element.dataset.part.split(" ");
      names.forEach((name) => parts.set(name, element));
      if (names[0].startsWith("node-")) boxes.set(Number(names[0].slice(5)), element);
      else if (element.matches(".op, .edge, .number")) element.setAttribute("aria-hidden", "true");
    }
    const order = lesson.levels.filter((i) => boxes.has(i));
    order.forEach((i, place) => {
      const box = boxes.get(i);
      box.setAttribute("role", "button");
      box.setAttribute("tabindex", place ? "-1" : "0"); // one stop for Tab; arrows go from box to box
      box.addEventListener("click", () => tell(i));
      box.addEventListener("focus", () => {
        order.forEach((j) => boxes.get(j).setAttribute("tabindex", i === j ? "0" : "-1"));
      });
      box.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        tell(i);
      });
    });
    const walkBoxes = (from, way) => {
      const here = order.findIndex((i) => boxes.get(i) === from);
      const to = here < 0 ? order.findIndex((i) => boxes.get(i).getAttribute("tabindex") === "0") : here + way;
      boxes.get(order[Math.min(Math.max(to, 0), order.length - 1)]).focus();
    };
    // What appears with a node: itself, its operation and the edges of its operation.
    const owned = nodes.map(() => new Set());
    parts.forEach((element, part) => {
      const found = /^(?:node|op|result|edge|number)-(\d+)/.exec(part);
      if (found) owned[Number(found[1])].add(element);
    });
    const numbers = [...picture.querySelectorAll("[data-number]")].map((text) => ({ text, key: text.dataset.number }));
    const words = [...picture.querySelectorAll(".word")].filter((word) => /^(grad|δ)$/.test(word.textContent.trim()))
      .map((word) => ({ word, own: word.textContent }));
    // The lines of weights: as wide as they are large, dashed where they are negative.
    const lines = [...picture.querySelectorAll(".weight")].flatMap((line) => {
      const leaf = /(?:^| )node-(\d+)/.exec(line.dataset.part);
      return leaf ? [{ line, leaf: Number(leaf[1]) }] : [];
    });
    const weigh = (given) => {
      const largest = Math.max(...lines.map(({ leaf }) => Math.abs(given[leaf]))) || 1;
      lines.forEach(({ line, leaf }) => {
        const share = given[leaf] / largest;
        line.style.setProperty("--width", (0.4 + (lines.length > 60 ? 1.6 : 3.6) * Math.abs(share)).toFixed(2));
        line.classList.toggle("negative", share < 0);
        line.classList.toggle("positive", share > 0);
      });
    };
    const pending = [];
    const states = [];
    let lit = [];
    let frame = null;
    let carried = []; // numbers on their way
    let failing = null; // the elements of an operation that has no value, or no derivative

    const light = (element, how) => {
      if (!element) return;
      element.classList.add(how);
      lit.push([element, how]);
    };
    const highlight = (step) => {
      lit.forEach(([element, how]) => element.classList.remove(how));
      lit = [];
      for (const how of ["from", "to", "playing"]) (step[how] || []).forEach((part) => light(parts.get(part), how));
      if (step.phase !== "backward" && step.phase !== "path") return;
      lit.filter(([element, how]) => how === "playing" && element.matches(".edge")).forEach(([edge]) => {
        turned(edge);
        light(edge, "against");
      });
    };

    /* For paper: a picture that would be too small on one sheet, in strips, each box whole in one of them. */
    const strips = () => {
      const most = (ON_PAPER * TEXT) / SMALLEST;
      if (width <= most) return [];
      const overlap = Math.min(most / 2, 8 + Math.max(...[...boxes.values()].map((box) => box.getBBox().width)));
      const count = Math.ceil((width - overlap) / (most - overlap));
      const wide = (width - overlap) / count + overlap;
      const whole = picture.querySelector("g");
      const { e: right, f: down } = whole.transform.baseVal.consolidate().matrix;
      const drawn = [...whole.children].filter((part) => part.matches("g")).map((part) => [part, part.getBBox()]);
      return Array.from({ length: count }, (_, k) => {
        const left = k * (wide - overlap);
        const inside = drawn.filter(([, b]) => b.x + right < left + wide && b.x + b.width + right > left);
        const top = Math.min(...inside.map(([, b]) => b.y)) + down - 4;
        const bottom = Math.max(...inside.map(([, b]) => b.y + b.height)) + down + 4;
        const viewBox = `${left} ${top} ${wide} ${bottom - top}`;
        const strip = make("svg", { class: "strip", viewBox, "aria-hidden": "true" });
        strip.appendChild(whole.cloneNode()).append(...inside.map(([part]) => part.cloneNode(true)));
        return strip;
      });
    };

    /* A number that is longer than its place is written narrower. */
    const squeeze = (text) => {
      const room = text.dataset.room;
      text.removeAttribute("textLength");
      if (!room || text.textContent.length * 12 < room || text.getComputedTextLength() <= room) return;
      text.setAttribute("textLength", room);
      text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    };

    /* Only what changed is touched: a graph of hundreds of nodes stays fluent. */
    const paint = (step, known, awaited, chosen, walk, fault, given) => {
      still();
      failing?.forEach((element) => element.classList.remove("failing"));
      failing = fault ? [`node-${fault[0]}`, `op-${fault[0]}`].map((part) => parts.get(part)).filter(Boolean) : null;
      failing?.forEach((element) => element.classList.add("failing"));
      for (const number of numbers) {
        const entry = known(number.key);
        const now = entry ? entry.text : number.key === awaited ? "?" : "";
        if (now !== number.last || entry?.value !== number.value) {
          number.text.textContent = number.last = now;
          squeeze(number.text);
          number.value = entry?.value;
          if (entry) number.text.dataset.value = entry.value;
          else delete number.text.dataset.value;
        }
      }
      words.forEach(({ word, own }) => {
        const now = walk.word === "grad" ? own : walk.word;
        if (word.textContent !== now) word.textContent = now;
      });
      if (lines.length) weigh(given);
      owned.forEach((elements, i) => {
        const todo = !known(`data-${i}`);
        if (todo !== pending[i]) elements.forEach((element) => element.classList.toggle("todo", todo));
        pending[i] = todo;
      });
      boxes.forEach((box, i) => {
        const [data, grad] = ["data", "grad"].map((what) => known(`${what}-${i}`)?.text);
        const state = `${data}|${grad}|${awaited.endsWith(`-${i}`)}|${walk.word}`;
        if (states[i] !== state) {
          // Its name is what is written in it; this says the rest.
          const missing = [data ? "" : "data", grad ? "" : walk.word].filter(Boolean).join(" and ");
          box.setAttribute("aria-description", `${nodes[i].kind}${missing && `, ${missing} not yet known`}`);
        }
        states[i] = state;
        if (box.classList.contains("chosen") !== (i === chosen)) box.classList.toggle("chosen");
      });
      highlight(step);
    };

    /* Numbers on their way: from operands to a result, or against the edges from a result to an operand. */
    const still = () => {
      cancelAnimationFrame(frame);
      frame = null;
      carried.forEach((chip) => chip.remove());
      carried = [];
    };
    const travel = (step, seconds, textOf) => {
      if (calm.matches || !step.carried) return;
      const against = step.phase === "backward" || step.phase === "path";
      const stages = 1 + Math.max(...step.carried.map(([, , stage]) => stage));
      const chips = step.carried.flatMap(([key, along, stage]) => {
        const text = textOf(key);
        const lines = along.map((part) => parts.get(part)?.querySelector("path")).filter(Boolean);
        if (!lines.length) return [];
        const lengths = lines.map((line) => line.getTotalLength());
        const chip = make("g", { class: "carried", visibility: "hidden" }, picture.querySelector("g"));
        carried.push(chip);
        const wide = 0.64 * TEXT * text.length + 8;
        make("rect", { x: -wide / 2, y: -9, width: wide, height: 18, rx: 6 }, chip);
        make("text", { "text-anchor": "middle", y: 4.3 }, chip).textContent = text;
        const whole = lengths.reduce((sum, length) => sum + length, 0);
        const place = (share) => {
          let left = share * whole;
          for (let k = 0; k < lines.length; k++) {
            if (left <= lengths[k] || k === lines.length - 1)
              return lines[k].getPointAtLength(against ? lengths[k] - left : left);
            left -= lengths[k];
          }
        };
        return [{ chip, place, stage }];
      });
      const begun = performance.now();
      const move = (now) => {
        const share = Math.min((now - begun) / (600 * seconds), 1);
        for (const { chip, place, stage } of chips) {
          const own = share * stages - stage;
          chip.setAttribute("visibility", own >= 0 && own < 1 ? "visible" : "hidden");
          if (own < 0 || own >= 1) continue;
          const { x, y } = place(own);
          chip.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
        }
        if (share < 1) frame = requestAnimationFrame(move);
        else still();
      };
      frame = requestAnimationFrame(move);
    };

    return { picture, width, height, paint, travel, strips, walkBoxes, box: (i) => boxes.get(i) || parts.get(`node-${i}`),
      lit: (which) => lit.filter(([, how]) => how === which).map(([element]) => element) };
  };

  /* The pane that holds the picture: as large as fits, never too small to read; then it scrolls, and the page does not. */
  const paneOf = (pane, view) => {
    let wanted = null; // pixels a unit; null: as fits and can be read
    let whole = false; // all of it, however small
    // Pixels a unit at which the picture's letters are as large as the page's, times ``share``.
    const letters = (share) => (share * parseFloat(getComputedStyle(pane).fontSize)) / TEXT;
    const room = () => [pane.clientWidth - 16, pane.clientHeight - 16];
    const fitting = () => Math.min(room()[0] / view().width, room()[1] / view().height);
    const readable = (fitted) => Math.min(fitted < letters(SNUG) ? letters(READABLE) : fitted, letters(LARGEST));
    const scale = () => wanted ?? (whole ? fitting() : readable(fitting()));
    const arrange = () => {
      const { picture, width, height } = view();
      if (lesson.where !== "page") {
        const natural = height * Math.min(readable(room()[0] / width), letters(1.2)) + 20;
        const [least, share] = lesson.where === "part" ? [190, 0.3] : [280, 0.46]; // a part has more around it
        pane.style.height = `${Math.round(Math.min(natural, Math.max(least, share * innerHeight)))}px`;
      }
      picture.style.width = `${(width * scale()).toFixed(1)}px`;
    };
    const zoom = (factor, x = pane.clientWidth / 2, y = pane.clientHeight / 2) => {
      const before = scale();
      wanted = Math.min(Math.max(before * factor, 0.1), 8);
      const [left, top] = [pane.scrollLeft + x, pane.scrollTop + y];
      arrange();
      pane.scrollTo({ left: (left * wanted) / before - x, top: (top * wanted) / before - y, behavior: "instant" });
    };
    const fit = () => {
      whole = wanted !== null || !whole;
      wanted = null;
      arrange();
    };
    const show = () => {
      pane.replaceChildren(view().picture);
      arrange();
    };
    const follow = (elements) => into(pane, elements.filter(Boolean));
    const by = (x, y) => () => pane.scrollBy({ left: 80 * x, top: 80 * y, behavior: "instant" });
    const moves = { ArrowLeft: by(-1, 0), ArrowRight: by(1, 0), ArrowUp: by(0, -1), ArrowDown: by(0, 1) };

    pane.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // a pinch on a touchpad, too
      event.preventDefault();
      const place = pane.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 200), event.clientX - place.left, event.clientY - place.top);
    }, { passive: false });
    // A mouse drags; a finger scrolls by itself, and two of them zoom.
    const fingers = new Map();
    const apart = () => {
      const [a, b] = fingers.values();
      return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    };
    let dragged = 0;
    pane.addEventListener("pointerdown", (event) => {
      dragged = 0;
      if (event.pointerType !== "mouse" || event.button === 0) fingers.set(event.pointerId, event);
    });
    pane.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const distance = fingers.size === 2 ? apart() : 0;
      fingers.set(event.pointerId, event);
      if (fingers.size === 2) {
        const place = pane.getBoundingClientRect();
        const [a, b] = fingers.values();
        zoom(apart() / distance, (a.clientX + b.clientX) / 2 - place.left, (a.clientY + b.clientY) / 2 - place.top);
      } else if (event.pointerType === "mouse") {
        const [x, y] = [event.clientX - before.clientX, event.clientY - before.clientY];
        dragged += Math.abs(x) + Math.abs(y);
        if (dragged > 4) pane.setPointerCapture(event.pointerId);
        pane.scrollBy({ left: -x, top: -y, behavior: "instant" });
      }
    });
    for (const end of ["pointerup", "pointercancel"])
      pane.addEventListener(end, (event) => fingers.delete(event.pointerId));
    pane.addEventListener("click", (event) => dragged > 4 && event.stopPropagation(), true);

    return { arrange, zoom, fit, show, follow, moves };
  };

  /* Bring elements into the middle of the box that scrolls them: the page stays where it is. */
  const into = (box, elements) => {
    const fits = box.scrollWidth <= box.clientWidth + 1 && box.scrollHeight <= box.clientHeight + 1;
    if (fits || !elements.length) return;
    const outer = box.getBoundingClientRect();
    const places = elements.map((element) => element.getBoundingClientRect());
    // Into the middle; of one that is wider than the box, its beginning.
    const by = (from, to, room) => {
      const [first, last] = [Math.min(...places.map((p) => p[from])), Math.max(...places.map((p) => p[to]))];
      return places.length === 1 && last - first > room ? first - outer[from] : (first + last - outer[from] - outer[to]) / 2;
    };
    box.scrollBy({
      left: by("left", "right", box.clientWidth),
      top: by("top", "bottom", box.clientHeight),
      behavior: "instant",
    });
  };
