/* Put a piece of HTML that Python wrote into the page, and run its script, as a notebook does. */

export const mount = (place, html, prepare = () => {}) => {
  const template = document.createElement("template");
  template.innerHTML = html;
  const scripts = [...template.content.querySelectorAll("script")];
  scripts.forEach((script) => script.remove());
  place.replaceChildren(template.content);
  prepare(place.firstElementChild);
  scripts.forEach((script) => {
    const alive = document.createElement("script"); // one that came as HTML would not run
    alive.textContent = script.textContent;
    place.append(alive);
  });
};
