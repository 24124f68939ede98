// Uploads: what to ask about them, the queue, and the answers.

import { answerCard } from "./answer.js";
import { ask, choices, el, query, say, ticked } from "./dom.js";

const EVERY = 700; // milliseconds between looks at the queue while something is in it
const at = (id) => document.getElementById(id);
const shown = new Map(); // by job, what it was like when its card was made
let most = Infinity;
let watching = false;

export async function startJudging() {
  const drop = at("drop");
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragenter" || name === "dragover");
    });
  }
  drop.addEventListener("drop", (event) => {
    at("files").files = event.dataTransfer.files;
    nameChosen();
  });
  at("files").addEventListener("change", nameChosen);
  at("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  watch();
  await listCheckpoints();
}

async function listCheckpoints() {
  try {
    const { checkpoints, broken, max_bytes } = await ask("/api/checkpoints");
    most = max_bytes;
    say(at("broken"), broken);
    const below = (one) => `${one.name}${one.trained_on.length ? `, trained on ${one.trained_on.join(", ")}` : ""}`;
    const none = "none yet: train a detector, or put a checkpoint into weights/";
    at("checkpoints").replaceChildren(...choices(checkpoints, (one) => [one.detector, below(one)], none));
    at("checkpoints").querySelector("input")?.click();
  } catch (error) {
    say(at("problem"), [error.message]);
  }
}

function nameChosen() {
  const names = [...at("files").files].map((file) => file.name);
  at("chosen").textContent = names.join(", ") || "or choose files; they stay on this machine";
}

async function submit() {
  const files = [...at("files").files];
  const weights = ticked(at("checkpoints"));
  const missing = [files.length ? null : "choose a file first", weights.length ? null : "choose a checkpoint first"];
  say(at("problem"), missing.filter(Boolean));
  if (!files.length || !weights.length) return;
  at("files").value = "";
  nameChosen();
  const results = await Promise.allSettled(files.map((file) => upload(file, weights)));
  say(at("problem"), results.flatMap((one) => (one.status === "rejected" ? [one.reason.message] : [])));
  watch();
}

async function upload(file, weights) {
  if (file.size > most) throw new Error(`${file.name}: larger than ${(most / 2 ** 20).toFixed(0)} MB`);
  const asked = query([
    ["name", file.name], ["heat", at("heat").checked], ["keep", at("keep").checked], ["frames", at("frames").value],
    ...weights.map((name) => ["weights", name]),
  ]);
  return ask(`/api/jobs?${asked}`, { method: "POST", body: file });
}

/** Follow the queue until nothing in it is open. */
async function watch() {
  if (watching) return;
  watching = true;
  try {
    while (showJobs(await ask("/api/jobs"))) await new Promise((done) => setTimeout(done, EVERY));
  } catch (error) {
    say(at("problem"), [error.message]);
  } finally {
    watching = false;
  }
}

/** Show the jobs, newest first; whether any is open. Cards of what has not changed stay as they are. */
function showJobs(jobs) {
  for (const [id, old] of shown) {
    if (jobs.some((job) => job.id === id)) continue;
    old.card.remove();
    shown.delete(id);
  }
  for (const job of jobs) {
    const text = JSON.stringify(job);
    const old = shown.get(job.id);
    if (old?.text === text) continue;
    const card = jobCard(job);
    if (old) old.card.replaceWith(card);
    else at("jobs").prepend(card);
    shown.set(job.id, { text, card });
  }
  return jobs.some(isOpen);
}

const isOpen = (job) => job.state === "waiting" || job.state === "running";

function jobCard(job) {
  const card = el("article", { className: "job" });
  card.dataset.state = job.state;
  const button = el("button", { type: "button", className: "quiet" }, isOpen(job) ? "Cancel" : "Remove");
  button.addEventListener("click", () => remove(job));
  card.append(el("header", {}, el("h2", {}, job.name), el("span", { className: "soft" }, stateText(job)), button));
  if (isOpen(job)) card.append(el("progress", { max: 1, value: job.progress, ariaLabel: `progress of ${job.name}` }));
  if (job.kept) card.append(el("p", { className: "soft" }, `kept in ${job.kept}`));
  card.append(...job.answers.map(answerCard));
  return card;
}

function stateText(job) {
  if (job.state !== "running") return job.state;
  const which = job.checkpoints.length > 1 ? `, checkpoint ${job.answers.length + 1} of ${job.checkpoints.length}` : "";
  return `running, ${Math.round(100 * job.progress)} %${which}`;
}

async function remove(job) {
  try {
    await ask(`/api/jobs/${job.id}`, { method: "DELETE" });
    showJobs(await ask("/api/jobs"));
  } catch (error) {
    say(at("problem"), [error.message]);
  }
}
