  /* Numbers as they are written, and templates filled with them: by the rules of writing/numbers.py and
     writing/templates.py, to the letter; a test holds the two against each other. */

  const [LOWEST, MILLION, ROUND_OFF] = [-4, 1e6, 1e-15];
  const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const raised = (integer) => String(integer).replace("-", "⁻").replace(/\d/g, (c) => RAISED[c]);
  const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

  // Up to 15 digits the shortest text of a number is a tie's own.
  const tieAsWritten = (x, decimals) => {
    const [mantissa] = x.toExponential().split("e");
    return mantissa.endsWith("5") && mantissa.length === decimals + 3;
  };
  /* x > 0 with so many digits behind the point of its mantissa. toExponential rounds a tie up, Python to the even digit;
     a number is a tie where all its other digits are 50…0. */
  const exponential = (x, decimals) => {
    const text = x.toExponential(decimals);
    if (decimals < 14 ? !tieAsWritten(x, decimals) : !/500e/.test(x.toExponential(decimals + 3))) return text;
    const all = x.toExponential(100);
    const [kept, rest] = [all.slice(0, decimals + 2 - (decimals ? 0 : 1)), all.slice(decimals + 2).split("e")[0].replace(".", "")];
    if (!/^50*$/.test(rest) || Number(kept.at(-1)) % 2) return text;
    return `${kept}e${all.split("e")[1]}`;
  };

  const integer = (x) => {
    const below = Math.floor(x);
    return x - below === 0.5 ? below + (below % 2) : Math.round(x);
  };

  const format = (x, digits = lesson.digits) => {
    if (!Number.isFinite(x)) return "undefined";
    if (x === 0) return "0";
    const [sign, size] = [x < 0 ? "−" : "", Math.abs(x)];
    const [mantissa, power] = exponential(size, digits - 1).split("e");
    const exponent = Number(power);
    if (exponent < LOWEST || integer(size) >= MILLION) return `${sign}${trimmed(mantissa)}×10${raised(exponent)}`;
    if (digits - 1 <= exponent) return sign + integer(size);
    const plain = mantissa.replace(".", "");
    if (exponent < 0) return sign + trimmed(`0.${"0".repeat(-exponent - 1)}${plain}`);
    return sign + trimmed(`${plain.slice(0, exponent + 1)}.${plain.slice(exponent + 1)}`);
  };

  const numberIn = (text) => {
    const [mantissa, power] = text.replace("−", "-").split("×10");
    if (power === undefined) return Number(mantissa);
    return Number(`${mantissa}e${power.replace("⁻", "-").replace(/[⁰-⁹¹²³]/g, (c) => RAISED.indexOf(c))}`);
  };
  const bracketed = (text) => (/^−|×/.test(text) ? `(${text})` : text);
  const relation = (left, right) =>
    Math.abs(left - right) <= ROUND_OFF * Math.max(Math.abs(left), Math.abs(right)) ? "=" : "≈";

  const added = (terms) => terms.reduce((sum, term) => sum + term, 0);
  const COMBINED = {
    product: (x) => x.reduce((product, factor) => product * factor, 1),
    sum: added,
    dot: (x) => added(x.flatMap((a, k) => (k % 2 ? [] : [a * x[k + 1]]))),
  };

  const signOf = (how, x, row) => {
    if (!x.every(Number.isFinite)) return "=";
    const rounded = x.map((value) => numberIn(format(value)));
    if (how === "full") return rounded.every((a, k) => relation(a, x[k]) === "=") ? "=" : "≈";
    const result = rounded.pop();
    return relation((COMBINED[how] || ((operands) => row(Number(how.slice(2)), operands)))(rounded), result);
  };

  /* number : of a key; row : the row of a node on other operands; shown : a number as HTML */
  const SLOT = /([\ue000-\ue002])([^\ue003]*)\ue003/g;
  const fill = (template, number, row, shown = (text) => text) =>
    template.replace(SLOT, (_, kind, about) => {
      if (kind === "\ue002") {
        const [how, ...keys] = about.split(" ");
        const x = keys.map(number);
        return x.includes(undefined) ? "=" : signOf(how, x, row);
      }
      const x = number(about);
      if (x === undefined) return "…";
      return shown(kind === "\ue001" ? bracketed(format(x)) : format(x), x);
    });
