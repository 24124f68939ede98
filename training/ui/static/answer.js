// What one checkpoint says of one file.

import { el, figure } from "./dom.js";

const MAKERS = 5; // likeliest ones shown

export function answerCard(answer) {
  const { checkpoint, error, said, notes, pictures } = answer;
  const card = el("section", { className: "answer" });
  card.append(el("h3", {}, checkpoint.detector, el("span", { className: "soft" }, checkpoint.name)));
  if (error) card.append(el("p", { className: "error" }, error));
  if (said === null || said.failed) return card;
  card.append(verdict(said));
  if (said.note) card.append(el("p", { className: "soft" }, said.note));
  if (said.maker) card.append(makers(said.maker));
  card.append(...drawn(pictures));
  card.append(details(said, notes));
  return card;
}

function verdict(said) {
  const prob = said.calibrated ?? said.fake_prob;
  const interval = said.calibrated_interval ?? said.interval;
  const box = el("div", { className: "verdict" });
  box.dataset.verdict = said.verdict ?? "none";
  const told = el("p", {}, el("strong", {}, said.verdict ? `looks ${said.verdict}` : "no verdict"));
  box.append(told);
  if (prob === null) return box;
  const what = said.calibrated === undefined ? "score, not calibrated" : "calibrated probability of being fake";
  told.append(` ${figure(prob)}${interval ? ` [${interval.map(figure).join(", ")}]` : ""} `,
    el("span", { className: "soft" }, what));
  box.append(bar(prob, interval));
  return box;
}

/** A probability on a line from 0 to 1, and its interval where there is one. */
function bar(value, interval) {
  const line = el("div", { className: "bar", ariaHidden: "true" });
  const [low, high] = interval ?? [value, value];
  for (const [name, share] of Object.entries({ low, value, high })) line.style.setProperty(`--${name}`, share);
  return line;
}

function makers(maker) {
  const likeliest = Object.entries(maker.probs).sort((a, b) => b[1] - a[1]).slice(0, MAKERS);
  const lines = likeliest.map(([name, prob]) => el("tr", {}, el("th", { scope: "row" }, name),
    el("td", { className: "number" }, figure(prob)), el("td", {}, bar(prob))));
  return el("div", { className: "makers" },
    el("p", {}, "most probably made by ", el("strong", {}, maker.name),
      el("span", { className: "soft" }, `, any known method ${figure(maker.known_prob)}`)),
    el("table", {}, el("tbody", {}, ...lines)));
}

function drawn(pictures) {
  const texts = { timeline: "Faces and scores over time", heat_map: "Where the verdict comes from" };
  return Object.entries(pictures).map(([which, address]) => el("figure", {},
    el("a", { href: address, target: "_blank" }, el("img", { src: address, alt: texts[which], className: which })),
    el("figcaption", { className: "soft" }, texts[which])));
}

function details(said, notes) {
  const lines = [
    ...said.faces.map((face, number) => `face ${number + 1}: ${faceText(face)}`),
    `${said.frames_looked_at} frames looked at, ${said.frames_without_face} without a face`,
  ];
  if (said.interval) {
    lines.push("in brackets: the 95 % interval over frames, which says how much hangs on which frames were looked at");
  }
  if (typeof said.false_alarm_rate === "number") {
    lines.push(`scores above ${figure(said.threshold)} are called fake, as are ${percent(said.false_alarm_rate)} of the ` +
      "real ones in the validation data");
  }
  return el("details", {}, el("summary", {}, "Details"),
    el("ul", {}, ...[...lines, ...notes].map((line) => el("li", {}, line))));
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function faceText(face) {
  const told = face.fake_prob === null ? [] : [`score ${figure(face.fake_prob)}`];
  if (face.calibrated !== undefined) told.push(`calibrated ${figure(face.calibrated)}`, `looks ${face.verdict}`);
  if (face.maker) told.push(face.maker.name);
  return [...told, `${face.frames.length} frames`].join(", ");
}
