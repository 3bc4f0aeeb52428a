  /* What the address of a page holds: the step, whether one predicts, which walk is shown, the numbers that were moved:
     #step=7&predict&x=0.5, or #step=1&show=paths&by=x. Everything in it is a number or the name of a leaf; what is
     neither is passed over. As a part of another page a stepper reads it from its host's data-address, and tells that
     page by an event "addressed" what it would write; that page's own words are no names of leaves. */

  const WORDS = new Set(["step", "predict", "embed", "show", "by", "expression", "python"]);
  const addressed = leaves.map((i) => [WORDS.has(nodes[i].plain) ? `~${nodes[i].plain}` : nodes[i].plain, i]);

  const addressRead = (host) => {
    const found = { step: null, predict: false, embed: false, walk: walks[0], given: null };
    if (lesson.where === "notebook") return found;
    const parts = new URLSearchParams(lesson.where === "page" ? location.hash.slice(1) : host.dataset.address);
    found.predict = parts.has("predict");
    found.embed = parts.has("embed");
    const by = (one) => (one.by === null ? null : nodes[one.by].plain);
    const shown = (one) => one.mode === parts.get("show") && by(one) === parts.get("by");
    found.walk = walks.find(shown) || walks[0];
    if (/^\d{1,6}$/.test(parts.get("step") || "")) found.step = Number(parts.get("step"));
    if (standing) return found;
    const numbers = addressed.flatMap(([name, i]) => (parts.has(name) ? [[i, parsed(parts.get(name))]] : []));
    if (!numbers.some(([, x]) => Number.isFinite(x))) return found;
    found.given = recorded.given.slice();
    numbers.forEach(([i, x]) => Number.isFinite(x) && (found.given[i] = x));
    return found;
  };

  /* Browsers allow few changes in a short time, and none in some frames. */
  let waiting = null;
  const addressWrite = (host, at, predict, walk, given) => {
    if (lesson.where === "notebook") return;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const part = lesson.where === "part";
      const kept = new URLSearchParams(location.hash.slice(1)).has("embed") ? ["embed"] : [];
      const numbers = addressed.filter(([, i]) => part || given[i] !== recorded.given[i])
        .map(([name, i]) => `${encodeURIComponent(name)}=${given[i]}`);
      const by = walk === walks[0] ? [] : [`show=${walk.mode}`,
        ...(walk.by === null ? [] : [`by=${encodeURIComponent(nodes[walk.by].plain)}`])];
      const hash = [...kept, ...(at ? [`step=${at}`] : []), ...(predict ? ["predict"] : []), ...by, ...numbers].join("&");
      if (part) return host.dispatchEvent(new CustomEvent("addressed", { detail: hash }));
      try {
        history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
      } catch {
        // a frame without an address of its own
      }
    }, 300);
  };
