// Strokes are kept as points, so that they can be undone, and drawn again in any size and colour.
const SIDE = 140; // the drawing that is sent: 140 x 140 bytes, 0 for no ink
const UNITS = 280; // the width of the drawing area in the unit of the points
const PEN = 26;
const pad = document.getElementById("pad");
const strokes = [];
let drawing = null; // the stroke that is being drawn
let cursor = null; // the pen of the keyboard: a point, or null before a key has moved it
let penDown = false;

// --- drawing ---

function paint(canvas, ink, background) {
  const context = canvas.getContext("2d");
  context.setTransform(canvas.width / UNITS, 0, 0, canvas.height / UNITS, 0, 0);
  context.clearRect(0, 0, UNITS, UNITS);
  if (background) {
    context.fillStyle = background;
    context.fillRect(0, 0, UNITS, UNITS);
  }
  Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: ink, fillStyle: ink });
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(...stroke[0]);
    for (const point of stroke) context.lineTo(...point);
    context.stroke();
  }
  return context;
}

function refresh() {
  const style = getComputedStyle(pad);
  const context = paint(pad, style.color);
  if (cursor && document.activeElement === pad) {
    context.beginPath();
    context.arc(...cursor, PEN / 2, 0, 7);
    context.lineWidth = 2;
    context.strokeStyle = style.getPropertyValue("--accent");
    if (penDown) context.fill();
    context.stroke();
  }
  document.getElementById("undo").disabled = document.getElementById("clear").disabled = !strokes.length;
}

function changed() {
  refresh();
  ask();
}

function pointOf(event) {
  const box = pad.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * UNITS, ((event.clientY - box.top) / box.height) * UNITS];
}

pad.addEventListener("pointerdown", (event) => {
  if (drawing || event.button !== 0) return;
  pad.setPointerCapture(event.pointerId);
  cursor = null;
  penDown = false;
  drawing = { id: event.pointerId, stroke: [pointOf(event)] };
  strokes.push(drawing.stroke);
  changed();
});
pad.addEventListener("pointermove", (event) => {
  if (drawing?.id !== event.pointerId) return;
  const between = event.getCoalescedEvents?.() ?? [];
  for (const each of between.length ? between : [event]) drawing.stroke.push(pointOf(each));
  changed();
});
for (const end of ["pointerup", "pointercancel"]) {
  pad.addEventListener(end, (event) => {
    if (drawing?.id === event.pointerId) drawing = null;
  });
}

function undo() {
  strokes.pop();
  penDown = false;
  changed();
}

function clear() {
  strokes.length = 0;
  penDown = false;
  changed();
}

document.getElementById("undo").addEventListener("click", undo);
document.getElementById("clear").addEventListener("click", clear);

// --- the keyboard ---

const MOVES = { ArrowLeft: [-7, 0], ArrowRight: [7, 0], ArrowUp: [0, -7], ArrowDown: [0, 7] };

function move([dx, dy]) {
  const within = (x) => Math.min(UNITS - PEN / 2, Math.max(PEN / 2, x));
  const [x, y] = cursor ?? [UNITS / 2, UNITS / 2];
  cursor = [within(x + dx), within(y + dy)];
  if (penDown) strokes.at(-1).push(cursor);
}

pad.addEventListener("keydown", (event) => {
  if (event.key in MOVES) {
    move(MOVES[event.key]);
  } else if (event.key === " ") {
    cursor ??= [UNITS / 2, UNITS / 2];
    penDown = !penDown;
    if (penDown) strokes.push([cursor]);
  } else {
    return;
  }
  event.preventDefault();
  changed();
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") undo();
  else if (event.key === "Delete") clear();
  else return;
  event.preventDefault();
});
for (const change of ["focus", "blur"]) pad.addEventListener(change, refresh);

// --- requests to the network: one at a time, then one for the newest drawing ---

let asking = false;
let again = false; // whether the drawing has changed since the last request
const paper = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });

async function ask() {
  again = asking;
  document.body.dataset.asking = "yes";
  if (asking) return;
  asking = true;
  try {
    if (!strokes.length) return show(null);
    const rgba = paint(paper, "#fff", "#000").getImageData(0, 0, SIDE, SIDE).data;
    const body = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => rgba[4 * i]);
    const headers = { "Content-Type": "application/octet-stream" };
    const response = await fetch("/recognize", { method: "POST", headers, body });
    const found = await response.json();
    if (!response.ok) throw new Error(found.error);
    if (strokes.length) show(found);
  } catch (error) {
    say(`No answer: ${error.message}. Is draw_digit.py still running?`);
    again = false;
  } finally {
    asking = false;
    if (again) ask();
    else document.body.dataset.asking = "no";
  }
}

// --- showing the answer ---

const bars = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement("li");
  row.innerHTML = `<b>${digit}</b><div class="bar"><i></i></div><span></span>`;
  document.getElementById("bars").append(row);
  return { row, bar: row.querySelector("i"), text: row.querySelector("span") };
});

let said = 0;
function say(text) {
  // A screen reader announces the answer only when the pen rests.
  clearTimeout(said);
  said = setTimeout(() => (document.getElementById("answer").textContent = text), 60);
}

function show(found) {
  const probabilities = found?.probabilities ?? Array(10).fill(0);
  const best = found ? probabilities.indexOf(Math.max(...probabilities)) : -1;
  bars.forEach(({ row, bar, text }, digit) => {
    row.classList.toggle("best", digit === best);
    bar.style.width = `${100 * probabilities[digit]}%`;
    text.textContent = found ? `${(100 * probabilities[digit]).toFixed(1)} %` : "";
  });
  say(found ? `This is a ${best} (${(100 * probabilities[best]).toFixed(0)} %)` : "Draw a digit from 0 to 9.");
  document.body.dataset.answer = found ? best : "";
  document.getElementById("which").textContent = found ? `a ${best}` : "the answer";
  const empty = { width: 28, pixels: Array(784).fill(0) };
  plane(document.getElementById("seen"), found?.seen ?? empty, glow);
  plane(document.getElementById("saliency"), found?.saliency ?? empty, leaning);
  document.getElementById("layers").replaceChildren(...(found?.layers ?? []).map(layer));
}

function layer({ name, maps }) {
  const [{ width, pixels }] = maps;
  const height = pixels.length / width;
  const what = height > 1 ? `${maps.length} maps of ${height} × ${width}` : `${width} units`;
  const box = Object.assign(document.createElement("div"), { className: "layer" });
  const title = Object.assign(document.createElement("h2"), { textContent: `${name}: ${what}` });
  const row = Object.assign(document.createElement("div"), { className: height > 1 ? "maps" : "units" });
  row.append(...maps.map((map) => plane(document.createElement("canvas"), map, glow)));
  box.append(title, row);
  return box;
}

function plane(canvas, { width, pixels }, colour) {
  Object.assign(canvas, { width, height: pixels.length / width });
  const image = new ImageData(canvas.width, canvas.height);
  pixels.forEach((value, i) => image.data.set(colour(value), 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

const mix = (from, to, t) => [...from.map((a, i) => a + (to[i] - a) * t), 255];
const glow = (value) => mix([16, 21, 27], [255, 244, 214], value / 255);
const leaning = (value) => mix([245, 245, 243], value > 0 ? [0, 82, 150] : [176, 68, 0], Math.abs(value) / 255);

async function about() {
  const { dataset, test_accuracy, synthetic, folder } = await (await fetch("/about.json")).json();
  document.getElementById("notice").hidden = !synthetic;
  const right = `${(100 * test_accuracy).toFixed(2)} % of its test images right`;
  document.getElementById("about").textContent = `LeNet, trained on ${dataset}: ${right}. Weights: ${folder}`;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
show(null);
refresh();
about();
