// Gradient descent of the six networks of Figure 1, in the closed forms of `saddle_utils.networks`.
//
// A network is a plain object: its kind, `nv` and `nu` (features of v_i and of u_i), and what it
// needs of the data: second moments (linear, quadratic, attention) or the samples (relu).
// Weights are one Float64Array of units by features, v_i before u_i.  The loss is E|y - f|^2 / 2.

import { normals } from "./rng.js";

// Moments E[y z'], E[z z'] and E|y|^2 of features z (samples, n) and labels y (samples, outputs).
function moments(z, y) {
  const count = z.length, n = z[0].length, outputs = y[0].length;
  const syz = new Float64Array(outputs * n), szz = new Float64Array(n * n);
  let syy = 0;
  for (let s = 0; s < count; s++) {
    for (let o = 0; o < outputs; o++) {
      syy += (y[s][o] * y[s][o]) / count;
      for (let j = 0; j < n; j++) syz[o * n + j] += (y[s][o] * z[s][j]) / count;
    }
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) szz[i * n + j] += (z[s][i] * z[s][j]) / count;
  }
  return { syz, szz, syy };
}

// Linear network, or linear convolution over patches: x (samples, patches * nu).
export function linear(x, y, patches = 1) {
  const nu = x[0].length / patches, nv = y[0].length * patches;
  return { kind: "linear", nv, nu, patches, outputs: y[0].length, ...moments(x, y) };
}

// ReLU network, or ReLU convolution over patches, with one output.
export function relu(x, y, patches = 1) {
  const syy = y.reduce((sum, [label]) => sum + (label * label) / y.length, 0);
  const nu = x[0].length / patches, flat = Float64Array.from(x.flat()), views = [];
  for (let sample = 0; sample < x.length; sample++)
    for (let patch = 0; patch < patches; patch++) {
      const from = (sample * patches + patch) * nu;
      if (flat.subarray(from, from + nu).some((value) => value !== 0)) views.push({ sample, patch, from });
    }
  const samples = { x: flat, y: Float64Array.from(y.flat()), views };
  return { kind: "relu", nv: patches, nu, patches, outputs: 1, syy, ...samples };
}

// Quadratic network on x (samples, 2), with Z = x x' (Eq. 13).
export function quadratic(x, y) {
  const z = x.map((row) => row.flatMap((a) => row.map((b) => a * b)));
  return { kind: "quadratic", nv: 1, nu: x[0].length, patches: 1, outputs: 1, ...moments(z, y) };
}

// Linear self-attention with the moments of infinitely many prompts: tokens N(0, diag(variances)),
// labels w.x with w ~ N(0, I), `context` of them (section 5.2).
export function attention(variances, context) {
  const d = variances.length, trace = variances.reduce((a, b) => a + b);
  const zz = (i) => context * variances[i] * ((context + 1) * variances[i] + trace);
  const syz = new Float64Array(d * d), szz = new Float64Array(d ** 4);
  for (let i = 0; i < d; i++) {
    syz[i * d + i] = context * variances[i] ** 2;
    for (let j = 0; j < d; j++) szz[(i * d + j) * (d * d + 1)] = zz(i) * variances[j];
  }
  return { kind: "attention", nv: 1, nu: 2 * d, patches: 1, outputs: 1, syz, szz, syy: trace };
}

// Initial units N(0, scale^2), the same numbers as `saddle_utils.initial_units` draws.
export function initialUnits(net, width, scale, seed) {
  const normal = normals(seed), { nv, nu } = net, size = nv + nu;
  const theta = new Float64Array(width * size);
  const fill = (features, columns) => {
    for (let i = 0; i < width; i++)
      for (let j = 0; j < columns; j++) {
        const value = normal();
        if (features[j] !== undefined) theta[i * size + features[j]] = value * scale;
      }
  };
  if (net.kind === "attention") {
    const d = nu / 2, from = (first) => Array.from({ length: d }, (_, j) => first + j);
    fill(from(1 + d), d); // query
    fill(from(1), d + 1); // key, whose component of the label is dropped
    fill([...Array(d).fill(undefined), 0], d + 1); // value, of the label alone
    for (let i = 0; i < width; i++) theta[i * size] /= Math.sqrt(d + 1);
    return theta;
  }
  fill(Array.from({ length: nu }, (_, j) => nv + j), nu);
  for (let o = 0; o < net.outputs; o++)
    fill(Array.from({ length: net.patches }, (_, p) => o * net.patches + p), net.patches);
  return theta;
}

// Residual matrix G = Syz - M Szz of a map M (Eq. 9), and the loss.
function residual(net, map, g) {
  const { syz, szz, syy } = net, n = Math.round(Math.sqrt(szz.length)), rows = syz.length / n;
  let loss = syy;
  for (let o = 0; o < rows; o++)
    for (let j = 0; j < n; j++) {
      let value = syz[o * n + j];
      for (let k = 0; k < n; k++) value -= map[o * n + k] * szz[k * n + j];
      g[o * n + j] = value;
      loss -= (syz[o * n + j] + value) * map[o * n + j];
    }
  return loss / 2;
}

// The map of a family and its gradient field, as [add(theta, from, map), move(theta, i, g, out)].
const FAMILIES = {
  linear: [
    (net, theta, at, map) => {
      for (let a = 0; a < net.nv; a++)
        for (let b = 0; b < net.nu; b++) map[a * net.nu + b] += theta[at + a] * theta[at + net.nv + b];
    },
    (net, theta, at, g, out) => {
      for (let a = 0; a < net.nv; a++)
        for (let b = 0; b < net.nu; b++) {
          out[at + a] += g[a * net.nu + b] * theta[at + net.nv + b];
          out[at + net.nv + b] += g[a * net.nu + b] * theta[at + a];
        }
    },
  ],
  quadratic: [
    (net, theta, at, map) => {
      for (let a = 0; a < net.nu; a++)
        for (let b = 0; b < net.nu; b++)
          map[a * net.nu + b] += theta[at] * theta[at + 1 + a] * theta[at + 1 + b];
    },
    (net, theta, at, g, out) => {
      for (let a = 0; a < net.nu; a++) {
        let force = 0;
        for (let b = 0; b < net.nu; b++) force += g[a * net.nu + b] * theta[at + 1 + b];
        out[at] += theta[at + 1 + a] * force;
        out[at + 1 + a] += 2 * theta[at] * force;
      }
    },
  ],
  attention: [
    (net, theta, at, map) => {
      const d = net.nu / 2;
      for (let a = 0; a < d; a++)
        for (let b = 0; b < d; b++)
          map[a * d + b] += theta[at] * theta[at + 1 + a] * theta[at + 1 + d + b];
    },
    (net, theta, at, g, out) => {
      const d = net.nu / 2;
      for (let a = 0; a < d; a++)
        for (let b = 0; b < d; b++) {
          const key = theta[at + 1 + a], query = theta[at + 1 + d + b], weight = g[a * d + b];
          out[at] += weight * key * query;
          out[at + 1 + a] += theta[at] * weight * query;
          out[at + 1 + d + b] += theta[at] * weight * key;
        }
    },
  ],
};

// One evaluation of the field -dL/dtheta of all units under the residual that the first `active`
// units leave.  Returns the loss of these.
function momentField(net, theta, active, out, map, g) {
  const size = net.nv + net.nu, [add, move] = FAMILIES[net.kind];
  map.fill(0);
  for (let i = 0; i < active; i++) add(net, theta, i * size, map);
  const loss = residual(net, map, g);
  for (let at = 0; at < theta.length; at += size) move(net, theta, at, g, out);
  return loss;
}

// The same for ReLU: the residual y - f of every sample, then its sum over the units it turns on.
// `views` lists what a kernel sees: a sample, a patch, and where its inputs are (`on` holds the
// preactivations of one evaluation).
function reluField(net, theta, active, out) {
  const { x, y, nu, patches, views, on } = net, size = patches + nu, units = theta.length / size;
  const error = Float64Array.from(y);
  for (let k = 0; k < views.length; k++) {
    const { sample, patch, from } = views[k];
    let f = 0;
    for (let i = 0; i < units; i++) {
      const at = i * size + patches;
      let a = 0;
      for (let j = 0; j < nu; j++) a += theta[at + j] * x[from + j];
      on[k * units + i] = a;
      if (a > 0 && i < active) f += theta[i * size + patch] * a;
    }
    error[sample] -= f;
  }
  for (let k = 0; k < views.length; k++) {
    const { sample, patch, from } = views[k], force = error[sample] / y.length;
    for (let i = 0; i < units; i++) {
      const a = on[k * units + i], at = i * size;
      if (a <= 0) continue;
      out[at + patch] += force * a;
      const pull = force * theta[at + patch];
      for (let j = 0; j < nu; j++) out[at + patches + j] += pull * x[from + j];
    }
  }
  return error.reduce((sum, r) => sum + r * r, 0) / y.length / 2;
}

// Gradient descent, theta <- theta + step * field, from a copy of theta0.
//
// `active`: only so many units, the first ones, count in the network; the others feel its residual
// and do not act on it (what theory says of dormant units).  `every`: record the weights so often.
// `stop(theta, loss, step)`: end early where it says so.  Losses are fractions of that of a network
// without units.  A run whose weights are no longer finite ends there, with `diverged` its step.
export function descend(net, theta0, { step, steps, every = 5, active, stop }) {
  const theta = Float64Array.from(theta0), out = new Float64Array(theta.length);
  const count = active ?? theta.length / (net.nv + net.nu), zero = net.syy / 2;
  const map = new Float64Array(net.syz?.length ?? 0), g = new Float64Array(map.length);
  const field = net.kind === "relu" ? reluField : momentField;
  if (net.views) net.on = new Float64Array((net.views.length * theta.length) / (net.nv + net.nu));
  const losses = new Float64Array(steps + 1), thetas = [];
  for (let t = 0; t <= steps; t++) {
    out.fill(0);
    const loss = field(net, theta, count, out, map, g) / zero;
    losses[t] = loss;
    if (!Number.isFinite(loss)) return { losses: losses.slice(0, t), thetas, every, diverged: t };
    if (t % every === 0) thetas.push(Float64Array.from(theta));
    if (stop?.(theta, loss, t)) return { losses: losses.slice(0, t + 1), thetas, every, stopped: t };
    for (let j = 0; j < theta.length; j++) theta[j] += step * out[j];
  }
  return { losses, thetas, every };
}

// Loss of all units together, as a fraction of that of a network without units.
export function lossOf(net, theta) {
  return descend(net, theta, { step: 0, steps: 0 }).losses[0];
}
