// Elements from data, and questions to the server. Text is never read as HTML.

/** An element with properties and children; null children are left out. */
export function el(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** The server's answer as data; throws an Error with its sentence when it refuses. */
export async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("no answer: is the page's server still running, and the file still there?");
  }
  const body = await answer.json().catch(() => ({ detail: `${answer.status} ${answer.statusText}` }));
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

/** The query `name=a&name=b&...` of pairs. */
export const query = (pairs) => new URLSearchParams(pairs).toString();

/** Shows sentences in an element that is hidden while there are none. */
export function say(element, sentences) {
  element.textContent = sentences.join("\n");
  element.hidden = sentences.length === 0;
}

/** Boxes to tick, one per item; `describe(item)` gives its title and what stands below. */
export function choices(items, describe, none) {
  if (items.length === 0) return [el("p", { className: "soft" }, none)];
  return items.map((item) => {
    const [title, below] = describe(item);
    return el("label", {}, el("input", { type: "checkbox", value: item.name }),
      el("span", {}, el("b", {}, title), el("span", { className: "soft" }, below)));
  });
}

/** The names of the ticked boxes in an element. */
export const ticked = (element) => [...element.querySelectorAll("input:checked")].map((box) => box.value);

export const figure = (value) => (value === null || value === undefined ? "\u2013" : value.toFixed(3));
