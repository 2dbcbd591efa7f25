"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const chart = document.getElementById("chart");
  if (!chart) return;
  const tip = document.getElementById("tip");
  const { colours, dashes } = data;
  const state = { measure: "smoothed", axis: "agent_steps", band: "spread", seeds: true };
  const measure = () => data.measures[state.measure] || { runs: [], means: { [state.axis]: [] } };

  const make = (name, attributes, parent, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.appendChild(node);
    return node;
  };
  const short = (value) => {
    const size = Math.abs(value);
    if (size >= 1e9) return +(value / 1e9).toPrecision(3) + "B";
    if (size >= 1e6) return +(value / 1e6).toPrecision(3) + "M";
    if (size >= 1e4) return +(value / 1e3).toPrecision(3) + "k";
    return String(+value.toPrecision(3));
  };
  const ticks = (low, high, wanted) => {
    const raw = (high - low) / wanted || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const result = [];
    for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9; t += step) result.push(+t.toPrecision(12));
    return result;
  };
  const at = (xs, ys, x) => {
    if (!xs.length || x < xs[0] || x > xs[xs.length - 1]) return null;
    let low = 0, high = xs.length - 1;
    while (high - low > 1) { const mid = (low + high) >> 1; if (xs[mid] <= x) low = mid; else high = mid; }
    const share = xs[high] > xs[low] ? (x - xs[low]) / (xs[high] - xs[low]) : 0;
    return ys[low] + share * (ys[high] - ys[low]);
  };
  const band = (mean) => state.band === "spread"
    ? mean.mean.map((m, i) => [m - mean.spread[i], m + mean.spread[i]])
    : mean.mean.map((m, i) => [m - mean.reach[i], m + mean.reach[i]]);

  let scene = null;
  const draw = () => {
    const width = chart.clientWidth || 640, height = width < 600 ? 300 : 400;
    const inner = { left: 52, right: width - 14, top: 24, bottom: height - 44 };
    const { runs, means: { [state.axis]: means } } = measure();
    const xs = [], ys = [];
    for (const run of runs) { for (const x of run[state.axis]) xs.push(x); for (const y of run.score) ys.push(y); }
    if (data.random_score !== null) ys.push(data.random_score);
    means.forEach((mean) => { if (mean && state.band === "spread") band(mean).forEach((pair) => ys.push(...pair)); });
    if (!xs.length) { chart.textContent = "No run has a score yet."; return; }
    const least = (values) => values.reduce((a, b) => Math.min(a, b)), most = (values) => values.reduce((a, b) => Math.max(a, b));
    const xLow = Math.min(0, least(xs)), xHigh = most(xs) || 1;
    let yLow = least(ys), yHigh = most(ys);
    const margin = (yHigh - yLow || 1) * 0.05;
    yLow = Math.min(yLow - margin, 0 <= yLow ? 0 : yLow - margin); yHigh += margin;
    const sx = (x) => inner.left + (x - xLow) / (xHigh - xLow) * (inner.right - inner.left);
    const sy = (y) => inner.bottom - (y - yLow) / (yHigh - yLow) * (inner.bottom - inner.top);
    const path = (px, py) => px.map((x, i) => (i ? "L" : "M") + sx(x).toFixed(1) + " " + sy(py[i]).toFixed(1)).join("");

    chart.querySelector("svg")?.remove();
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img",
      "aria-label": `Score over ${data.axis_titles[state.axis]}` });
    const clip = make("clipPath", { id: "plot" }, make("defs", {}, svg));
    make("rect", { x: inner.left, y: inner.top, width: inner.right - inner.left, height: inner.bottom - inner.top }, clip);
    for (const t of ticks(yLow, yHigh, 5)) {
      make("line", { x1: inner.left, x2: inner.right, y1: sy(t), y2: sy(t), stroke: "#e6e9ed" }, svg);
      make("text", { x: inner.left - 8, y: sy(t) + 4, "text-anchor": "end" }, svg, short(t));
    }
    for (const t of ticks(xLow, xHigh, width < 600 ? 4 : 7)) {
      make("line", { x1: sx(t), x2: sx(t), y1: inner.bottom, y2: inner.bottom + 5, stroke: "#9aa3ad" }, svg);
      make("text", { x: sx(t), y: inner.bottom + 20, "text-anchor": "middle" }, svg, short(t));
    }
    make("line", { x1: inner.left, x2: inner.right, y1: inner.bottom, y2: inner.bottom, stroke: "#9aa3ad" }, svg);
    make("text", { x: (inner.left + inner.right) / 2, y: height - 6, "text-anchor": "middle" }, svg, data.axis_titles[state.axis]);
    make("text", { x: 4, y: 12 }, svg, "score, per agent and episode");
    const plot = make("g", { "clip-path": "url(#plot)", fill: "none" }, svg);
    if (data.random_score !== null) {
      make("line", { class: "random", x1: inner.left, x2: inner.right, y1: sy(data.random_score), y2: sy(data.random_score),
        stroke: "#555", "stroke-width": 2, "stroke-dasharray": "2 4" }, plot);
    }
    means.forEach((mean, index) => {
      if (!mean) return;
      const pairs = band(mean);
      const top = path(mean.x, pairs.map((p) => p[1]));
      const back = path([...mean.x].reverse(), pairs.map((p) => p[0]).reverse()).replace("M", "L");
      make("path", { class: "band", d: top + back + "Z", fill: colours[index], "fill-opacity": 0.15 }, plot);
    });
    if (state.seeds) {
      for (const run of runs) {
        make("path", { class: "seed", d: path(run[state.axis], run.score), stroke: colours[data.arms.indexOf(run.arm)],
          "stroke-opacity": 0.45, "stroke-width": 1 }, plot);
        if (run.score.length <= 12) {
          run.score.forEach((y, i) => make("circle", { cx: sx(run[state.axis][i]), cy: sy(y), r: 2.5, stroke: "none",
            fill: colours[data.arms.indexOf(run.arm)], "fill-opacity": 0.6 }, plot));
        }
      }
    }
    means.forEach((mean, index) => {
      if (!mean) return;
      make("path", { class: "mean", d: path(mean.x, mean.mean), stroke: colours[index], "stroke-width": 3,
        "stroke-dasharray": dashes[index] }, plot);
    });
    const cursor = make("line", { y1: inner.top, y2: inner.bottom, stroke: "#333", visibility: "hidden" }, svg);
    chart.appendChild(svg);
    scene = { svg, cursor, sx, inner, width, toX: (p) => xLow + (p - inner.left) / (inner.right - inner.left) * (xHigh - xLow), means };
  };

  const line = (text, colour, bold) => {
    const row = document.createElement("div");
    row.textContent = text;
    if (colour) Object.assign(row.style, { borderLeft: `4px solid ${colour}`, paddingLeft: "6px" });
    if (bold) row.style.fontWeight = "600";
    tip.appendChild(row);
  };
  const hover = (event) => {
    if (!scene) return;
    const box = scene.svg.getBoundingClientRect();
    const pixel = Math.min(scene.inner.right, Math.max(scene.inner.left, (event.clientX - box.left) * scene.width / box.width));
    const x = scene.toX(pixel);
    scene.cursor.setAttribute("x1", pixel); scene.cursor.setAttribute("x2", pixel);
    scene.cursor.setAttribute("visibility", "visible");
    tip.textContent = ""; tip.hidden = false;
    line(`${short(x)} ${data.axis_titles[state.axis]}`, null, true);
    scene.means.forEach((mean, index) => {
      const value = mean && at(mean.x, mean.mean, x);
      if (value === null || value === undefined) { line(`${data.arms[index]}: –`, colours[index]); return; }
      const name = state.band === "spread" ? mean.spread : mean.reach;
      const reach = at(mean.x, name, x);
      line(`${data.arms[index]}: ${value.toFixed(3)}` + (reach === null || mean.seeds < 2 ? "" : ` ± ${reach.toFixed(3)}`), colours[index], true);
      if (state.seeds) {
        const singles = measure().runs.filter((run) => run.arm === data.arms[index])
          .map((run) => at(run[state.axis], run.score, x)).filter((v) => v !== null);
        if (singles.length && singles.length <= 10) line(singles.map((v) => v.toFixed(2)).join("  "), colours[index]);
      }
    });
    if (data.random_score !== null) line(`random policy: ${data.random_score.toFixed(3)}`);
    const left = pixel / scene.width * box.width;
    tip.style.left = Math.max(0, left > box.width / 2 ? left - tip.offsetWidth - 12 : left + 12) + "px";
  };
  const leave = () => { tip.hidden = true; scene?.cursor.setAttribute("visibility", "hidden"); };

  chart.addEventListener("pointermove", hover);
  chart.addEventListener("pointerdown", hover);
  chart.addEventListener("pointerleave", leave);
  for (const name of ["measure", "axis", "band"]) {
    document.querySelectorAll(`input[name=${name}]`).forEach((input) =>
      input.addEventListener("change", () => { state[name] = input.value; leave(); draw(); }));
  }
  document.getElementById("seeds").addEventListener("change", (event) => { state.seeds = event.target.checked; draw(); });
  window.addEventListener("resize", draw);
  draw();

  const save = (content, type, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const fileName = (ending) => `${data.arms.join("-")}-${state.measure.replace("/", "-")}-${state.axis}.${ending}`;
  const table = () => {
    const lines = ["arm,seed,status,agent_steps,wall_seconds,gradient_updates,value"];
    const cell = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    for (const run of measure().runs) {
      run.score.forEach((value, i) => lines.push([cell(run.arm), run.seed, run.status, run.agent_steps[i],
        run.wall_seconds[i], run.gradient_updates[i], value].join(",")));
    }
    return lines.join("\n") + "\n";
  };
  // The chart as it is shown, with the key that the page has beside it.
  const picture = () => {
    const svg = scene.svg.cloneNode(true);
    const width = scene.width, height = Number(scene.svg.getAttribute("height")) + 30;
    for (const [name, value] of Object.entries({ xmlns: "http://www.w3.org/2000/svg", width, height,
      viewBox: `0 -30 ${width} ${height}`, "font-family": "system-ui, sans-serif", "font-size": 13 })) svg.setAttribute(name, value);
    svg.insertBefore(make("rect", { x: 0, y: -30, width, height, fill: "#fff" }), svg.firstChild);
    const names = [...data.arms.map((arm, i) => [arm, colours[i], dashes[i], 3]),
      ...(data.random_score === null ? [] : [["random policy", "#555", "2 4", 2]])];
    let x = scene.inner.left;
    for (const [name, stroke, dash, size] of names) {
      make("line", { x1: x, x2: x + 26, y1: -14, y2: -14, stroke, "stroke-width": size, "stroke-dasharray": dash }, svg);
      make("text", { x: x + 32, y: -10, fill: "#1b1f24" }, svg, name);
      x += 56 + 8 * name.length;
    }
    return { text: new XMLSerializer().serializeToString(svg), width, height };
  };
  const savers = {
    csv: () => save(table(), "text/csv", fileName("csv")),
    svg: () => save(picture().text, "image/svg+xml", fileName("svg")),
    png: () => {
      const { text, width, height } = picture();
      const image = new Image();
      image.onload = () => {
        const canvas = document.createElement("canvas");
        canvas.width = 2 * width; canvas.height = 2 * height;
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob((blob) => save(blob, "image/png", fileName("png")));
      };
      image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
    },
  };
  document.querySelectorAll("button[data-save]").forEach((button) =>
    button.addEventListener("click", () => { if (scene) savers[button.dataset.save](); }));
})();
