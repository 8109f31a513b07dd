// Two clocks: how the first wait grows as the initial scale falls, for a linear network (by a
// logarithm, Theorem 4) and for a quadratic one (as the inverse, Proposition 5).

import { axisBottom, axisLeft } from "d3-axis";
import { scaleLog } from "d3-scale";
import { create } from "d3-selection";
import { line } from "d3-shape";
import { initialUnits } from "./engine.js";
import { networkOf, paper } from "./panels.js";
import { predict } from "./theory.js";

const HEIGHT = 300;

// Epochs of the first drop from an initial scale, by the law that each family obeys.
function laws() {
  const first = (settings) => {
    const { net, step } = networkOf(settings);
    const start = initialUnits(net, settings.width, settings.scale, settings.seed);
    return { time: predict(net, start, { step, steps: 1200, most: 1 }).drops[0].time, step };
  };
  const [b, g] = ["fig1b", "fig1g"].map(paper), linear = first(b), quadratic = first(g);
  const strength = (b.knobs[0] * Math.hypot(...b.points[0])) / 2; // top singular value of E[y x']
  return [
    (scale) => linear.time + Math.log(b.scale / scale) / (strength * linear.step),
    (scale) => (quadratic.time * g.scale) / scale,
  ];
}

export function clocks(root) {
  const [linear, quadratic] = laws();
  const WIDTH = Math.min(640, root.clientWidth); // in a narrow window, a narrow picture with letters of full size
  const svg = create("svg").attr("viewBox", `0 0 ${WIDTH} ${HEIGHT}`).attr("role", "img").attr("class", "clocks");
  const x = scaleLog().domain([1e-2, 1e-8]).range([60, WIDTH - 90]), y = scaleLog().domain([50, 1e9]).range([HEIGHT - 40, 16]);
  svg.append("g").attr("class", "axis").attr("transform", `translate(0 ${HEIGHT - 40})`).call(axisBottom(x).ticks(6, "~e"));
  svg.append("g").attr("class", "axis").attr("transform", "translate(60 0)").call(axisLeft(y).ticks(7, "~s"));
  svg.append("text").attr("class", "name").attr("x", 66).attr("y", 14).text("epochs until the first drop");
  svg.append("text").attr("class", "name").attr("x", WIDTH - 90).attr("y", HEIGHT - 6).attr("text-anchor", "end").text("initial scale");
  const scales = Array.from({ length: 61 }, (_, k) => 10 ** (-2 - k / 10));
  const curve = (law) => line((s) => x(s), (s) => y(law(s)))(scales);
  svg.append("path").attr("class", "run").attr("d", curve(linear));
  svg.append("path").attr("class", "paper").attr("d", curve(quadratic));
  svg.append("text").attr("class", "name run-name").attr("x", x(1e-8) + 9).attr("y", y(linear(1e-8)) + 4).text("linear");
  svg.append("text").attr("class", "name paper-name").attr("x", x(1e-8) + 9).attr("y", y(quadratic(1e-8)) + 4).text("quadratic");
  const dots = [linear, quadratic].map(() => svg.append("circle").attr("class", "now").attr("r", 5));
  const input = root.querySelector("input"), output = root.querySelector("output");
  const show = () => {
    const scale = 10 ** -Number(input.value), waits = [linear, quadratic].map((law) => law(scale));
    dots.forEach((dot, k) => dot.attr("cx", x(scale)).attr("cy", y(waits[k])));
    const words = waits.map((wait) => Math.round(wait).toLocaleString("en"));
    input.setAttribute("aria-valuetext", scale.toExponential(0));
    output.textContent = `From ${scale.toExponential(0)}: ${words[0]} epochs for the linear network, ${words[1]} for the quadratic one.`;
    svg.attr("aria-label", `Epochs until the first drop over the initial scale. ${output.textContent}`);
  };
  input.addEventListener("input", show);
  root.prepend(svg.node());
  show();
}
