import { startJudging } from "./judge.js";
import { showRuns } from "./runs.js";

const views = ["judge", "runs"];

function showView() {
  const wanted = views.find((name) => location.hash === `#${name}`) ?? views[0];
  for (const name of views) {
    document.getElementById(name).hidden = name !== wanted;
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === wanted) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (wanted === "runs") showRuns();
}

addEventListener("hashchange", showView);
startJudging();
showView();
