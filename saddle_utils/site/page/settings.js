// Settings of a laboratory as a link, as a command, and at random.

import { PANELS, paper } from "./panels.js";

const digits = (value) => Number(value.toPrecision(12));

// A link to this page with these settings in it.
export function link(settings) {
  return `${location.href.split("#")[0]}#${settings.panel}=${encodeURIComponent(JSON.stringify(settings))}`;
}

// The settings of a link for this panel, or null where it has none or they are not for this page.
export function fromLink(hash, name) {
  const [panel, text] = hash.slice(1).split("=");
  if (panel !== name || !text) return null;
  try {
    const found = JSON.parse(decodeURIComponent(text)), known = paper(name);
    const fits = Object.keys(known).every((key) => typeof found[key] === typeof known[key]);
    const numbers = [found.lr, found.scale, found.seed, found.width, found.epochs, ...found.knobs, ...found.points.flat()];
    const whole = found.knobs.length === known.knobs.length && found.points.length === known.points.length;
    const sane = found.width <= 1000 && found.epochs <= 100000 && found.width >= 1 && found.epochs >= 1 && found.scale > 0 && found.lr > 0;
    return fits && whole && sane && numbers.every(Number.isFinite) ? { ...found, panel: name } : null;
  } catch {
    return null;
  }
}

// The command that makes this picture with the Python package (notebook 16).
export function command({ panel, lr, scale, seed, width, epochs, points, knobs }) {
  const parts = [
    `-p panel ${panel} -p seed ${seed} -p width ${width} -p init_scale ${digits(scale)}`,
    `-p lr ${digits(lr)} -p epochs ${epochs} -p knobs '${JSON.stringify(knobs.map(digits))}'`,
  ];
  if (points.length) parts.push(`-p points '${JSON.stringify(points.map((point) => point.map(digits)))}'`);
  return `make run NB=16_your_own_run ARGS="${parts.join(" ")}"`;
}

// Settings that nobody chose: other data, another seed, another scale.
export function surprise(name) {
  const settings = paper(name), { knobs } = PANELS[name];
  const between = (low, high) => low + Math.random() * (high - low);
  settings.points = settings.points.map(() => {
    const angle = between(-Math.PI, Math.PI), length = between(1.2, 3.2);
    return [length * Math.cos(angle), length * Math.sin(angle)];
  });
  settings.knobs = Object.values(knobs).map(({ low, high, step }) => Math.round(between(low, high) / step) * step);
  settings.seed = Math.floor(between(0, 100));
  settings.scale = 10 ** between(Math.log10(settings.scale), Math.log10(settings.scale) + 1);
  return settings;
}
