// A project's curves, drawn by uPlot in the place of the server's pictures. Points come once each: what is held is kept,
// and thinned here as the server thins (the last of each bucket of `step` rounds).
"use strict";
const box = document.getElementById("curves");
const OTHER_COLUMNS = ["rounds", "epochs", "times", "seconds", "mini_batches", "hosts", "loss"];
const held = { training: {}, measured: {} };
const choice = { smoothing: 0, against: "round", log: false, ...remembered() };
let drawn = [], outline = "", busy = false, step = 1;

function remembered() {
  try { return JSON.parse(localStorage.getItem("daig-curves")) || {}; } catch { return {}; }
}

// Points: columns by name, metrics among them as "metric NAME", null where a round has none.
function columns(part) {
  const flat = {};
  for (const name of OTHER_COLUMNS) if (part[name]) flat[name] = part[name];
  for (const [name, values] of Object.entries(part.metrics || {})) flat[`metric ${name}`] = values;
  return flat;
}

function merged(old, fresh) {
  const before = (old.rounds || []).length, added = (fresh.rounds || []).length, all = {};
  for (const name of new Set([...Object.keys(old), ...Object.keys(fresh)]))
    all[name] = [...(old[name] || Array(before).fill(null)), ...(fresh[name] || Array(added).fill(null))];
  const rounds = all.rounds || [], bucket = (i) => Math.floor(rounds[i] / step);
  const kept = rounds.map((_, i) => i).filter((i) => i + 1 === rounds.length || bucket(i) !== bucket(i + 1));
  return Object.fromEntries(Object.entries(all).map(([name, values]) => [name, kept.map((i) => values[i])]));
}

// A round's place among the epochs: where the epoch began is known from the points, how long it is from the one before.
function epochPlaces(points) {
  const first = new Map(), { rounds = [], epochs = [] } = held.training;
  rounds.forEach((round, i) => first.has(epochs[i]) || first.set(epochs[i], i ? rounds[i - 1] + 1 : 0));
  return points.rounds.map((round, i) => {
    const epoch = points.epochs[i], from = first.get(epoch) ?? round, next = first.get(epoch + 1);
    const length = next === undefined ? Number(box.dataset.roundsAnEpoch) : next - from;
    return epoch + Math.min(Math.max((round + 1 - from) / Math.max(length, 1), 0), 1);
  });
}

function places(points) {
  if (!points.rounds) return [];
  return { round: () => points.rounds, time: () => points.times, epoch: () => epochPlaces(points) }[choice.against]();
}

// The weighted mean of what came before, without the pull towards 0 at its beginning (as TensorBoard does it).
function smoothed(values, weight) {
  let sum = 0, part = 0;
  return values.map((value) => {
    if (value === null || value === undefined) return null;
    sum = sum * weight + (1 - weight) * value;
    part = part * weight + (1 - weight);
    return sum / part;
  });
}

const color = (name) => getComputedStyle(box).getPropertyValue(name).trim();
const short = (value) => {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
};

function wanted() {
  const t = held.training, m = held.measured, charts = [];
  const metrics = new Set([...Object.keys(t), ...Object.keys(m)].filter((name) => name.startsWith("metric ")));
  const both = (name) => [{ kind: "training", values: t[name] || [] }, { kind: "validation", values: m[name] || [] }];
  charts.push({ title: "loss", log: choice.log, lines: both("loss") });
  for (const name of metrics) charts.push({ title: name.slice(7).replaceAll("_", " "), lines: both(name) });
  const speed = (t.mini_batches || []).map((count, i) => (t.seconds[i] > 0 ? count / t.seconds[i] : null));
  charts.push({ title: "seconds a round takes", small: true, lines: [{ kind: "seconds", values: t.seconds || [] }] });
  charts.push({ title: "mini-batches a second", small: true, lines: [{ kind: "speed", values: speed }] });
  charts.push({ title: "hosts with a part in a round", small: true, exact: true, lines: [{ kind: "hosts", values: t.hosts || [] }] });
  return charts.map((chart) => ({ ...chart, lines: chart.lines.filter((line) => line.values.some((v) => v !== null)) }))
    .filter((chart) => chart.lines.some((line) => line.values.length > 1));
}

// What uPlot takes: one x for all series; the raw values behind the smoothed ones.
function tables(chart) {
  const weight = chart.exact ? 0 : Number(choice.smoothing);
  const fit = (values) => (chart.log ? values.map((v) => (v > 0 ? v : null)) : values);
  const parts = [], series = [];
  for (const line of chart.lines) {
    const x = places(line.kind === "validation" ? held.measured : held.training), blurred = weight > 0 && line.kind !== "validation";
    const shades = blurred ? [fit(line.values), fit(smoothed(line.values, weight))] : [fit(line.values)];
    parts.push([x, ...shades]);
    shades.forEach((values, i) => series.push({ kind: line.kind, faint: blurred && i === 0, few: values.length <= 40 }));
  }
  return { data: uPlot.join(parts), series };
}

function sentence(chart) {
  return `${chart.title}: ` + chart.lines.map((line) => {
    const rounds = (line.kind === "validation" ? held.measured : held.training).rounds;
    const known = line.values.map((value, i) => [value, rounds[i]]).filter(([value]) => value !== null);
    const [first, last] = [known[0], known.at(-1)], word = chart.small ? "" : `${line.kind} `;
    return `${word}from ${short(first[0])} in round ${first[1]} to ${short(last[0])} in round ${last[1]}`;
  }).join("; ");
}

function options(chart, series, width) {
  const muted = () => color("--pico-muted-color"), font = "12px system-ui, sans-serif";
  const dot = (_, i) => (series[i - 1].faint ? "transparent" : color(`--daig-line-${series[i - 1].kind}`));
  const axis = { stroke: muted, font, ticks: { show: false } };
  return {
    width, height: chart.small ? 150 : 230, legend: { show: false }, padding: [8, 8, 0, 0],
    cursor: { sync: { key: "daig" }, y: false, drag: { x: true, y: false }, points: { size: 7, fill: dot, stroke: dot } },
    scales: { x: { time: choice.against === "time" }, y: chart.log ? { distr: 3 } : { range: limits(chart) } },
    axes: [
      { ...axis, size: 30, grid: { show: false }, space: 64, ...(choice.against === "time" ? { values: clock } : {}) },
      { ...axis, size: 54, grid: { stroke: () => color("--pico-muted-border-color"), width: 1 }, values: (_, ticks) => ticks.map((v) => (v === null ? "" : short(v))) },
    ],
    series: [{}, ...series.map(({ kind, faint, few }) => ({
      stroke: () => color(`--daig-line-${kind}`) + (faint ? "55" : ""), width: faint ? 1 : 2, spanGaps: true,
      points: { show: few && !faint, size: 5, fill: () => color(`--daig-line-${kind}`) },
    }))],
    hooks: { setCursor: [(plot) => tell(plot)] },
  };
}

// The time of day, or the day where it is about days.
function clock(plot, ticks) {
  const days = plot.scales.x.max - plot.scales.x.min > 2 * 86400;
  const form = days ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return ticks.map((tick) => new Date(tick * 1000).toLocaleString("en-GB", form));
}

// Counts and times begin at 0; losses and metrics fill the picture.
function limits(chart) {
  return (_, low, high) => {
    if (low === null) return [0, 1];
    if (chart.small) return [0, high > 0 ? most(chart, high) * 1.12 : 1];
    const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 0.5;
    return [low - room, high + room];
  };
}

// A round that waited for hosts may have taken a thousand times as long as any other: it goes beyond the picture.
function most(chart, high) {
  const known = chart.lines[0].values.filter((v) => v !== null).sort((a, b) => a - b);
  const usual = known[Math.floor((known.length - 1) * 0.95)];
  return chart.lines[0].kind === "seconds" && known.length >= 20 && usual > 0 && high > 10 * usual ? 2 * usual : high;
}

// The figures beside the keys: where the pointer is, or the newest.
function tell(plot) {
  const one = drawn.find((each) => each.plot === plot);
  if (!one) return;
  const at = plot.cursor.idx;
  one.series.forEach((series, i) => {
    if (series.faint) return;
    const values = plot.data[i + 1];
    let place = at ?? values.length - 1;
    while (place > 0 && (values[place] === null || values[place] === undefined)) place -= 1;
    one.figure.querySelector(`[data-value="${series.kind}"]`).textContent = short(values[place]);
  });
  const x = at === null || at === undefined ? null : plot.data[0][at];
  const words = { round: (v) => `round ${v}`, epoch: (v) => `epoch ${v.toFixed(2)}`, time: (v) => new Date(v * 1000).toLocaleString("en-GB") };
  one.figure.querySelector(".where").textContent = x === null ? "" : words[choice.against](x);
}

function figureOf(chart) {
  const figure = document.createElement("figure"), caption = document.createElement("figcaption"), name = document.createElement("strong");
  figure.className = chart.small ? "chart small" : "chart";
  name.textContent = chart.title;
  caption.append(name);
  for (const { kind } of chart.lines) {
    const key = document.createElement("span"), value = document.createElement("span");
    key.className = `key ${kind}`;
    value.className = "value";
    value.dataset.value = kind;
    key.append(chart.small ? "" : `${kind} `, value);
    caption.append(key);
  }
  const where = document.createElement("span"), plot = document.createElement("div");
  where.className = "where";
  caption.append(where);
  plot.className = "plot";
  plot.setAttribute("role", "img");
  figure.append(caption, plot);
  return figure;
}

function draw() {
  const charts = wanted();
  if (!charts.length) return;
  box.querySelector(".curve-tools").hidden = false;
  const shape = JSON.stringify([charts.map((c) => [c.title, c.log, c.lines.map((l) => [l.kind, l.values.length <= 40])]), choice]);
  if (shape !== outline) build(charts);
  outline = shape;
  charts.forEach((chart, i) => {
    const { plot, figure } = drawn[i], { data } = tables(chart), { min, max } = plot.scales.x, before = plot.data[0];
    const zoomed = typeof min === "number" && before.length > 1 && (min > before[0] || max < before.at(-1));
    plot.setData(data, !zoomed);
    if (zoomed) plot.redraw();
    figure.querySelector(".plot").setAttribute("aria-label", sentence(chart));
    tell(plot);
  });
  const note = box.querySelector("[data-thinned]");
  note.hidden = step === 1;
  note.textContent = `One of every ${step} rounds is shown.`;
}

function build(charts) {
  for (const { plot } of drawn) plot.destroy();
  const place = box.querySelector(".charts"), small = document.createElement("div");
  small.className = "charts small";
  place.replaceChildren();
  box.querySelector(".charts.small")?.remove();
  place.after(small);
  drawn = charts.map((chart) => {
    const figure = figureOf(chart), { data, series } = tables(chart);
    (chart.small ? small : place).append(figure);
    const target = figure.querySelector(".plot");
    return { figure, series, target, plot: new uPlot(options(chart, series, target.clientWidth || 300), data, target), height: chart.small ? 150 : 230 };
  });
  fit();
}

function fit() {
  for (const { plot, target, height } of drawn)
    if (target.clientWidth && target.clientWidth !== plot.width) plot.setSize({ width: target.clientWidth, height });
}

async function fetchNew() {
  if (busy) return;
  busy = true;
  try {
    const after = held.training.rounds?.at(-1) ?? -1, measured = held.measured.rounds?.at(-1) ?? -1;
    const answer = await fetch(`${box.dataset.url}?after=${after}&measured=${measured}`, { cache: "no-cache" });
    if (answer.ok) {
      const fresh = await answer.json();
      step = fresh.step;
      held.training = merged(held.training, columns(fresh));
      held.measured = merged(held.measured, columns(fresh.measured));
      draw();
    }
  } catch {
    // The next news asks again.
  } finally {
    busy = false;
  }
}

function chosen({ target }) {
  choice[target.name] = target.type === "checkbox" ? target.checked : target.type === "range" ? Number(target.value) : target.value;
  try { localStorage.setItem("daig-curves", JSON.stringify(choice)); } catch { /* It is forgotten, then. */ }
  draw();
}

if (box && window.uPlot) {
  const tools = box.querySelector(".curve-tools");
  for (const [name, value] of Object.entries(choice)) {
    const control = tools.querySelector(`[name="${name}"]`);
    if (control) control[control.type === "checkbox" ? "checked" : "value"] = value;
  }
  tools.addEventListener("input", chosen);
  let seen = "";
  document.addEventListener("daig:news", ({ detail }) => {
    const mark = `${detail.round} ${detail.measured_round} ${detail.state}`;
    // A project may have gone back to an earlier round: what is held from there on was undone.
    if (held.training.rounds?.at(-1) >= detail.round) [held.training, held.measured] = [{}, {}];
    if (mark !== seen) fetchNew();
    seen = mark;
  });
  new ResizeObserver(fit).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(({ plot }) => plot.redraw()));
  fetchNew();
}
