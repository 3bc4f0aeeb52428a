/* The small parts of the pages: what is loading, an error, the inputs' fields, what a program printed, and the gradient
   check. */

import { keepOffline } from "./offline.js";

/* What pythonFor tells while Python comes, and where it does not. */
export const loadingIn = (place) => ({
  loading: (what, share) => {
    place.hidden = share === 1;
    place.querySelector("progress").value = share;
    place.querySelector("span").textContent = `Loading ${what} …`;
    if (share !== 1) return;
    document.documentElement.dataset.python = "ready";
    keepOffline();
  },
  failed: (message) => {
    place.hidden = false;
    place.textContent = `Python could not be started here (${message}). Pictures and texts can be read all the same.`;
  },
});

export const errorIn = (place, error) => {
  place.hidden = !error;
  const where = error?.line ? `Line ${error.line}${error.column ? `, column ${error.column}` : ""}: ` : "";
  place.textContent = error ? where + error.message : "";
};

export const printedIn = (place, { printed, value }) => {
  place.textContent = [printed, value].filter(Boolean).join("\n");
  place.hidden = !place.textContent;
};

/* changed(name, text) : a person gave an input another number. */
export const inputsIn = (place, changed) => {
  let fields = new Map();
  const fieldFor = (name) => {
    const field = Object.assign(document.createElement("input"), { size: 7, autocomplete: "off", spellcheck: false });
    field.addEventListener("change", () => changed(name, field.value));
    return field;
  };
  const write = (numbers) => fields.forEach((field, name) => field === document.activeElement || (field.value = numbers[name]));
  return {
    write,
    show: (names, numbers) => {
      const before = fields;
      fields = new Map(names.map((name) => [name, before.get(name) || fieldFor(name)]));
      if ([...before.keys()].join() !== names.join())
        place.replaceChildren(...[...fields].map(([name, field]) => {
          const label = document.createElement("label");
          label.append(`${name} = `, field);
          return label;
        }));
      write(numbers);
    },
  };
};

export const checkIn = (place, check) => {
  place.hidden = !check;
  if (!check) return;
  place.querySelector("tbody").replaceChildren(...check.rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((cell, i) => Object.assign(document.createElement(i ? "td" : "th"), { textContent: cell })));
    row.firstElementChild.scope = "row";
    return row;
  }));
  place.querySelector("table").hidden = !check.rows.length;
  place.querySelector("p").textContent = [check.note, ...check.kinks, ...check.held].filter(Boolean).join(" · ");
};
