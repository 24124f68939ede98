// Tested runs: a list, their figures side by side, reports.

import { ask, choices, el, figure, query, say, ticked } from "./dom.js";

const at = (id) => document.getElementById(id);
let started = false;

export async function showRuns() {
  if (!started) start();
  const before = ticked(at("tested"));
  try {
    const { runs, broken } = await ask("/api/runs");
    const below = (run) => `${run.name}: ${run.trained_on.join(", ") || "?"} \u2192 ${run.tested_on.join(", ")}`;
    at("tested").replaceChildren(...choices(runs, (run) => [run.label, below(run)], "none yet: train or test a detector"));
    for (const box of at("tested").querySelectorAll("input")) box.checked = before.includes(box.value);
    say(at("trouble"), broken);
  } catch (error) {
    say(at("trouble"), [error.message]);
  }
  linkReport();
}

function start() {
  started = true;
  at("tested").addEventListener("change", linkReport);
  at("compare").addEventListener("click", compare);
}

const chosen = () => query(ticked(at("tested")).map((name) => ["run", name]));

function linkReport() {
  const runs = chosen();
  at("compare").disabled = !runs;
  if (runs) at("report").href = `/api/report?${runs}`;
  else at("report").removeAttribute("href");
}

async function compare() {
  say(at("trouble"), []);
  try {
    showFigures(await ask(`/api/compare?${chosen()}`));
  } catch (error) {
    say(at("trouble"), [error.message]);
  }
}

function showFigures({ metrics, rows, notes }) {
  const options = Object.entries(metrics).map(([name, title]) => el("option", { value: name }, title));
  const choice = el("select", {}, ...options);
  const place = el("div", { className: "scroll" });
  const draw = () => place.replaceChildren(table(rows, choice.value));
  choice.addEventListener("change", draw);
  draw();
  const remarks = el("ul", { className: "soft" }, ...notes.map((note) => el("li", {}, note)));
  at("compared").replaceChildren(el("label", {}, "Figure ", choice), place, remarks);
}

/** Runs against test sets, one metric. */
function table(rows, metric) {
  const sets = [...new Set(rows.map((row) => row.set))];
  const runs = [...new Set(rows.map((row) => row.run))];
  const head = el("tr", {}, el("th", { scope: "col" }, "run"), ...sets.map((set) => el("th", { scope: "col" }, set)));
  const lines = runs.map((run) => el("tr", {}, el("th", { scope: "row" }, run),
    ...sets.map((set) => cell(rows.find((row) => row.run === run && row.set === set)?.figures[metric]))));
  return el("table", {}, el("thead", {}, head), el("tbody", {}, ...lines));
}

function cell(found) {
  const bounds = found && "low" in found ? `${figure(found.low)} \u2013 ${figure(found.high)}` : (found?.undefined ?? "");
  return el("td", { className: "number" }, el("b", {}, figure(found?.value)), el("span", { className: "soft" }, bounds));
}
