// The page: its laboratories, trained when they first come into view, and the two clocks.

import { clocks } from "./clocks.js";
import { descend, initialUnits } from "./engine.js";
import { Lab } from "./lab.js";
import { PANELS, networkOf, paper } from "./panels.js";
import { fromLink } from "./settings.js";
import { predict } from "./theory.js";

const labs = {};
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

function open(root) {
  const { panel } = root.dataset;
  if (labs[panel]) return;
  labs[panel] = new Lab(root, panel);
  if (!calm && !location.hash) {
    labs[panel].progress = 0;
    requestAnimationFrame(() => labs[panel].toggle());
  }
}

const seen = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => open(entry.target)),
  { rootMargin: "200px" },
);
document.querySelectorAll("[data-panel]").forEach((root) => seen.observe(root));
clocks(document.querySelector("#clocks"));

// A link to settings (`#fig1b=...`), followed on arrival or pasted into the page that is open.
function follow() {
  const target = location.hash.slice(1).split("=")[0];
  if (!PANELS[target]) return;
  const root = document.querySelector(`[data-panel=${target}]`);
  open(root);
  const settings = fromLink(location.hash, target);
  if (settings) labs[target].load(settings);
  root.scrollIntoView();
}
follow();
window.addEventListener("hashchange", follow);

// For tests, and for the curious: every laboratory, and a run at any settings.
window.saddle = {
  labs, open, paper, panels: Object.keys(PANELS),
  run(settings) {
    const { net, step } = networkOf(settings);
    const start = initialUnits(net, settings.width, settings.scale, settings.seed), began = performance.now();
    const run = descend(net, start, { step, steps: settings.epochs });
    const milliseconds = performance.now() - began;
    return { losses: [...run.losses], milliseconds, predicted: predict(net, start, { step, steps: settings.epochs }).drops };
  },
};
