  /* The recorded graph, reckoned anew where a person moves its numbers: values and local derivatives by the op table's own
     rows, then the chain rule along the recorded operations, in the engine's order. No rule is written here. Where the
     page has no rows the numbers stand as they were recorded. */

  const last = nodes.length - 1;
  const argsOf = (i) => nodes[i].args || [];
  const leaves = lesson.levels.filter((i) => !nodes[i].op);
  const rowOf = (i) => rows[nodes[i].op];
  const operandsOf = (i, data) => argsOf(i).map((arg) => (typeof arg === "number" ? data[arg] : arg[0]));
  const valueBy = (i, x) => (rowOf(i).vectors ? rowOf(i).value(x.length / rowOf(i).vectors, x) : rowOf(i).value(...x));
  const partialsBy = (i, out, x) => {
    const row = rowOf(i);
    if (!row.vectors) return argsOf(i).map((arg, j) => (typeof arg === "number" ? row.partials[j](out, ...x) : 0));
    const partials = [];
    row.partials(x.length / row.vectors, out, x, partials);
    return partials;
  };
  const within = (i, x) => !rowOf(i).contains || Boolean(rowOf(i).contains(...x));
  const smooth = (i, x) => within(i, x) && (!rowOf(i).smooth || Boolean(rowOf(i).smooth(...x)));

  const recorded = { given: lesson.data, data: lesson.data, kinks: new Set(lesson.kinks),
    partials: lesson.partials.map((all) => all.map((x) => x ?? Infinity)) };

  /* Values and local derivatives for other leaves; where an operation has no value, its fault, and nothing above it. */
  const forward = (given) => {
    const pass = { given, data: [], partials: [], kinks: null, fault: null };
    nodes.forEach((node, i) => {
      pass.partials[i] = [];
      if (!node.op) return void (pass.data[i] = given[i]);
      const x = operandsOf(i, pass.data);
      if (x.includes(undefined)) return;
      const out = valueBy(i, x);
      if (!within(i, x)) pass.fault ??= [i, node.undefined];
      else if (!Number.isFinite(out)) pass.fault ??= [i, node.overflows];
      else [pass.data[i], pass.partials[i]] = [out, partialsBy(i, out, x)];
    });
    return pass;
  };

  const isKinked = (pass, i) => {
    if (pass.kinks) return pass.kinks.has(i);
    const x = operandsOf(i, pass.data);
    return !x.includes(undefined) && pass.partials[i].every(Number.isFinite) && !smooth(i, x);
  };

  /* What the operation gives where it is handed other operands; NaN where it has no value there. */
  const rowOn = (i, operands) => {
    const out = within(i, operands) ? valueBy(i, operands) : NaN;
    return Number.isFinite(out) ? out : NaN;
  };

  /* The chain rule: the gradient of every node, by the engine's sums in the engine's order. seen(i, j, amount, total) is
     told each contribution. A gradient that no float holds is a fault. */
  const reverse = (pass, seen = () => {}) => {
    const grad = [];
    if (pass.data[last] === undefined) return grad;
    grad[last] = 1;
    for (let i = last; i >= 0; i--) {
      for (const [j, arg] of argsOf(i).entries()) {
        if (typeof arg !== "number") continue;
        const amount = grad[i] * pass.partials[i][j];
        grad[arg] = (grad[arg] ?? 0) + amount;
        if (!Number.isFinite(grad[arg])) return void (pass.fault = blockedAt(pass, i, j));
        seen(i, j, amount, grad[arg]);
      }
    }
    return grad;
  };
  const blockedAt = (pass, i, j) => {
    const operand = nodes[i].operands.find((one) => one.operand === j);
    if (Number.isFinite(pass.partials[i][j])) return [i, `the gradient overflows at ${nodes[i].name}`];
    return [i, smooth(i, operandsOf(i, pass.data)) ? operand.steep : operand.no_derivative];
  };

  /* Every number that a sentence can name, by its key (derivation/chain.py says which). */
  const numbersOf = (pass) => {
    const numbers = new Map();
    nodes.forEach((_, i) => {
      if (pass.data[i] !== undefined) numbers.set(`d${i}`, pass.data[i]);
      argsOf(i).forEach((arg, j) => {
        if (typeof arg !== "number") numbers.set(`c${i}-${j}`, arg[0]);
        else if (pass.partials[i][j] !== undefined) numbers.set(`p${i}-${j}`, pass.partials[i][j]);
      });
    });
    const sums = [];
    const grad = reverse(pass, (i, j, amount, total) => sums.push([`a${i}-${j}`, amount], [`t${i}-${j}`, total]));
    if (!grad || !grad.length) return numbers;
    numbers.set("seed", 1).set("zero", 0);
    sums.forEach(([key, x]) => numbers.set(key, x));
    grad.forEach((x, i) => numbers.set(`g${i}`, x));
    return numbers;
  };

  /* And those of a walk beside the backward pass: the paths to one leaf, or the derivatives by it. */
  const numbersBeside = (walk, pass, numbers) => {
    const x = walk.by;
    if (walk.mode === "paths") {
      let total = 0;
      walk.steps.filter((step) => step.phase === "path").forEach((step, k) => {
        const edges = step.playing.filter((part) => part.startsWith("edge-")).map((part) => part.slice(5).split("-"));
        const product = edges.reduce((all, [i, j]) => all * (pass.partials[i][j] ?? NaN), 1);
        total += product;
        if (Number.isFinite(total)) numbers.set(`w${x}-${k}`, product).set(`s${x}-${k}`, total);
      });
    } else if (walk.mode === "forward") {
      const tangent = [];
      tangent[x] = 1;
      nodes.forEach((_, i) => {
        const below = argsOf(i).flatMap((arg, j) => (tangent[arg] === undefined ? [] : [[arg, j]]));
        if (!below.length) return;
        tangent[i] = below.reduce((sum, [arg, j]) => sum + (pass.partials[i][j] ?? NaN) * tangent[arg], 0);
        if (Number.isFinite(tangent[i])) numbers.set(`x${x}-${i}`, tangent[i]);
      });
    }
    return numbers;
  };

  /* The page tries its rows on the recorded operands: one that does not give the recorded numbers is not used. */
  const NEAR = 1e-9;
  const near = (a, b) => a === b || Math.abs(a - b) <= NEAR * Math.max(Math.abs(a), Math.abs(b), 1e-300);
  const strange = () =>
    nodes.findIndex((node, i) => {
      if (!node.op) return false;
      try {
        const x = operandsOf(i, lesson.data);
        const partials = partialsBy(i, lesson.data[i], x);
        const differs = (arg, j) =>
          typeof arg === "number" && Number.isFinite(recorded.partials[i][j]) && !near(partials[j], recorded.partials[i][j]);
        return !near(valueBy(i, x), lesson.data[i]) || argsOf(i).some(differs);
      } catch {
        return true;
      }
    });
  const standing = (() => {
    if (!rows) return lesson.standing;
    const i = strange();
    return i < 0 ? "" : `The operation ${nodes[i].op} does not give in JavaScript what it gave in Python`;
  })();
