// node page.js FILE.html: runs a page's script without a browser. Its gradients, as the cursor reads
// them, integrated by Simpson's rule, must give the page's k-space; its B1 must give the flip of a
// real pulse; its window must be the blocks of the iterations that the file's name tells.
"use strict";
const assert = require("assert");
const fs = require("fs");
const page = fs.readFileSync(process.argv[2], "utf8");
const part = (begin, end) => {
  const at = page.indexOf(begin) + begin.length;
  assert(at >= begin.length);
  return page.slice(at, page.indexOf(end, at));
};
const json = part('<script type="application/json" id="data">', "</script>");
const script = part('<script type="module">', "</script>");

// A document whose canvas takes every stroke and checks that it is somewhere.
let strokes = 0;
const context = new Proxy({}, {
  get: (_, name) => (name === "measureText" ? () => ({ width: 20 }) : (...numbers) => {
    strokes++;
    for (const v of numbers)
      if (typeof v === "number") assert(Number.isFinite(v), `${String(name)}(${numbers})`);
  }),
  set: () => true,
});
const listeners = {};
const element = () => ({
  dataset: {}, textContent: "", appendChild: (e) => e, getContext: () => context,
  parentElement: { getBoundingClientRect: () => ({ width: 900, height: 600 }) },
  getBoundingClientRect: () => ({ left: 0 }),
  addEventListener: (name, f) => { listeners[name] = f; },
});
const elements = {};
const frames = [];
const document = {
  getElementById: (id) => (elements[id] ??= Object.assign(element(), id === "data" ? { textContent: json } : {})),
  createElement: element, documentElement: element(), addEventListener: (name, f) => { listeners[name] = f; },
};
const window = { matchMedia: () => ({ matches: false, addEventListener() {} }), addEventListener() {} };
const api = new Function("document", "window", "getComputedStyle", "requestAnimationFrame",
  `${script}; return { data, gradientAt, b1At, pulses, paths, pathAt, pathTime, blocks, window: () => [from, to] };`)(
  document, window, () => ({ getPropertyValue: () => "#000" }), (f) => frames.push(f));
const draw = () => { while (frames.length) frames.shift()(); };
draw();
assert(strokes > 100);

const [from, to] = api.window();
const words = { shot: ["shot=2"], echo: ["shot=2", "echo=3"] }[/(\w+)\.html$/.exec(process.argv[2])[1]];
if (words) {
  const inside = api.blocks.filter((b) => words.every((w) => b.where.split(" ").includes(w)));
  assert(inside.length > 2 && inside.length < api.blocks.length);
  assert(Math.abs(from - inside[0].start) < 1e-11 && Math.abs(to - inside[inside.length - 1].end) < 1e-11);
}

// Simpson over pieces of `h`, in cycles per metre.
function integral(f, a, b, n) {
  let sum = 0;
  const h = (b - a) / n;
  for (let i = 0; i < n; i++) sum += f(a + i * h) + 4 * f(a + (i + 0.5) * h) + f(a + (i + 1) * h);
  return sum * h / 6;
}
let worst = 0, reach = 0;
for (const p of api.paths) assert(api.pathAt((p.start + p.end) / 2)); // found by their time
for (const p of api.paths.slice(0, 3)) {
  const n = p.k.length / 3, stride = Math.max(1, Math.floor(n / 10));
  for (let j = 0; j + stride < n; j += stride)
    for (let axis = 0; axis < 3; axis++) {
      const moved = p.k[3 * (j + stride) + axis] - p.k[3 * j + axis];
      const k = api.data.gammabar * 1e-3 *
        integral((t) => api.gradientAt(axis, t), api.pathTime(p, j), api.pathTime(p, j + stride), 400);
      worst = Math.max(worst, Math.abs(k - moved));
      reach = Math.max(reach, Math.abs(moved));
    }
}
// corners between the rule's points cost a share of a piece
assert(reach > 1 && worst < 2e-3 * reach, `k-space differs by ${worst} of ${reach}`);
const p = api.pulses[0];
const flip = 2 * Math.PI * api.data.gammabar * 1e-6 * integral(api.b1At, p.start, p.end, 4000);
if (!p.shape) assert(Math.abs(flip / Math.abs(p.flip) - 1) < 1e-3, `flip ${flip}`);

// Zoom, drag and readout draw without a fault down to the narrowest window.
const event = (clientX, more) => ({ clientX, pointerId: 1, preventDefault() {}, ...more });
elements.front.setPointerCapture = () => {};
for (let i = 0; i < 80; i++) {
  listeners.wheel(event(300, { deltaX: 0, deltaY: -200 }));
  if (i % 8 === 0) draw();
}
draw();
const [a, b] = api.window();
assert(b - a < 1.1e-8 && b > a, `${b - a} s`);
for (let i = 0; i < 80; i++) listeners.wheel(event(300, { deltaX: 0, deltaY: 200 }));
listeners.pointerdown(event(300));
listeners.pointermove(event(350));
listeners.pointerup(event(350));
draw();
assert(Math.abs(api.window()[1] - api.window()[0] - api.data.duration * 1e-12) < 1e-9);
