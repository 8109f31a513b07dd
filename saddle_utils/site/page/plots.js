// The two pictures of a laboratory: the loss over epochs, and the plane of first-layer weights.

import { axisBottom, axisLeft } from "d3-axis";
import { drag } from "d3-drag";
import { scaleLinear } from "d3-scale";
import { create, pointer } from "d3-selection";
import { line } from "d3-shape";

const WIDTH = 420, HEIGHT = 300, EDGE = { left: 40, right: 12, top: 14, bottom: 34 };
const REACH = 3.6; // of the plane in which the data are dragged
const POINTS = 500; // of a curve, which is as many as a screen shows
const VERTICES = 8000; // of the paths of all units together
const NAME = 62, NUMBER = 36, ROW = 13; // room for the name of a level, for a time, and for a line of text

function picture(className) {
  return create("svg").attr("viewBox", `0 0 ${WIDTH} ${HEIGHT}`).attr("role", "img").attr("class", className)
    .attr("aria-label", `The ${className} of a network that has not been trained yet.`);
}

// Loss over epochs: the run, the paper's curve, theory's levels and times, and a dot at the epoch shown.
export function lossPlot(onSeek) {
  const svg = picture("loss");
  const x = scaleLinear().range([EDGE.left, WIDTH - EDGE.right]);
  const y = scaleLinear().domain([0, 1.04]).range([HEIGHT - EDGE.bottom, EDGE.top]);
  const bottom = svg.append("g").attr("class", "axis").attr("transform", `translate(0 ${HEIGHT - EDGE.bottom})`);
  svg.append("g").attr("class", "axis").attr("transform", `translate(${EDGE.left} 0)`).call(axisLeft(y).ticks(5));
  const title = svg.append("text").attr("class", "name").attr("x", EDGE.left + 4).attr("y", EDGE.top - 3);
  svg.append("text").attr("class", "name").attr("x", WIDTH - EDGE.right).attr("y", HEIGHT - 4).attr("text-anchor", "end").text("epochs");
  const theory = svg.append("g").attr("class", "theory");
  const paper = svg.append("path").attr("class", "paper");
  const paperName = svg.append("text").attr("class", "name paper-name").text("the paper");
  const run = svg.append("path").attr("class", "run");
  const words = svg.append("g").attr("class", "theory");
  const dot = svg.append("circle").attr("class", "now").attr("r", 5);
  svg.append("rect").attr("class", "seek").attr("x", EDGE.left).attr("y", EDGE.top)
    .attr("width", WIDTH - EDGE.left - EDGE.right).attr("height", HEIGHT - EDGE.top - EDGE.bottom)
    .call(drag().on("start drag", (event) => onSeek(x.invert(pointer(event, svg.node())[0]))));
  const curve = line((d) => x(d[0]), (d) => y(Math.min(d[1], 1.04)));
  const thinned = (losses) => {
    const every = Math.max(1, Math.floor(losses.length / POINTS)), points = [];
    for (let t = 0; t < losses.length; t += every) points.push([t, losses[t]]);
    return points;
  };
  return {
    node: svg.node(),
    draw(losses, epochs, reference) {
      x.domain([0, epochs]);
      bottom.call(axisBottom(x).ticks(5));
      run.attr("d", curve(thinned(losses)));
      paper.attr("d", reference ? curve(reference.filter(([epoch]) => epoch <= epochs)) : null);
      // Where the paper's curve has not been: left of its drops, or right of them in a long run.
      const long = epochs > 2000;
      paperName.attr("visibility", reference ? "visible" : "hidden").attr("y", y(0.2))
        .attr("x", long ? x.range()[1] : x.range()[0] + 6).attr("text-anchor", long ? "end" : "start");
      title.text(losses[0] > 1.04 ? `loss, from ${losses[0].toPrecision(3)} on` : "loss");
    },
    // Levels named at the right and times at the top, where no two names meet.
    predict(prediction, unit) {
      for (const part of [theory, words]) part.selectAll("*").remove();
      const drops = prediction?.drops ?? [], right = x.range()[1];
      const rule = (x1, y1, x2, y2) => theory.append("line").attr("x1", x1).attr("y1", y1).attr("x2", x2).attr("y2", y2);
      const write = (text, left, top, anchor) =>
        words.append("text").attr("class", "name").attr("x", left).attr("y", top).attr("text-anchor", anchor).text(text);
      const late = drops.find(({ time }) => x(time) > right - NAME), end = late ? x(late.time) - 4 : right;
      let above = HEIGHT;
      for (const { time, level, width } of [...drops].reverse()) {
        rule(x(time), y(level), right, y(level));
        above = Math.min(y(level) - 5, above - ROW);
        write(`${width} ${unit}${width > 1 ? "s" : ""}`, end, above, "end");
      }
      let row = 0, free = 0;
      for (const { time } of drops) {
        const at = x(time), edge = at > right - NUMBER;
        rule(at, y(0), at, y(1));
        row = at < free ? row + 1 : 0;
        free = at + NUMBER;
        write(Math.round(time), at + (edge ? -4 : 4), y(1) + 10 + row * ROW, edge ? "end" : "start");
      }
    },
    at(epoch, loss) {
      dot.attr("cx", x(epoch)).attr("cy", y(Math.min(loss, 1.04)));
    },
    describe: (text) => svg.attr("aria-label", text),
  };
}

// The plane: a dot for each unit with its path from the origin, and the data as handles to drag.
export function planePlot(names, onMove) {
  const svg = picture("plane").attr("role", "group");
  const side = Math.min(WIDTH, HEIGHT) - 16, middle = [WIDTH / 2, HEIGHT / 2];
  const x = scaleLinear().domain([-REACH, REACH]).range([middle[0] - side / 2, middle[0] + side / 2]);
  const y = scaleLinear().domain([-REACH, REACH]).range([middle[1] + side / 2, middle[1] - side / 2]);
  svg.append("circle").attr("class", "rim").attr("cx", middle[0]).attr("cy", middle[1]).attr("r", side / 2);
  svg.append("path").attr("class", "cross").attr("d", `M${x(-REACH)} ${y(0)}H${x(REACH)}M${x(0)} ${y(-REACH)}V${y(REACH)}`);
  const paths = svg.append("path").attr("class", "paths");
  const dots = svg.append("g").attr("class", "dots");
  const name = svg.append("text").attr("class", "name").attr("x", 6).attr("y", 16);
  name.text("first-layer weights");
  if (names.length) svg.append("text").attr("class", "name data-name").attr("x", 6).attr("y", 32).text("data: drag me");
  const clip = (value) => Math.max(-REACH, Math.min(REACH, value));
  const handles = names.map((label, k) => {
    const group = svg.append("g").attr("class", "handle").attr("tabindex", 0).attr("role", "slider");
    group.append("line");
    group.append("rect").attr("x", -8).attr("y", -8).attr("width", 16).attr("height", 16).attr("rx", 3);
    group.append("text").attr("class", "name").attr("text-anchor", "middle").text(label);
    group.call(drag().on("drag", (event) => {
      const [px, py] = pointer(event, svg.node());
      onMove(k, [clip(x.invert(px)), clip(y.invert(py))]);
    }));
    group.on("keydown", (event) => {
      const step = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, 0.05], ArrowDown: [0, -0.05] }[event.key];
      if (!step) return;
      event.preventDefault();
      const [a, b] = group.datum();
      onMove(k, [clip(a + step[0]), clip(b + step[1])]);
    });
    return group;
  });
  let scale = 1, shown = [0, 1], size = 4;
  return {
    node: svg.node(),
    draw(run, net, first, points) {
      [size, shown] = [net.nv + net.nu, [first, first + 1]];
      const last = run.thetas.at(-1), every = Math.ceil((run.thetas.length * last.length) / size / VERTICES);
      let reach = 1e-12;
      for (const theta of [run.thetas[0], last])
        for (let at = 0; at < theta.length; at += size) reach = Math.max(reach, Math.hypot(theta[at + first], theta[at + first + 1]));
      scale = (0.8 * REACH) / reach;
      let d = "";
      for (let at = 0; at < last.length; at += size)
        for (let t = 0; t < run.thetas.length; t += every) {
          const theta = run.thetas[t];
          d += `${t ? "L" : "M"}${x(scale * theta[at + first]).toFixed(1)} ${y(scale * theta[at + first + 1]).toFixed(1)}`;
        }
      paths.attr("d", d);
      handles.forEach((group, k) => {
        const [a, b] = points[k];
        group.datum(points[k]).attr("transform", `translate(${x(a)} ${y(b)})`)
          .attr("aria-label", `${names[k]}, arrow keys move it`).attr("aria-valuenow", Math.round((Math.atan2(b, a) * 180) / Math.PI))
          .attr("aria-valuemin", -180).attr("aria-valuemax", 180)
          .attr("aria-valuetext", `${a.toFixed(2)}, ${b.toFixed(2)}`);
        group.select("text").attr("dy", b < 0 ? 22 : -13);
        group.select("line").attr("x1", x(0) - x(a)).attr("y1", y(0) - y(b)).attr("x2", 0).attr("y2", 0);
      });
    },
    at(theta) {
      const units = [];
      for (let at = 0; at < theta.length; at += size) units.push([theta[at + shown[0]], theta[at + shown[1]]]);
      dots.selectAll("circle").data(units).join("circle").attr("r", 4)
        .attr("cx", (u) => x(scale * u[0]).toFixed(1)).attr("cy", (u) => y(scale * u[1]).toFixed(1));
    },
    describe: (text) => svg.attr("aria-label", text),
  };
}
