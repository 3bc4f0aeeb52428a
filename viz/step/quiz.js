  /* The quiz: an answer read, graded by its digits, its sign and its size, and the result code that a teacher reads
     (step/results.py reads it in Python). */

  const NUMBER = "[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?";
  const typedAs = (typed) =>
    typed.replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (c) => RAISED.indexOf(c)).replace(/[−–⁻]/g, "-").replace(/\s/g, "")
      .replace(/[×*·]10\^?\(?([+-]?\d+)\)?/g, "e$1");
  const read = (text) => {
    const found = new RegExp(`^(${NUMBER})(?:/(${NUMBER}))?$`, "i").exec(text);
    return found ? Number(found[1]) / (found[2] === undefined ? 1 : Number(found[2])) : NaN;
  };

  /* A number as a person types it: −4, 0,25, 1e-7, 1.2×10^-7, -1/3. NaN for anything else. */
  const parsed = (typed) => read(typedAs(typed).replace(/,/g, "."));
  /* What it may have meant: a comma stands before decimals, or between thousands. */
  const readings = (typed) => {
    const grouped = /^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$/.test(typedAs(typed));
    return [parsed(typed), ...(grouped ? [read(typedAs(typed).replace(/,/g, ""))] : [])].filter(Number.isFinite);
  };

  const NEAR_ENOUGH = 0.01;
  const close = (guess, value) =>
    value === 0 ? guess === 0 : Math.abs(guess - value) <= NEAR_ENOUGH * Math.abs(value) * (1 + 1e-12);
  /* Whether it is the value rounded to the digits that were typed, two at least. */
  const rounds = (typed, guess, value) => {
    const found = /^[+-]?(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(typedAs(typed).replace(/,/g, "."));
    if (!found || (found[1] + found[2]).replace(/^0+/, "").length < 2) return false;
    const unit = 10 ** (Number(found[3] || 0) - found[2].length);
    return value !== 0 && Math.abs(guess - value) <= 0.5 * unit * (1 + 1e-9);
  };
  const agrees = (typed, value) =>
    readings(typed).some((guess) => close(guess, value) || rounds(typed, guess, value));

  /* "" where the answer is right, else what is wrong with it. */
  const graded = (typed, value) => {
    const all = readings(typed);
    if (!all.length) return "That is no number: type one like −4, 0.25, −1/3 or 2×10^-7.";
    if (agrees(typed, value)) return "";
    const [guess] = all;
    if (all.some((one) => close(-one, value))) return "✗ Not quite: look at the sign.";
    if (value === 0 || guess === 0) return `✗ Not quite: it is ${value === 0 ? "" : "not "}0.`;
    const size = Math.round(Math.log10(Math.abs(value / guess)));
    if (size && close(guess * 10 ** size, value)) return "✗ Not quite: the digits are right, look at the power of ten.";
    if (Math.abs(guess - value) <= 0.1 * Math.abs(value)) return "✗ Not quite: it is near, but two digits must be right.";
    return "✗ Not quite.";
  };

  /* The second hint: the numbers to reckon with, or else its sign and size. */
  const sized = (value) => {
    if (value === 0) return "It is 0.";
    const power = Math.floor(Math.log10(Math.abs(value)));
    return `It is ${value < 0 ? "negative" : "positive"}, its size from ${format(10 ** power, 1)} to ${format(10 ** (power + 1), 1)}.`;
  };

  /* The result code: a name, then for each question of the backward pass how it was answered. Letters and digits that
     nobody confuses (Crockford's base 32); the last four hold the page, the name and the answers together. */
  const [OPEN, SHOWN, HELPED, RIGHT] = [0, 1, 2, 3];
  const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const checksum = (text) => {
    let hash = 0x811c9dc5; // FNV-1a
    for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    return (hash ^ (hash >>> 20)) & 0xfffff;
  };
  const inLetters = (bits) =>
    bits.padEnd(5 * Math.ceil(bits.length / 5), "0").replace(/.{5}/g, (five) => ALPHABET[parseInt(five, 2)]);
  const resultCode = (name, answers, moved) => {
    const bits = [moved ? "1" : "0", ...answers.map((one) => one.toString(2).padStart(2, "0"))].join("");
    const letters = inLetters(bits);
    const check = checksum(`${lesson.fingerprint}|${name}|${letters}`).toString(2).padStart(20, "0");
    return [name, (letters + inLetters(check)).replace(/.{4}(?=.)/g, "$&-")].filter(Boolean).join(".");
  };

  /* How the questions of one page were answered; to each step of the backward pass one answer, the first that counts. */
  const quizOf = () => {
    const asked = walks[0].steps.flatMap((step, at) => (step.hint ? [at] : []));
    const answers = new Map();
    let tries = 0;
    let hints = 0;
    const settle = (at, how) => {
      if (!answers.has(at)) answers.set(at, how);
      [tries, hints] = [0, 0];
    };
    return {
      begin: () => ([tries, hints] = [0, 0]),
      wrong: () => (tries += 1),
      hint: () => (hints += 1),
      hints: () => hints,
      right: (at) => settle(at, tries || hints ? HELPED : RIGHT),
      shown: (at) => settle(at, SHOWN),
      said: () => {
        const count = (how) => [...answers.values()].filter((one) => one === how).length;
        const helped = count(HELPED) ? `, ${count(HELPED)} with help` : "";
        return `${count(RIGHT)} of ${asked.length} right${helped}${count(SHOWN) ? `, ${count(SHOWN)} shown` : ""}`;
      },
      done: () => answers.size > 0,
      code: (name, moved) => resultCode(name, asked.map((at) => answers.get(at) ?? OPEN), moved),
    };
  };
