// The panels of Figure 1 as functions of what a reader can move: points in the plane (`points`),
// labels and other numbers (`knobs`).  Points and knobs are parameters of notebook 16, by name.

import { attention, linear, quadratic, relu } from "./engine.js";
import { normals } from "./rng.js";

const unit = (degrees) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
const times = (factor, [a, b]) => [factor * a, factor * b];
const turned = ([a, b]) => [-b, a];
const label = (value, low, high) => ({ value, low, high, step: 0.01 });
const O = [0, 0];

// 1000 samples of the plane, as panel G of the notebooks draws them.
let plane = null;
function gaussians() {
  const normal = normals(41);
  return (plane ??= Array.from({ length: 1000 }, () => [normal(), normal()]));
}

export const PANELS = {
  fig1b: {
    title: "Linear network", unit: "rank", lr: 0.01, scale: 1e-6, seed: 1, width: 50, shown: 2,
    points: { "input 1": times(3, unit(73.2)), "input 2": times(1.16, unit(163.2)) },
    knobs: { "label 1": label(1.42, 0, 2), "label 2": label(1.4, 0, 2) },
    network: ([a, b], [y1, y2]) => linear([a, b], [[y1, 0], [0, y2]]),
  },
  fig1c: {
    title: "Linear convolution", unit: "kernel", lr: 0.01, scale: 1e-7, seed: 0, width: 50, shown: 2,
    points: { "kernel 1": times(2.7, unit(162)), "kernel 2": times(2, turned(unit(162))) },
    knobs: { "label 1": label(1.55, 0, 2), "label 2": label(1.25, 0, 2) },
    network: ([a, b], [y1, y2]) =>
      linear([[...a, ...O], [...O, ...b], [...b, ...O], [...O, ...times(2 / 2.7, a)]], [[y1], [y2], [0], [0]], 2),
  },
  fig1d: {
    title: "ReLU network", unit: "kink", lr: 0.01, scale: 1e-6, seed: 1, width: 50, shown: 1,
    points: { "input 1": [-1, 2], "input 2": [1, 0.5] },
    knobs: { "label 1": label(1, -2, 2), "label 2": label(-1, -2, 2) },
    network: ([a, b], [y1, y2]) => relu([a, b], [[y1], [y2]]),
  },
  fig1e: {
    title: "ReLU convolution", unit: "kernel", lr: 0.01, scale: 2e-7, seed: 3, width: 50, shown: 2,
    points: { "kernel 1": [2.5, 0], "kernel 2": [0, 2] },
    knobs: { "label 1": label(1.05, -2, 2), "label 2": label(-0.86, -2, 2) },
    network: ([a, b], [y1, y2]) =>
      relu([[...a, ...O], [...O, ...a], [...b, ...O], [...O, ...b]], [[y1], [y1], [y2], [y2]], 2),
  },
  fig1f: {
    title: "Linear self-attention", unit: "head", lr: 0.02, scale: 0.015 / Math.sqrt(30), seed: 23, width: 10, shown: 3,
    points: {},
    knobs: {
      "variance 1": { value: 0.5, low: 0.05, high: 1, step: 0.01 },
      "variance 2": { value: 0.5, low: 0.05, high: 1, step: 0.01 },
      context: { value: 31, low: 2, high: 60, step: 1 },
    },
    network: (_, [first, second, context]) => attention([first, second], context),
  },
  fig1g: {
    title: "Quadratic network", unit: "unit", lr: 0.04, scale: 0.005, seed: 7, width: 10, shown: 1,
    points: {},
    knobs: { "weight 2": { value: 1, low: -1, high: 2, step: 0.01 } },
    network: (_, [second]) => {
      const x = gaussians(), y = x.map(([a, b]) => a * a + second * b * b);
      const size = Math.sqrt(y.reduce((sum, value) => sum + value * value, 0) / y.length);
      return quadratic(x, y.map((value) => [value / size]));
    },
  },
};

// Settings of the paper for a panel: a flat object, which is also what a link holds.
export function paper(name) {
  const { lr, scale, seed, width, points, knobs } = PANELS[name];
  return {
    panel: name, lr, scale, seed, width, epochs: 2000,
    points: Object.values(points).map((point) => [...point]),
    knobs: Object.values(knobs).map((knob) => knob.value),
  };
}

// The network at these settings, and the gradient-flow time of one epoch.
export function networkOf({ panel, points, knobs, lr }) {
  const net = PANELS[panel].network(points, knobs);
  return { net, step: (2 * lr) / net.outputs };
}
