// The sequence diagram: what lies in the window is drawn anew for every view. Events narrower than
// two points are drawn by their extremes, so a view costs one step per visible event at most.
const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const seconds = (ps) => ps * 1e-12;
const duration = seconds(data.duration);
const left = 74, right = 12, top = 62, bottom = 42, between = 6, room = 0.86;
const shortest = 1e-8; // s: the narrowest window
let from = seconds(data.from), to = seconds(data.to), cursor = null;

// ---------------------------------------------------------------- events
const shapes = data.shapes;
for (const s of shapes) {
  s.n = s.complex ? s.samples.length / 2 : s.samples.length;
  s.lo = Math.min(0, s.first, s.last);
  s.hi = Math.max(0, s.first, s.last);
  for (let i = 0; i < s.n; i++) {
    const v = s.complex ? Math.hypot(s.samples[2 * i], s.samples[2 * i + 1]) : s.samples[i];
    s.lo = Math.min(s.lo, v);
    s.hi = Math.max(s.hi, v);
  }
  s.most = Math.max(-s.lo, s.hi);
}
const shapeOf = (i) => (i < 0 ? null : shapes[i]);

// Of a pulse whose real part's mean is 1: flip = 2 pi gammabar B1 duration. In microtesla.
function pulseScale(p) {
  return data.gammabar > 0
    ? Math.abs(p.flip) / (2 * Math.PI * data.gammabar * Math.max(p.end - p.start, 1e-9)) * 1e6 : 0;
}
function span(start, length) { return { start: seconds(start), end: seconds(start + length) }; }
const pulses = data.rf.map(([start, length, flip, phase, freq, shape, use]) => {
  const p = Object.assign(span(start, length), { flip, phase, freq, use, shape: shapeOf(shape) });
  p.scale = pulseScale(p);
  p.lo = 0;
  p.hi = p.scale * (p.shape ? p.shape.most : 1);
  return p;
});
const gradients = [[], [], []];
for (const [axis, start, length, amplitude, rise, fall, shape] of data.grad) {
  const g = Object.assign(span(start, length),
    { a: amplitude * 1e3, rise: seconds(rise), fall: seconds(fall), shape: shapeOf(shape) });
  const lo = g.a * (g.shape ? g.shape.lo : 0), hi = g.a * (g.shape ? g.shape.hi : 1);
  g.lo = Math.min(0, lo, hi);
  g.hi = Math.max(0, lo, hi);
  gradients[axis].push(g);
}
const windows = data.adc.map(([start, length, n, phase, freq]) =>
  Object.assign(span(start, length), { n, phase, freq }));
const kinds = ["play", "delay", "solved delay", "reset"];
const blocks = data.blocks.map(([start, length, kind, text, where, line]) =>
  Object.assign(span(start, length), { kind, text: data.texts[text], where, line }));

// Runs of blocks that stand in the same iteration of the outer loops.
function runs(depth) {
  const out = [];
  for (const b of blocks) {
    const words = b.where.split(" "), name = words.slice(0, depth + 1).join(" ");
    const last = out[out.length - 1];
    if (words.length <= depth || !words[depth]) continue;
    if (last && last.name === name && last.end >= b.start - 1e-12) last.end = b.end;
    else out.push({ start: b.start, end: b.end, name, label: words[depth] });
  }
  return out;
}
const iterations = [runs(0), runs(1)];

// The first of a list in order of time that ends after t.
function firstAfter(list, t) {
  let a = 0, b = list.length;
  while (a < b) {
    const m = (a + b) >> 1;
    if (list[m].end < t) a = m + 1; else b = m;
  }
  return a;
}
function covering(list, t) {
  const e = list[firstAfter(list, t)];
  return e && e.start <= t && t <= e.end ? e : null;
}

const wrap = (v) => v - 360 * Math.round(v / 360);
function sampleAt(s, i) {
  return s.complex ? [s.samples[2 * i], s.samples[2 * i + 1]] : [s.samples[i], 0];
}
function phaseOf(p, i) {
  const [re, im] = p.shape ? sampleAt(p.shape, i) : [1, 0];
  return wrap((p.phase + Math.atan2(im, re)) * 180 / Math.PI);
}
// Corners of an event as times and values, in the window only.
function corners(e, value, add) {
  const s = e.shape, n = s.n, step = (e.end - e.start) / n;
  const a = Math.max(0, Math.floor((from - e.start) / step) - 1);
  const b = Math.min(n, Math.ceil((to - e.start) / step) + 1);
  for (let i = a; i < b; i++) add(e.start + (i + 0.5) * step, value(i));
}
function gradientCorners(g, add) {
  if (!g.shape) {
    add(g.start, 0);
    add(g.start + g.rise, g.a);
    add(g.end - g.fall, g.a);
    add(g.end, 0);
    return;
  }
  add(g.start, g.a * g.shape.first);
  corners(g, (i) => g.a * g.shape.samples[i], add);
  add(g.end, g.a * g.shape.last);
}
function pulseCorners(p, add) {
  add(p.start, 0);
  if (p.shape) corners(p, (i) => p.scale * Math.hypot(...sampleAt(p.shape, i)), add);
  else { add(p.start, p.scale); add(p.end, p.scale); }
  add(p.end, 0);
}
// The value at t by the same corners that are drawn.
function valueAt(list, t, trace) {
  const e = covering(list, t);
  let before = null, found = null;
  if (!e) return 0;
  const a = from, b = to;
  from = to = t;
  trace(e, (time, v) => {
    if (before && before[0] <= t && t <= time)
      found = time > before[0] ? before[1] + (v - before[1]) * (t - before[0]) / (time - before[0]) : v;
    before = [time, v];
  });
  from = a;
  to = b;
  return found === null ? 0 : found;
}
const gradientAt = (axis, t) => valueAt(gradients[axis], t, gradientCorners);
const b1At = (t) => valueAt(pulses, t, pulseCorners);

// ---------------------------------------------------------------- lanes
const most = (lists) => {
  let v = 0;
  for (const list of lists) for (const e of list) v = Math.max(v, e.hi, -e.lo);
  return v > 0 ? v : 1;
};
const strongest = most(gradients);
const lanes = [
  { name: "RF", unit: "\u00b5T", ink: "--rf", share: 1.15, most: most([pulses]), list: pulses, trace: pulseCorners },
  { name: "phase", unit: "deg", ink: "--phase", share: 0.75, most: 180, both: true },
  { name: "Gx", unit: "mT/m", ink: "--x", share: 1, most: strongest, both: true, list: gradients[0], trace: gradientCorners },
  { name: "Gy", unit: "mT/m", ink: "--y", share: 1, most: strongest, both: true, list: gradients[1], trace: gradientCorners },
  { name: "Gz", unit: "mT/m", ink: "--z", share: 1, most: strongest, both: true, list: gradients[2], trace: gradientCorners },
  { name: "ADC", unit: "", ink: "--adc", share: 0.45, most: 1 },
];
let c, width, height, color = {};
const xOf = (t) => left + (t - from) / (to - from) * (width - left - right);
const timeOf = (x) => from + (x - left) / (width - left - right) * (to - from);
function yOf(l, v) {
  const u = v / l.most * room;
  return l.both ? l.y + l.height / 2 - u * l.height / 2 : l.y + l.height - u * l.height - 1;
}
function readColors() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "text", "faint", "grid", "lane", "rf", "phase", "x", "y", "z", "adc", "block", "wait", "old"])
    color["--" + name] = style.getPropertyValue("--" + name).trim();
}
function fit(canvas) {
  const box = canvas.parentElement.getBoundingClientRect(), scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(box.width * scale));
  canvas.height = Math.max(1, Math.round(box.height * scale));
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return [context, box.width, box.height];
}
function text(g, x, y, label, ink, align = "left", size = 11, bold = false) {
  g.font = `${bold ? "bold " : ""}${size}px system-ui, "DejaVu Sans", sans-serif`;
  g.textAlign = align;
  g.textBaseline = "middle";
  g.fillStyle = color[ink];
  g.fillText(label, x, y);
}
function line(g, x0, y0, x1, y1, ink, w = 1) {
  g.strokeStyle = color[ink];
  g.lineWidth = w;
  g.beginPath();
  g.moveTo(x0, y0);
  g.lineTo(x1, y1);
  g.stroke();
}
// Round positions in lo..hi, at most `count`, and their labels.
function ticks(lo, hi, count) {
  const raw = (hi - lo) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= raw * 0.9999);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), out = [];
  for (let i = Math.ceil(lo / step - 1e-6); i * step <= hi + step * 1e-6; i++)
    out.push([i * step, (i * step).toFixed(digits).replace(/^-(0\.?0*)$/, "$1")]);
  return out;
}

function traceLane(l) {
  let at = null, first, lo, hi, last, previous = null;
  const flush = () => {
    c.lineTo(at, first);
    if (lo < Math.min(first, last)) c.lineTo(at, lo);
    if (hi > Math.max(first, last)) c.lineTo(at, hi);
    c.lineTo(at, last);
  };
  const point = (x, y) => {
    if (at !== null && x - at < 0.5) {
      lo = Math.min(lo, y);
      hi = Math.max(hi, y);
      last = y;
      return;
    }
    if (at !== null) flush();
    at = x;
    first = lo = hi = last = y;
  };
  const add = (t, v) => point(Math.max(-10, Math.min(width + 10, xOf(t))), yOf(l, v));
  c.strokeStyle = color[l.ink];
  c.lineWidth = 1.3;
  c.lineJoin = "round";
  c.beginPath();
  point(-10, yOf(l, 0));
  for (let i = firstAfter(l.list, from); i < l.list.length && l.list[i].start <= to; i++) {
    const e = l.list[i];
    if (e.start !== previous) {
      if (previous !== null) add(previous, 0);
      add(e.start, 0);
    }
    if (xOf(e.end) - xOf(e.start) < 2) { add(e.start, e.hi); add(e.start, e.lo); add(e.end, 0); }
    else if (!e.shape) l.trace(e, addClipped(add));
    else l.trace(e, add);
    previous = e.end;
  }
  if (previous !== null) add(previous, 0);
  point(width + 10, yOf(l, 0));
  flush();
  c.stroke();
}
// Straight edges that begin or end far outside keep their slope: cut where the window ends.
function addClipped(add) {
  let t0 = null, v0;
  const a = from - (to - from) * 0.01, b = to + (to - from) * 0.01;
  return (t, v) => {
    const at = (s) => v0 + (v - v0) * (s - t0) / (t - t0);
    if (t0 !== null && t > t0) {
      if (t0 < a && t > a) add(a, at(a));
      if (t0 < b && t > b) add(b, at(b));
    }
    if (t >= a && t <= b) add(t, v);
    t0 = t;
    v0 = v;
  };
}
function drawPhase(l) {
  let free = -1e9;
  c.strokeStyle = color[l.ink];
  c.lineWidth = 2;
  for (let i = firstAfter(pulses, from); i < pulses.length && pulses[i].start <= to; i++) {
    const p = pulses[i], x = xOf(p.start);
    if (x < free) continue;
    free = x + 0.5;
    c.beginPath();
    if (p.shape && xOf(p.end) - x > 3) corners(p, (k) => phaseOf(p, k), (t, v) => c.lineTo(xOf(t), yOf(l, v)));
    else {
      const y = yOf(l, phaseOf(p, p.shape ? p.shape.n >> 1 : 0));
      c.moveTo(x, y);
      c.lineTo(Math.max(xOf(p.end), x + 3), y);
    }
    c.stroke();
  }
}
function drawFlips(l) {
  let free = left;
  for (let i = firstAfter(pulses, from); i < pulses.length && pulses[i].start <= to; i++) {
    const p = pulses[i], x = Math.max(left + 16, xOf((p.start + p.end) / 2));
    if (x - 16 < free || x > width - right - 16) continue;
    const label = `${+(p.flip * 180 / Math.PI).toPrecision(4)}\u00b0`;
    text(c, x, l.y + 7, label, "--faint", "center", 10);
    free = x + c.measureText(label).width / 2 + 6;
  }
}
function drawWindows(l) {
  const y0 = yOf(l, 1), h = yOf(l, 0) - y0;
  let begin = null, end = -1e9;
  const box = () => {
    if (begin === null) return;
    c.globalAlpha = 0.35;
    c.fillRect(begin, y0, end - begin, h);
    c.globalAlpha = 1;
    c.strokeRect(begin, y0, end - begin, h);
  };
  c.fillStyle = c.strokeStyle = color[l.ink];
  c.lineWidth = 0.8;
  for (let i = firstAfter(windows, from); i < windows.length && windows[i].start <= to; i++) {
    const x0 = Math.max(xOf(windows[i].start), -10), x1 = Math.min(xOf(windows[i].end), width + 10);
    if (x0 - end < 0.5 && begin !== null) { end = x1; continue; }
    box();
    begin = x0;
    end = Math.max(x1, x0 + 0.6);
  }
  box();
}
// Text in a box when it fits, with the part of the box that the window shows.
function label(x0, x1, y, s, ink, size) {
  const a = Math.max(x0, left), b = Math.min(x1, width - right);
  c.font = `${size}px system-ui, "DejaVu Sans", sans-serif`;
  if (b - a > c.measureText(s).width + 8) text(c, (a + b) / 2, y, s, ink, "center", size);
}
const short = (t) => {
  const u = t >= 1 ? [1, "s"] : t >= 1e-3 ? [1e-3, "ms"] : [1e-6, "\u00b5s"];
  return `${+(t / u[0]).toPrecision(5)} ${u[1]}`;
};
function drawBlocks() {
  iterations.forEach((list, row) => {
    for (let i = firstAfter(list, from); i < list.length && list[i].start <= to; i++) {
      const r = list[i], x0 = xOf(r.start), x1 = xOf(r.end);
      if (x1 - x0 < 12) { i = Math.max(i, firstAfter(list, timeOf(x0 + 12)) - 1); continue; }
      line(c, x0, 2 + 14 * row, x0, 16 + 14 * row, "--grid");
      label(x0, x1, 9 + 14 * row, r.label, "--faint", 10);
    }
  });
  for (let i = firstAfter(blocks, from), free = -1e9; i < blocks.length && blocks[i].start <= to; i++) {
    const b = blocks[i], x0 = xOf(b.start), x1 = xOf(b.end);
    if (x1 - free < 0.5) continue;
    free = x1;
    c.fillStyle = color[b.kind === 0 ? "--block" : "--wait"];
    c.fillRect(x0, 31, Math.max(x1 - x0, 0.5), 15);
    if (x1 - x0 > 3) line(c, x0, 31, x0, 46, "--paper");
    label(x0, x1, 39, b.kind === 1 || b.kind === 2 ? `delay ${short(b.end - b.start)}` : b.text,
      b.kind === 0 ? "--text" : "--faint", 10);
  }
}
function drawMarks() {
  let free = -1e9;
  c.setLineDash([3, 3]);
  for (const t of data.resets.map(seconds))
    if (t >= from && t <= to && xOf(t) > free) {
      line(c, xOf(t), top - 4, xOf(t), height - bottom, "--faint");
      text(c, xOf(t) + 3, height - bottom - 6, "reset", "--faint", "left", 9);
      free = xOf(t) + 30;
    }
  free = -1e9;
  for (const [name, , t] of data.marks) {
    if (t < from || t > to) continue;
    line(c, xOf(t), top - 4, xOf(t), height - bottom, "--text");
    if (xOf(t) - 12 < free) continue;
    text(c, xOf(t), top - 9, name, "--text", "center", 10, true);
    free = xOf(t) + c.measureText(name).width / 2 + 6;
  }
  c.setLineDash([]);
}
function timeUnit() {
  const s = to - from;
  return s >= 2 ? [1, "s"] : s >= 1e-3 ? [1e-3, "ms"] : [1e-6, "\u00b5s"];
}
function drawFrame() {
  const shares = lanes.reduce((a, l) => a + l.share, 0);
  const [unit, unitName] = timeUnit(), y1 = height - bottom;
  let y = top;
  for (const l of lanes) {
    l.y = y;
    l.height = Math.max(8, (height - top - bottom - between * (lanes.length - 1)) * l.share / shares);
    y += l.height + between;
    c.fillStyle = color["--lane"];
    c.fillRect(left, l.y, width - left - right, l.height);
    text(c, 6, l.y + l.height / 2 - (l.unit ? 6 : 0), l.name, l.ink, "left", 12, true);
    text(c, 6, l.y + l.height / 2 + 8, l.unit, "--faint", "left", 10);
    if (l.unit)
      for (const [v, label] of ticks(l.both ? -l.most : 0, l.most, l.height > 60 ? 4 : 2)) {
        line(c, left, yOf(l, v), width - right, yOf(l, v), "--grid");
        text(c, left - 5, yOf(l, v), label, "--faint", "right", 9);
      }
  }
  for (const [v, label] of ticks(from / unit, to / unit, (width - left - right) / 80)) {
    line(c, xOf(v * unit), top, xOf(v * unit), y1 + 4, "--grid");
    text(c, xOf(v * unit), y1 + 12, label, "--faint", "center", 10);
  }
  line(c, left, y1, width - right, y1, "--faint");
  text(c, (left + width - right) / 2, y1 + 30, `time [${unitName}]`, "--text", "center", 11);
}
function drawDiagram() {
  [c, width, height] = fit(element("back"));
  drawFrame();
  c.save();
  c.beginPath();
  c.rect(left, 0, width - left - right, height - bottom);
  c.clip();
  drawBlocks();
  drawMarks();
  for (const l of lanes) if (l.list) traceLane(l);
  drawFlips(lanes[0]);
  drawPhase(lanes[1]);
  drawWindows(lanes[5]);
  c.restore();
}

// ---------------------------------------------------------------- k-space
// A readout: start of its window, dwell, samples, every how many one is kept, then x y z of those.
const paths = data.k.map(([start, dwell, n, step, ...k]) =>
  ({ start: seconds(start) + dwell / 2, end: seconds(start) + dwell * (n - 0.5), dwell, n, step, k }))
  .sort((a, b) => a.start - b.start); // the list is by the pulses that the readouts follow
const pathTime = (p, i) => p.start + p.dwell * Math.min(i * p.step, p.n - 1);
let reach = 0;
for (const p of paths)
  for (let i = 0; i < p.k.length; i += 3) reach = Math.max(reach, Math.abs(p.k[i]), Math.abs(p.k[i + 1]));
const nyquist = [0, 1].map((i) => (data.fov[i] > 0 ? 0.5 * data.matrix[i] / data.fov[i] : 0));
reach = 1.07 * Math.max(reach, ...nyquist) || 1;
const viridis = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
function scale(u) {
  const i = Math.min(3, Math.floor(u * 4)), f = u * 4 - i;
  return `rgb(${viridis[i].map((v, j) => Math.round(v + (viridis[i + 1][j] - v) * f)).join()})`;
}
let side = 20, x0 = 54, y0 = 24;
const px = (k) => x0 + (k / reach + 1) / 2 * side, py = (k) => y0 + (1 - k / reach) / 2 * side;
function drawPath() {
  const [g, w, h] = fit(element("path"));
  side = Math.max(20, Math.min(w - 62, h - 90));
  y0 = Math.max(24, (h - side) / 2 - 12);
  const stroke = (p) => {
    for (let i = 0; i < p.k.length; i += 3)
      if (i) g.lineTo(px(p.k[i]), py(p.k[i + 1])); else g.moveTo(px(p.k[0]), py(p.k[1]));
  };
  g.fillStyle = color["--lane"];
  g.fillRect(x0, y0, side, side);
  for (const [v, label] of ticks(-reach, reach, 6)) {
    line(g, px(v), y0, px(v), y0 + side, "--grid");
    line(g, x0, py(v), x0 + side, py(v), "--grid");
    text(g, px(v), y0 + side + 11, label, "--faint", "center", 9);
    text(g, x0 - 5, py(v), label, "--faint", "right", 9);
  }
  text(g, x0 + side / 2, y0 + side + 29, "kx [1/m]", "--text", "center");
  g.save();
  g.translate(10, y0 + side / 2);
  g.rotate(-Math.PI / 2);
  text(g, 0, 0, "ky [1/m]", "--text", "center");
  g.restore();
  text(g, x0, y0 - 12, paths.length ? "k-space: samples in the window, coloured by time" : "no samples", "--faint", "left", 10);
  g.strokeStyle = color["--old"];
  g.lineWidth = 0.7;
  g.beginPath();
  paths.forEach(stroke);
  g.stroke();
  g.lineWidth = 1.4;
  for (let i = firstAfter(paths, from); i < paths.length && paths[i].start <= to; i++) drawColored(g, paths[i]);
  if (nyquist[0] && nyquist[1]) {
    g.setLineDash([5, 4]);
    g.strokeStyle = color["--faint"];
    g.lineWidth = 1;
    g.strokeRect(px(-nyquist[0]), py(nyquist[1]), px(nyquist[0]) - px(-nyquist[0]), py(-nyquist[1]) - py(nyquist[1]));
    g.setLineDash([]);
  }
}
// Pieces of one colour; only what lies in the window.
function drawColored(g, p) {
  const n = p.k.length / 3, piece = n > 32 ? 16 : Math.max(1, n - 1);
  for (let i = 0; i < n - 1 || (n === 1 && i === 0); i += piece) {
    const end = Math.min(n - 1, i + piece);
    g.strokeStyle = scale(Math.min(1, Math.max(0, (pathTime(p, i) - from) / (to - from))));
    g.beginPath();
    for (let j = i; j <= end; j++) {
      const t = pathTime(p, j);
      if (t < from - p.dwell * p.step || t > to + p.dwell * p.step) continue;
      if (n === 1) g.rect(px(p.k[0]) - 1, py(p.k[1]) - 1, 2, 2);
      else g.lineTo(px(p.k[3 * j]), py(p.k[3 * j + 1]));
    }
    g.stroke();
  }
}
function pathAt(t) {
  const p = covering(paths, t);
  if (!p) return null;
  const n = p.k.length / 3, u = (t - p.start) / (p.dwell * p.step || 1), i = Math.min(Math.floor(u), Math.max(0, n - 2));
  const j = Math.min(i + 1, n - 1), gap = (pathTime(p, j) - pathTime(p, i)) || 1;
  const f = Math.min(1, Math.max(0, (t - pathTime(p, i)) / gap));
  return [0, 1, 2].map((a) => p.k[3 * i + a] + (p.k[3 * j + a] - p.k[3 * i + a]) * f);
}

// ---------------------------------------------------------------- the cursor
function drawCursor() {
  const [g] = fit(element("front")), [dot] = fit(element("dot"));
  if (cursor === null) return;
  const k = pathAt(cursor);
  if (k) {
    dot.fillStyle = color["--rf"];
    dot.beginPath();
    dot.arc(px(k[0]), py(k[1]), 4, 0, 7);
    dot.fill();
  }
  line(g, xOf(cursor), 31, xOf(cursor), height - bottom, "--text", 0.8);
  const b = covering(blocks, cursor);
  if (!b) return;
  g.fillStyle = color["--text"];
  g.globalAlpha = 0.06;
  const x0 = Math.max(left, xOf(b.start)), x1 = Math.min(width - right, xOf(b.end));
  g.fillRect(x0, 31, x1 - x0, height - bottom - 31);
}
function tell() {
  const at = element("at"), t = cursor, spans = [];
  at.textContent = element("block").textContent = "";
  if (t === null) return;
  const digits = Math.max(0, Math.min(9, Math.ceil(-Math.log10((to - from) / timeUnit()[0] / 2000))));
  spans.push(`t ${(t / timeUnit()[0]).toFixed(digits)} ${timeUnit()[1]}`);
  const p = covering(pulses, t), w = covering(windows, t), k = pathAt(t), b = covering(blocks, t);
  spans.push(`RF ${b1At(t).toFixed(3)} \u00b5T`);
  if (p) {
    const i = p.shape ? Math.min(p.shape.n - 1, Math.floor((t - p.start) / (p.end - p.start) * p.shape.n)) : 0;
    spans.push(`phase ${phaseOf(p, i).toFixed(1)}\u00b0`, `flip ${+(p.flip * 180 / Math.PI).toPrecision(5)}\u00b0 ${p.use}`);
    if (p.freq) spans.push(`offset ${+p.freq.toPrecision(5)} Hz`);
  }
  "xyz".split("").forEach((name, axis) => spans.push(`G${name} ${gradientAt(axis, t).toFixed(3)} mT/m`));
  if (w) spans.push(`ADC sample ${Math.min(w.n - 1, Math.floor((t - w.start) / (w.end - w.start) * w.n))} of ${w.n}, phase ${wrap(w.phase * 180 / Math.PI).toFixed(1)}\u00b0`);
  if (k) spans.push(`k ${k.map((v) => v.toFixed(1)).join(", ")} /m`);
  for (const s of spans) at.appendChild(document.createElement("span")).textContent = s;
  if (b) element("block").textContent =
    `line ${b.line}: ${b.text}${b.where ? `   [${b.where}]` : ""}   ${kinds[b.kind]}, ${short(b.end - b.start)} from ${short(b.start)}`;
}

// ---------------------------------------------------------------- moving
let pending = 0; // 1: the cursor moved, 2: the window
function redraw(what) {
  if (!pending) requestAnimationFrame(() => {
    const all = pending > 1;
    pending = 0;
    if (all) {
      drawDiagram();
      drawPath();
    }
    drawCursor();
    tell();
  });
  pending = Math.max(pending, what);
}
function show(a, b) {
  const span = Math.min(duration, Math.max(shortest, b - a));
  from = Math.max(0, Math.min(a, duration - span));
  to = from + span;
  redraw(2);
}
function zoom(factor, t = (from + to) / 2) {
  const span = Math.min(duration, Math.max(shortest, (to - from) * factor));
  const u = (t - from) / (to - from);
  show(t - u * span, t + (1 - u) * span);
}
const front = element("front");
const place = (event) => event.clientX - front.getBoundingClientRect().left;
let grip = null;
front.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    const move = event.deltaX / width * (to - from);
    show(from + move, to + move);
  } else zoom(Math.exp(Math.max(-300, Math.min(300, event.deltaY)) * 0.0018), timeOf(place(event)));
}, { passive: false });
front.addEventListener("pointerdown", (event) => {
  front.setPointerCapture(event.pointerId);
  grip = { x: place(event), from, to };
});
front.addEventListener("pointermove", (event) => {
  const x = place(event);
  if (grip) {
    const move = (grip.x - x) / (width - left - right) * (grip.to - grip.from);
    show(grip.from + move, grip.to + move);
  }
  cursor = x >= left && x <= width - right ? timeOf(x) : null;
  redraw(1);
});
front.addEventListener("pointerup", () => { grip = null; });
front.addEventListener("pointerleave", () => { cursor = null; redraw(1); });
front.addEventListener("dblclick", () => show(0, duration));
document.addEventListener("keydown", (event) => {
  const step = (to - from) / 8, keys = {
    ArrowLeft: () => show(from - step, to - step), ArrowRight: () => show(from + step, to + step),
    "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => show(0, duration),
  };
  if (keys[event.key] && !event.ctrlKey && !event.metaKey) { event.preventDefault(); keys[event.key](); }
});
element("whole").addEventListener("click", () => show(0, duration));
element("closer").addEventListener("click", () => zoom(0.5));
element("farther").addEventListener("click", () => zoom(2));
function setTheme(name) {
  document.documentElement.dataset.theme = name;
  readColors();
  redraw(2);
}
const dark = window.matchMedia("(prefers-color-scheme: dark)");
element("theme").addEventListener("click", () =>
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
window.addEventListener("resize", () => redraw(2));
document.title = element("name").textContent = data.name;
element("parameters").textContent =
  [data.doc, ...data.params.map(([name, value]) => `${name} = ${value}`)].filter(Boolean).join("   ");
setTheme(dark.matches ? "dark" : "light");
