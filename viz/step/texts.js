  /* The texts: the sentence, the table of what is known, the story of one value, the user's lines, the legend. */

  const PHASES = { start: "Start", forward: "Forward →", backward: "← Backward", path: "← One path", end: "End" };

  const placeOf = (shown) => (typeof shown === "string" ? shown : shown[0]);

  // What is known when: for each place ("data-3", "grad-3", "partial-4-0") the numbers that stand there one after another.
  const historyOf = (walk) => {
    const history = new Map();
    walk.steps.forEach((step, at) =>
      step.shown.forEach((one) => {
        const place = placeOf(one);
        const [, key, more] = typeof one === "string" ? [place, place[0] + place.slice(place.indexOf("-") + 1), ""] : one;
        if (!history.has(place)) history.set(place, []);
        history.get(place).push({ at, key, more });
      }),
    );
    return history;
  };

  const numeral = (entry, missing = "") =>
    entry ? `<data value="${entry.value}" title="${entry.value}">${entry.text}</data>` : missing;

  const noteOf = (step) => {
    const local = ([i, j]) => nodes[i].operands.find((one) => one.operand === j).local;
    return [step.note, ...(step.locals || []).map((one) => `${local(one)}.`)].filter(Boolean).join(" ");
  };

  /* say : fills a template with the numbers as they are */
  const sentence = (step, asked, say) => {
    if (!step.result) return say(step.lead);
    if (asked) return `${say(step.lead)} = <b class="unknown">?</b>`;
    const middle = step.middle ? ` <span class="whole">${step.before} ${step.middle}</span>` : "";
    return say(`${step.lead}${middle} <span class="whole">${step.sign} <b>\ue000${step.result}\ue003</b></span>`);
  };

  /* Only what changed is touched. */
  const put = (slot, entry) => {
    const [before, now] = [slot.entry, entry];
    slot.entry = entry;
    if (!now) return before && slot.cell.replaceChildren();
    if (!before) slot.cell.innerHTML = numeral(now);
    else if (before.text !== now.text || before.value !== now.value) {
      const data = slot.cell.firstChild;
      [data.value, data.title, data.textContent] = [now.value, now.value, now.text];
    }
  };

  const tableOf = (body) => {
    const rows = [];
    lesson.levels.forEach((i) => {
      const [node, row] = [nodes[i], body.insertRow()];
      const made = node.formula ? ` = ${node.formula}` : ` <span class="kind">${node.kind}</span>`;
      row.innerHTML = `<th scope="row"><b>${node.name}</b>${made}</th><td class="data"></td><td class="grad"></td>`;
      row.dataset.node = i;
      const [data, grad] = [".data", ".grad"].map((what) => ({ cell: row.querySelector(what) }));
      rows[i] = { row, data, grad };
    });
    let now = null; // the row of the value that just changed
    const paint = (known, current, box) => {
      let largest = 0;
      rows.forEach((cells, i) => {
        const [data, grad] = ["data", "grad"].map((what) => known(`${what}-${i}`));
        put(cells.data, data);
        put(cells.grad, grad);
        if (cells.row.hidden !== !data) cells.row.hidden = !data;
        largest = Math.max(largest, Math.abs(grad?.value ?? 0));
      });
      // A bar behind each gradient, as long as it is large beside the others.
      rows.forEach(({ grad }) => {
        const share = grad.entry && largest ? Math.abs(grad.entry.value) / largest : 0;
        const size = `${Math.round(100 * share)}% 100%`;
        if (grad.bar !== size) grad.cell.style.backgroundSize = grad.bar = size;
      });
      const before = now;
      now = current === undefined ? null : rows[current].row;
      if (now === before) return;
      before?.classList.remove("now");
      if (!now) return;
      now.classList.add("now");
      into(box, [now]);
    };
    return { paint };
  };

  const indexIn = (part) => Number(part.slice("node-".length));

  const received = (i, until, say) =>
    walks[0].steps.flatMap((step, when) => {
      if (step.phase !== "backward" || step.row !== i) return [];
      if (when <= until) return [`<li>${sentence(step, false, say)}</li>`];
      const from = step.from ? nodes[indexIn(step.from[0])].name : "the seed";
      return [`<li class="pending">from ${from}: still to come</li>`];
    });

  /* A template whose number is not known yet ends in dots. */
  const ENDING = /(?:\u00a0| )(?:[=≈]|\ue002[^\ue003]*\ue003)(?:\u00a0| )\ue000[^\ue003]*\ue003$/;
  const story = (i, until, entry, say) => {
    const node = nodes[i];
    const told = (template, place) => (entry(place, until) ? say(template) : template.replace(ENDING, "&nbsp;=&nbsp;…"));
    const locals = (node.operands || []).map((operand) => {
      const rule = operand.rule && ` <span class="rule">rule: ${operand.rule}</span>`;
      return `<li>${told(operand.local, `partial-${i}-${operand.operand}`)}${rule}</li>`;
    });
    const valued = (j) => told(`${nodes[j].name}\u00a0${nodes[j].data}`, `data-${j}`);
    const operands = [...new Set(argsOf(i).filter((arg) => typeof arg === "number"))].map(valued);
    return (
      `<h2 tabindex="-1">${node.name}</h2> <span class="kind">${node.kind}</span>` +
      `<button type="button" class="shut" aria-label="Close the story" title="Close (Escape)">×</button>` +
      `<h3>Value</h3><p>${told(node.value || `${node.name}\u00a0${node.data}`, `data-${i}`)}</p>` +
      (operands.length ? `<p class="operands">with ${operands.join(", ")}</p>` : "") +
      (locals.length ? `<h3>Local derivatives</h3><ul>${locals.join("")}</ul>` : "") +
      `<h3>Gradient received</h3><ul>${received(i, until, say).join("")}</ul>` +
      `<p class="sum">sum: ${told(node.grad, `grad-${i}`)}</p>`
    );
  };

  const codeOf = (box) => {
    const { code } = lesson;
    box.hidden = !code;
    if (!code) return { paint: () => {} };
    const title = document.createElement("p");
    title.textContent = `Lines of ${code.name}`;
    const list = document.createElement("ol");
    list.start = code.first;
    const lines = code.lines.map((text) => {
      const line = document.createElement("li");
      line.textContent = text || " ";
      return line;
    });
    list.append(...lines);
    box.append(title, list);
    const paint = (step) => {
      // Forward it is the line of what is computed; backward that of the operation that passes its gradient on.
      const back = step.phase === "backward" && step.from;
      const at = back ? indexIn(step.from[0]) : step.row;
      const now = lines[(back ? code.back[at] : undefined) ?? code.made[at]];
      lines.forEach((line) => line.classList.toggle("lit", line === now));
      lines.forEach((line) => (line === now ? line.setAttribute("aria-current", "true") : line.removeAttribute("aria-current")));
      if (now) into(box, [now]);
    };
    return { paint };
  };

  const legendIn = (box) => {
    const swatches = legend.kinds.map(([kind, words]) => `<span class="swatch ${kind}">${words}</span>`);
    const lines = legend.lines.map((line) => `<p>${line}</p>`);
    box.innerHTML = `<p class="swatches">${swatches.join("")}</p>${lines.join("")}`;
  };
