// What theory says before training: which units are recruited, when, and the losses between.
//
// Dormant units feel the residual of the network and do not act on it (Eqs. 10 and 14): they are
// followed as passengers of a narrow network, at first one without units, until their own loss
// would drop.  Those that escape are then part of the network, from the start, and the next wait
// begins.  The dashed curve is the loss of the narrow network; nothing is fitted.

import { descend, lossOf } from "./engine.js";

const ESCAPED = 0.02; // of the initial loss: what passengers must be able to take from it
const SLOW = 0.2; // of the steepest fall: a network that falls less has come to its plateau
const ONE_RAY = 0.95; // cosine from which two ReLU units point one way

// The passengers that escape, moved to the front: how many, and the initial weights in new order.
const RECRUIT = {
  // Hidden units of a linear network may be rotated into each other; the one that escapes is
  // the top right singular vector of the passengers' weights.
  linear(net, start, now, active) {
    const size = net.nv + net.nu, units = now.length / size;
    const direction = topDirection(now.subarray(active * size), units - active, size);
    const first = new Float64Array(size), theta = new Float64Array(start.length + size);
    for (let i = active; i < units; i++)
      for (let j = 0; j < size; j++) first[j] += direction[i - active] * start[i * size + j];
    theta.set(start.subarray(0, active * size));
    theta.set(first, active * size);
    for (let i = active; i < units; i++)
      for (let j = 0; j < size; j++)
        theta[(i + 1) * size + j] = start[i * size + j] - direction[i - active] * first[j];
    return [active + 1, theta];
  },
  // All ReLU units of one direction escape together.
  relu: (net, start, now, active) => together(net, start, now, active, ONE_RAY),
  quadratic: (net, start, now, active) => together(net, start, now, active, 2),
  attention: (net, start, now, active) => together(net, start, now, active, 2),
};

// The largest passenger, and all whose direction is within this cosine of its own.
function together(net, start, now, active, cosine) {
  const size = net.nv + net.nu, units = now.length / size, { nv } = net;
  const part = (i, from, to) => now.subarray(i * size + from, i * size + to);
  const weight = (i) => norm(part(i, 0, nv)) * norm(part(i, nv, size)) ** (net.kind === "relu" ? 1 : 2);
  const passengers = Array.from({ length: units - active }, (_, i) => active + i);
  const top = passengers.reduce((a, b) => (weight(b) > weight(a) ? b : a));
  const near = (i, from, to) =>
    dot(part(i, from, to), part(top, from, to)) >= cosine * norm(part(i, from, to)) * norm(part(top, from, to));
  const leaves = (i) => i === top || (near(i, 0, nv) && near(i, nv, size));
  const order = [...passengers.filter(leaves), ...passengers.filter((i) => !leaves(i))];
  const theta = Float64Array.from(start);
  order.forEach((i, place) => theta.set(start.subarray(i * size, (i + 1) * size), (active + place) * size));
  return [active + passengers.filter(leaves).length, theta];
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const norm = (a) => Math.sqrt(dot(a, a));

// Top left singular vector (units,) of weights (units, size), by power iteration.
function topDirection(weights, units, size) {
  let right = new Float64Array(size).map((_, j) => 1 + j / 7);
  let left = new Float64Array(units);
  for (let turn = 0; turn < 100; turn++) {
    left = left.map((_, i) => dot(weights.subarray(i * size, (i + 1) * size), right));
    const length = norm(left) || 1;
    left = left.map((value) => value / length);
    right = right.map((_, j) => left.reduce((sum, value, i) => sum + value * weights[i * size + j], 0));
    const scale = norm(right) || 1;
    right = right.map((value) => value / scale);
  }
  return left;
}

// Path of saddles of a run: its `drops` in order, each with the step at which half of it is done
// (`time`), the loss that it leads to, a fraction of the initial one (`level`), and the units
// recruited until then (`width`).  Where the next units escape while a narrow network still falls
// there is no plateau between the two drops, and they are one.
export function predict(net, theta0, { step, steps, most = 4 }) {
  const size = net.nv + net.nu, saddles = [];
  let theta = Float64Array.from(theta0), active = 0, escape = 0;
  for (let width = 0; ; width++) {
    let now = null;
    const stop = (weights, loss, t) => {
      if (t % 5 || lossOf(net, weights) > loss - ESCAPED) return false;
      now = Float64Array.from(weights);
      return true;
    };
    const alone = descend(net, theta, { step, steps, active, stop: width < most ? stop : undefined });
    const last = saddles.at(-1), rests = restsAtEnd(alone.losses, escape);
    if (last && rests) last.level = alone.losses.at(-1);
    if (now === null || alone.diverged !== undefined) {
      const narrow = theta.subarray(0, active * size);
      if (last) last.level ??= descend(net, narrow, { step, steps: 2 * steps, every: Infinity }).losses.at(-1);
      return { drops: dropsOf(alone.losses, saddles) };
    }
    if (last && !rests) saddles.pop();
    escape = alone.stopped;
    [active, theta] = RECRUIT[net.kind](net, theta, now, active);
    saddles.push({ width: width + 1 });
  }
}

// Whether a curve is slow at its end, against its steepest fall since a step.
function restsAtEnd(losses, since) {
  let steepest = 0;
  for (let t = since + 1; t < losses.length; t++) steepest = Math.max(steepest, losses[t - 1] - losses[t]);
  return losses.at(-2) - losses.at(-1) < SLOW * steepest;
}

// Those of the saddles to which a curve drops, with the step at which half of the drop is done.
function dropsOf(curve, saddles) {
  const drops = saddles.map((saddle, k) => {
    const half = ((saddles[k - 1]?.level ?? 1) + saddle.level) / 2, at = curve.findIndex((loss) => loss <= half);
    return { ...saddle, time: at - (half - curve[at]) / (curve[at - 1] - curve[at]) };
  });
  return drops.filter(({ time }) => time > 0);
}
