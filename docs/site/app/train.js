/* The training room: settings and clicks here, all computing in the worker (python/room.py). While it trains, the page
   asks for some more epochs, draws what comes, and asks again. */

import { drawBoundary, drawLosses, toCanvas, toPlane } from "./canvas.js";
import { pointsOf } from "./data.js";
import { mount } from "./mount.js";
import { errorIn, loadingIn } from "./parts.js";
import { pythonFor } from "./python.js";

const $ = (selector) => document.querySelector(selector);
const settings = $("#settings");
const SECONDS = 0.2; // of training between two pictures

let points = [];
let clicked = []; // the points of one's own, kept while another set is looked at
let losses = [];
let shown = {}; // the last answer
let chosen = null;
let running = false;
let opening = 0;

const python = pythonFor(loadingIn($("#loading")));

const draw = () => {
  drawBoundary($("#boundary"), points, { ...shown, chosen });
  drawLosses($("#losses"), losses);
  $("#which").max = points.length;
  const loss = losses.length ? `, loss ${losses.at(-1).toPrecision(3)}` : "";
  const right = shown.right === undefined ? "" : `, ${shown.right} of ${points.length} right`;
  $("#told").textContent = `epoch ${shown.epoch || 0}${loss}${right}`;
};

const enable = (is) => ["#train", "#once", "#anew", "#take"].forEach((one) => ($(one).disabled = !is));

const told = (error) => {
  errorIn($("#error"), error);
  if (error) pause();
};

const pause = () => {
  running = false;
  $("#train").textContent = "Train";
};

const asked = () => {
  const given = Object.fromEntries(new FormData(settings));
  const layers = given.layers.split(/[ ,;]+/).filter(Boolean).map(Number);
  const wrong = (message) => ({ message, line: 0 });
  if (layers.length > 3 || layers.some((n) => !Number.isInteger(n) || n < 1 || n > 8))
    return { error: wrong("Hidden layers are up to three numbers from 1 to 8, as 6, 4; none for a single neuron.") };
  const [rate, batch, seed] = ["rate", "batch", "seed"].map((name) => Number(given[name].replace(",", ".")));
  if (!(rate > 0 && rate <= 10)) return { error: wrong("The rate is a number above 0 and up to 10, as 0.03.") };
  if (!Number.isInteger(batch) || batch < 1) return { error: wrong("A batch has 1 example or more, as 10.") };
  if (!Number.isInteger(seed) || seed < 0) return { error: wrong("The seed is 0, 1, 2, …") };
  return { ...given, layers, rate, batch, seed };
};

/* A new network, with the settings as they are. */
const open = async () => {
  const mine = (opening += 1);
  pause();
  const { data, error, ...given } = asked();
  told(error);
  $("#clicking").hidden = data !== "clicked";
  if (error) return enable(false);
  points = data === "clicked" ? clicked : pointsOf(data, given.seed);
  [losses, shown, chosen] = [[], {}, null];
  $("#example").replaceChildren();
  draw();
  const answer = await python.ask("room.open", { points, ...given });
  if (mine !== opening) return;
  told(answer.error);
  enable(!answer.error);
  if (answer.error) return $("#network").replaceChildren();
  shown = answer;
  mount($("#network"), answer.network);
  draw();
};

const more = async (seconds) => {
  const mine = opening;
  const answer = await python.ask("room.train", { seconds });
  if (mine !== opening) return;
  if (answer.error) return told(answer.error);
  shown = { ...shown, ...answer };
  losses = [...losses, ...answer.losses];
  $("#network .learning").dispatchEvent(new CustomEvent("snapshot", { detail: answer.snapshot }));
  draw();
};

const train = async () => {
  if (running) return pause();
  running = true;
  $("#train").textContent = "Pause";
  while (running) await more(SECONDS);
};

const take = async (index) => {
  chosen = index;
  $("#which").value = index + 1;
  pause();
  draw();
  const { page, epoch } = await python.ask("room.example", { index });
  const heading = Object.assign(document.createElement("h2"), { textContent: `Example ${index + 1}, with the weights of epoch ${epoch}`, tabIndex: -1 });
  const place = document.createElement("div");
  $("#example").replaceChildren(heading, place);
  mount(place, page);
  heading.scrollIntoView({ block: "start" });
  heading.focus({ preventScroll: true });
};

$("#boundary").addEventListener("click", (event) => {
  const box = $("#boundary").getBoundingClientRect();
  const [x, y] = [((event.clientX - box.left) / box.width) * 400, ((event.clientY - box.top) / box.height) * 400];
  const far = points.map((point) => Math.hypot(toCanvas(point)[0] - x, toCanvas(point)[1] - y));
  const near = far.indexOf(Math.min(...far));
  if (near >= 0 && far[near] < 12 && !$("#take").disabled) return take(near);
  if ($("#clicking").hidden) return;
  clicked = [...clicked, [...toPlane(x, y), Number($("#colour").value)]];
  open();
});
$("#train").addEventListener("click", train);
$("#once").addEventListener("click", () => (pause(), more(0)));
$("#anew").addEventListener("click", open);
$("#take").addEventListener("click", () => take(Math.min(Math.max(Number($("#which").value) || 1, 1), points.length) - 1));
settings.addEventListener("change", open);
settings.addEventListener("submit", (event) => event.preventDefault());
addEventListener("resize", draw);
open();
