/* The playground: what is typed is computed in the worker, and shown as the live step-through, with its gradient check;
   all of it is in the address. Until Python has arrived the page shows the picture that was drawn when it was built. */

import { numbersOf, readAddress, wordsOf, writeAddress } from "./address.js";
import { editorIn } from "./editor.js";
import { saveBitmap, saveText } from "./exports.js";
import { mount } from "./mount.js";
import { checkIn, errorIn, inputsIn, loadingIn, printedIn } from "./parts.js";
import { pythonFor } from "./python.js";

const $ = (selector) => document.querySelector(selector);
const PATIENCE = 250; // ms from the last key to the answer
const examples = JSON.parse($("#examples-told").textContent);

// The text, the numbers of its inputs as they were typed, the inputs' names, and the stepper's words: step=3&show=paths.
const linked = readAddress();
const first = examples[0];
const state = linked.text === null
  ? { text: first.expression, python: false, inputs: Object.keys(first.numbers), numbers: { ...first.numbers }, words: "" }
  : { ...linked, inputs: [] };
let trusted = !state.python; // a program from a link is run by a person, not by the link
let asked = 0; // what is shown answers the last question alone

const python = pythonFor(loadingIn($("#loading")));

// What is answered.

const busy = (is) => {
  $("#stop").disabled = !is;
  $("#stage").setAttribute("aria-busy", String(is));
};

const showError = (error) => {
  errorIn($("#error"), error);
  $("#stage").classList.toggle("old", Boolean(error));
  editor.mark(error);
};

let recorded = {}; // the numbers that the page was computed with
const showPage = (html) =>
  mount($("#stage"), html, (host) => {
    host.dataset.address = state.words;
    follow(host);
  });

/* The step and the numbers move in the stepper, which reckons by itself; address, fields and gradient check follow. */
const follow = (host) =>
  host.addEventListener("addressed", ({ detail }) => {
    if (!host.isConnected) return; // it tells a little later, and another page is shown by now
    state.words = state.python ? detail : wordsOf(detail);
    const numbers = state.python ? {} : numbersOf(detail);
    const moved = Object.keys(numbers).filter((name) => name in recorded && Number(numbers[name]) !== recorded[name]);
    moved.forEach((name) => (state.numbers[name] = numbers[name]));
    inputs.write(state.numbers);
    writeAddress(state);
    if (moved.length) checkAgain();
  });

let checking = null;
const checkAgain = () => {
  clearTimeout(checking);
  checking = setTimeout(async () => {
    const mine = asked;
    const told = await python.ask("check", { text: state.text, numbers: state.numbers });
    if (mine === asked) checkIn($("#check"), told.check);
  }, 300);
};

const answer = async () => {
  const mine = (asked += 1);
  writeAddress(state);
  if (!trusted) return showError({ message: "This program came with a link, or was stopped. Read it, then press Run.", line: 0 });
  busy(true);
  let told = null;
  try {
    told = state.python ? await python.ask("program", { text: state.text }) : await python.ask("expression", { text: state.text, numbers: state.numbers });
  } catch (error) {
    told = { error: { message: error.message.trim().split("\n").at(-1), line: 0 } };
  }
  if (mine !== asked) return;
  busy(false);
  showError(told.error);
  printedIn($("#printed"), told);
  if (told.inputs) Object.assign(state.numbers, told.inputs);
  state.inputs = Object.keys(told.inputs || {});
  recorded = told.values || {};
  if (told.inputs || state.python) inputs.show(state.inputs, state.numbers);
  checkIn($("#check"), told.check);
  if (told.page) showPage(told.page);
  if (told.html) mount($("#stage"), told.html);
  $("#stage .waiting")?.remove();
  writeAddress(state);
};

// What a person does.

const inputs = inputsIn($("#inputs"), (name, text) => {
  state.numbers[name] = text;
  answer();
});

let typing = null;
const editor = editorIn($("#editor"), {
  text: state.text,
  changed: () => {
    state.text = editor.text();
    $("#examples").value = "own"; // it is no longer one of them
    clearTimeout(typing);
    typing = setTimeout(answer, PATIENCE);
  },
  run: () => run(),
});

const run = () => {
  trusted = true;
  clearTimeout(typing);
  answer();
};

const turn = () => {
  editor.asPython(state.python);
  $("#run").hidden = !state.python;
  $("#mode").value = state.python ? "python" : "expression";
  document.querySelectorAll("[data-export]").forEach((button) => (button.hidden = state.python && button.dataset.export !== ".py"));
};

const show = (example) => {
  Object.assign(state, { python: example.python !== undefined, numbers: { ...example.numbers }, inputs: [], words: "" });
  turn();
  editor.set(example.python ?? example.expression);
  $("#examples").value = String(examples.indexOf(example));
  run();
};

$("#mode").addEventListener("change", () => show(examples.find((one) => ($("#mode").value === "python") === (one.python !== undefined))));
$("#examples").addEventListener("change", () => show(examples[Number($("#examples").value)]));
$("#run").addEventListener("click", run);
$("#stop").addEventListener("click", () => {
  asked += 1;
  python.stop();
  busy(false);
  trusted = !state.python;
  showError({ message: "Stopped. Python starts anew; change the text, or press Run, to go on.", line: 0 });
});
$("#link").addEventListener("click", async () => {
  await new Promise((resolve) => setTimeout(resolve, 600)); // until the address is written
  const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
  $("#said").textContent = copied ? "The link is copied: it brings others to just this." : "The address of this page is the link.";
});
$("#save-as").addEventListener("click", async (event) => {
  const suffix = event.target.dataset.export;
  if (!suffix) return;
  $("#said").textContent = "";
  $("#save-as").open = false;
  if (state.python) return saveText("playground.py", state.text);
  const file = await python.ask("export", { text: state.text, numbers: state.numbers, suffix: suffix === ".png" ? ".svg" : suffix })
    .catch(() => ($("#said").textContent = "There is nothing to save while there is an error.", null));
  if (file && suffix === ".png") await saveBitmap(file.name.replace(/svg$/, "png"), file.text);
  else if (file) saveText(file.name, file.text);
});
addEventListener("hashchange", () => location.reload());

turn();
inputs.show(state.inputs, state.numbers);
if (linked.text === null) {
  recorded = Object.fromEntries(Object.entries(first.numbers).map(([name, x]) => [name, Number(x)]));
  follow($("#stage").firstElementChild); // the page was built with the first example
} else {
  $("#examples").value = "own";
  $("#stage").replaceChildren(Object.assign(document.createElement("p"), { textContent: "What the link holds is drawn as soon as Python is here.", className: "waiting" }));
  answer();
}
