// A laboratory: one network of Figure 1 that trains while its reader moves the controls.

import { descend, initialUnits } from "./engine.js";
import { effectiveWidth } from "./observe.js";
import { lossPlot, planePlot } from "./plots.js";
import { command, link, surprise } from "./settings.js";
import { PANELS, networkOf, paper } from "./panels.js";
import { predict } from "./theory.js";
import REFERENCE from "./reference.json";

const PLAY = 7000; // milliseconds of a run played from start to end
const STILL = 0.98; // of the initial loss: a run that ends above it has not left the origin
const IDLE = 120; // milliseconds without a move after which theory is computed

const element = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes))
    if (key in node && key !== "for") node[key] = value;
    else node.setAttribute(key, value);
  node.append(...children);
  return node;
};

// A labelled slider; on a logarithmic scale it moves the exponent.
function slider(id, label, { low, high, step, log = false }, onInput) {
  const input = element("input", { type: "range", id, min: low, max: high, step });
  const output = element("output", { for: id });
  const read = () => (log ? 10 ** Number(input.value) : Number(input.value));
  input.addEventListener("input", () => onInput(read()));
  const show = (value) => {
    input.value = log ? Math.log10(value) : value;
    output.textContent = log ? value.toExponential(1) : String(Math.round(value * 1000) / 1000);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  return { node: element("div", { className: "control" }, element("label", { for: id }, label), input, output), show };
}

export class Lab {
  constructor(root, name) {
    [this.name, this.panel, this.settings] = [name, PANELS[name], paper(name)];
    this.progress = 0.3;
    this.loss = lossPlot((epoch) => this.seek(epoch / this.settings.epochs));
    this.plane = planePlot(Object.keys(this.panel.points), (k, point) => this.change(() => (this.settings.points[k] = point)));
    this.controls = this.#controls();
    this.play = element("button", { type: "button", className: "play", onclick: () => this.toggle() });
    this.scrub = slider(`${name}-time`, "epoch", { low: 0, high: 1, step: 0.001 }, (value) => this.seek(value));
    this.scrub.show = (value) => {
      const input = this.scrub.node.querySelector("input");
      input.value = value;
      input.setAttribute("aria-valuetext", String(Math.round(value * this.settings.epochs)));
    };
    this.readout = element("p", { className: "readout" });
    this.said = element("p", { className: "said", role: "status" });
    const button = (text, act) => element("button", { type: "button", onclick: act }, text);
    root.append(
      element("div", { className: "plots" }, this.loss.node, this.plane.node),
      element("div", { className: "transport" }, this.play, this.scrub.node, this.readout),
      element("div", { className: "controls" }, ...this.controls.map(([control]) => control.node)),
      element("div", { className: "buttons" },
        button("The paper's settings", () => this.load(paper(name))),
        button("Surprise me", () => this.load(surprise(name))),
        button("Copy a link", () => this.#copy(link(this.settings), "A link to these settings is copied.")),
        button("Copy the command", () => this.#copy(command(this.settings), "The command that draws this picture is copied: ")),
      ),
      this.said,
    );
    this.load(this.settings);
  }

  // The sliders, each with what it shows of the settings.
  #controls() {
    const quadratic = ["fig1f", "fig1g"].includes(this.name);
    const set = (key) => (value) => this.change(() => (this.settings[key] = value));
    const rows = [
      ["scale", "initial scale", { low: quadratic ? -3 : -8, high: quadratic ? -1 : -0.3, step: 0.05, log: true }],
      ["width", "width", { low: 2, high: 100, step: 1 }],
      ["seed", "seed", { low: 0, high: 100, step: 1 }],
      ["lr", "learning rate", { low: -3, high: -1, step: 0.05, log: true }],
      ["epochs", "epochs", { low: 500, high: 6000, step: 100 }],
    ].map(([key, label, range]) => [slider(`${this.name}-${key}`, label, range, set(key)), () => this.settings[key]]);
    const knobs = Object.entries(this.panel.knobs).map(([label, range], k) => [
      slider(`${this.name}-knob-${k}`, label, range, (value) => this.change(() => (this.settings.knobs[k] = value))),
      () => this.settings.knobs[k],
    ]);
    return [...knobs, ...rows];
  }

  load(settings) {
    this.settings = structuredClone(settings);
    this.#schedule();
  }

  change(edit) {
    edit();
    this.#schedule();
  }

  // Only the latest settings are trained, once a frame: a slider never leaves a queue behind it.
  #schedule() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = undefined;
      this.train();
    });
  }

  train() {
    const { width, scale, seed, epochs } = this.settings;
    for (const [control, value] of this.controls) control.show(value());
    const { net, step } = networkOf(this.settings);
    if (net.syy === 0) {
      this.said.textContent = "All labels are zero: there is nothing to learn. Move one of them.";
      return;
    }
    const start = initialUnits(net, width, scale, seed), began = performance.now();
    const run = descend(net, start, { step, steps: epochs, every: Math.ceil(epochs / 400) });
    this.milliseconds = performance.now() - began;
    this.net = net;
    this.said.textContent = "";
    if (run.diverged !== undefined) {
      this.said.textContent = `Training diverged at epoch ${run.diverged}: the learning rate is too large for these data.`;
      if (run.thetas.length < 2) return;
    }
    this.run = run;
    const same = JSON.stringify({ ...this.settings, epochs: 0 }) === JSON.stringify({ ...paper(this.name), epochs: 0 });
    this.loss.draw(run.losses, epochs, same ? REFERENCE[this.name] : null);
    this.loss.predict(null);
    this.plane.draw(run, net, this.panel.shown, this.settings.points);
    this.seek(this.progress, false);
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.#predict(net, start, step, epochs), IDLE);
  }

  #predict(net, start, step, epochs) {
    this.prediction = predict(net, start, { step, steps: epochs });
    this.loss.predict(this.prediction, this.panel.unit);
    const words = this.prediction.drops.map(({ time, level }) => `at epoch ${Math.round(time)} to ${level.toFixed(3)}`);
    const late = this.run.losses.at(-1) > STILL * this.run.losses[0];
    const none = late ? "Theory predicts no drop within these epochs." : "These weights are not small: theory, which is for small ones, predicts no drop.";
    const story = words.length ? `Theory predicts drops ${words.join(", then ")}.` : none;
    if (!words.length) this.said.textContent ||= story;
    this.loss.describe(`${this.panel.title}: loss over ${epochs} epochs, ending at ${this.run.losses.at(-1).toFixed(3)}. ${story}`);
    this.plane.describe(`First-layer weights of ${this.settings.width} units in the plane`);
  }

  // Show the run at a fraction of its epochs.
  seek(progress, byHand = true) {
    if (byHand) this.stop();
    if (!this.run) return; // a hand on a slow machine, before the first picture
    const { thetas, losses, every } = this.run;
    this.progress = Math.min(Math.max(progress, 0), 1);
    const epoch = Math.min(Math.round(this.progress * this.settings.epochs), losses.length - 1);
    const theta = thetas[Math.min(Math.round(epoch / every), thetas.length - 1)];
    this.loss.at(epoch, losses[epoch]);
    this.plane.at(theta);
    this.scrub.show(this.progress);
    const width = losses.at(-1) > STILL ? 0 : effectiveWidth(this.net, theta, thetas.at(-1));
    this.readout.textContent = `epoch ${epoch} · loss ${Math.abs(losses[epoch]).toFixed(3)} · effective width ${width}`;
    if (!this.playing) this.play.textContent = "Play";
  }

  toggle() {
    if (this.playing) return this.stop();
    if (this.progress >= 1) this.progress = 0;
    let last = performance.now();
    const frame = (now) => {
      const progress = this.progress + Math.max(now - last, 0) / PLAY;
      last = now;
      if (progress >= 1) this.stop();
      this.seek(progress, false);
      if (this.playing) this.playing = requestAnimationFrame(frame);
    };
    this.playing = requestAnimationFrame(frame);
    this.play.textContent = "Pause";
  }

  stop() {
    if (this.playing) cancelAnimationFrame(this.playing);
    this.playing = undefined;
    this.play.textContent = "Play";
  }

  async #copy(text, said) {
    try {
      await navigator.clipboard.writeText(text);
      this.said.textContent = said.endsWith(": ") ? said + text : said;
    } catch {
      this.said.textContent = text; // a page from a file may not use the clipboard
    }
  }
}
