/* What the address of the playground holds: #expression=q = x + y; f = q * z&x=-2&step=3, or #python=…. The step and its
   kin are the stepper's words (viz/step/address.js), which writes ~step for a leaf of that name. An address is only
   read: an expression is no code, and a program that came with a link waits until a person runs it. */

const LONGEST = 20_000;
const WORDS = ["step", "predict", "show", "by"];
const OTHERS = ["embed", "expression", "python"]; // names of leaves that are written with ~ as well

/* Of the stepper's address what is left without its numbers. */
export const wordsOf = (address) => {
  const parts = new URLSearchParams(address);
  return WORDS.filter((word) => parts.has(word)).map((word) => (word === "predict" ? word : `${word}=${encodeURIComponent(parts.get(word))}`)).join("&");
};

/* The numbers in the stepper's address, by the names of leaves. */
export const numbersOf = (address) =>
  Object.fromEntries([...new URLSearchParams(address)].filter(([name]) => !WORDS.includes(name) && !OTHERS.includes(name))
    .map(([name, number]) => [name.replace(/^~/, ""), number.slice(0, 40)]));

/* { text, python, numbers, words }; text is null where the address holds none. Of a program all is the stepper's. */
export const readAddress = () => {
  const parts = new URLSearchParams(location.hash.slice(1));
  const python = parts.has("python");
  const text = parts.get(python ? "python" : "expression");
  OTHERS.forEach((word) => parts.delete(word));
  const rest = parts.toString();
  return { text: text?.slice(0, LONGEST) ?? null, python, numbers: numbersOf(rest), words: python ? rest : wordsOf(rest) };
};

/* inputs : the names that the expression uses, whose numbers are written as they were typed */
export const addressOf = ({ text, python, inputs, numbers, words }) => {
  const own = `${python ? "python" : "expression"}=${encodeURIComponent(text).replace(/%20/g, "+")}`;
  const named = (name) => ([...WORDS, ...OTHERS].includes(name) ? `~${name}` : name);
  const given = python ? [] : inputs.map((name) => `${encodeURIComponent(named(name))}=${encodeURIComponent(numbers[name])}`);
  return `#${[own, words, ...given].filter(Boolean).join("&")}`;
};

let waiting = null;
export const writeAddress = (state) => {
  clearTimeout(waiting);
  waiting = setTimeout(() => history.replaceState(null, "", addressOf(state)), 200);
};
