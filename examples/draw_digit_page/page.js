// Strokes are kept as points, so that they can be undone, and drawn again in any size and colour.
const SIDE = 140; // the drawing that is sent: 140 x 140 bytes, 0 for no ink
const UNITS = 280; // the width of the drawing area in the unit of the points
const PEN = 26;
const pad = document.getElementById("pad");
const paper = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE }); // what is sent
const strokes = [];
let drawing = null; // the stroke that is being drawn
let cursor = null; // the pen of the keyboard: a point, or null before a key has moved it
let penDown = false;

// --- drawing ---

function paint(canvas, ink, background) {
  const context = canvas.getContext("2d", { willReadFrequently: canvas === paper });
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

// --- requests to the networks: one at a time, then one for the newest drawing ---

let asking = false;
let again = false; // whether the drawing has changed since the last request

async function ask() {
  again = asking;
  document.body.dataset.asking = "yes";
  if (asking) return;
  asking = true;
  try {
    if (!strokes.length) return show(null);
    const rgba = paint(paper, "#fff", "#000").getImageData(0, 0, SIDE, SIDE).data;
    const found = await window.source.recognize(Uint8Array.from({ length: SIDE * SIDE }, (_, i) => rgba[4 * i]));
    if (strokes.length) show(found);
  } catch (error) {
    views[0].say(`No answer: ${error.message}`);
    again = false;
  } finally {
    asking = false;
    if (again) ask();
    else document.body.dataset.asking = "no";
  }
}

// --- showing the answers: each network has a view ---

class View {
  constructor({ folder, doubt }, named) {
    this.doubt = doubt; // an answer of a lower probability is shown as doubt
    this.box = document.getElementById("network").content.cloneNode(true).firstElementChild;
    document.getElementById("answers").append(this.box);
    this.layers = Object.assign(document.createElement("section"), { className: "layers" });
    this.layers.setAttribute("aria-label", `Activations of each layer${named ? ` of ${folder}` : ""}`);
    document.getElementById("layers").append(this.layers);
    this.name = named ? folder : "";
    Object.assign(this.part("name"), { textContent: folder, hidden: !named });
    this.bars = Array.from({ length: 10 }, (_, digit) => {
      const row = document.createElement("li");
      row.innerHTML = `<b>${digit}</b><div class="bar"><i></i></div><span></span>`;
      this.part("bars").append(row);
      return { row, bar: row.querySelector("i"), text: row.querySelector("span") };
    });
  }

  part(name) {
    return this.box.querySelector(`.${name}`);
  }

  say(text) {
    // A screen reader announces the answer only when the pen rests.
    clearTimeout(this.said);
    this.said = setTimeout(() => (this.part("answer").textContent = text), 60);
  }

  show(found) {
    const probabilities = found?.probabilities ?? Array(10).fill(0);
    const best = found ? probabilities.indexOf(Math.max(...probabilities)) : -1;
    const sure = found && probabilities[best] >= this.doubt;
    this.bars.forEach(({ row, bar, text }, digit) => {
      row.classList.toggle("best", digit === best);
      bar.style.width = `${100 * probabilities[digit]}%`;
      text.textContent = found ? `${(100 * probabilities[digit]).toFixed(1)} %` : "";
    });
    this.box.classList.toggle("doubtful", Boolean(found) && !sure);
    this.say(found ? spoken(best, probabilities[best], sure) : "Draw a digit from 0 to 9.");
    this.part("which").textContent = found ? withArticle(best) : "the answer";
    const empty = { width: 28, pixels: Array(784).fill(0) };
    plane(this.part("seen"), found?.seen ?? empty, glow);
    plane(this.part("saliency"), found?.saliency ?? empty, leaning);
    const title = Object.assign(document.createElement("h2"), { textContent: this.name });
    this.layers.replaceChildren(...(found && this.name ? [title] : []), ...(found?.layers ?? []).map(layer));
    return { best, sure };
  }
}

const withArticle = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;

function spoken(best, probability, sure) {
  const percent = `(${(100 * probability).toFixed(0)} %)`;
  return sure ? `This is ${withArticle(best)} ${percent}` : `Not sure: perhaps ${withArticle(best)} ${percent}`;
}

let shown = null; // what is shown, to show it again in other colours

function show(answers) {
  shown = answers;
  const results = views.map((view, i) => view.show(answers?.[i]));
  document.body.dataset.answer = answers ? results[0].best : "";
  document.body.dataset.sure = answers ? results[0].sure : "";
}

function layer({ name, maps }) {
  const [{ width, pixels }] = maps;
  const height = pixels.length / width;
  const what = height > 1 ? `${maps.length} maps of ${height} × ${width}` : `${width} units`;
  const box = Object.assign(document.createElement("div"), { className: "layer" });
  const title = Object.assign(document.createElement("h3"), { textContent: `${name}: ${what}` });
  const row = Object.assign(document.createElement("div"), { className: height > 1 ? "maps" : "units" });
  row.style.setProperty("--in-a-row", maps.length);
  row.style.setProperty("--in-half-a-row", maps.length > 8 ? maps.length / 2 : maps.length);
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

// --- colours, those of style.css: they follow the light or dark scheme ---

let colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const rgb = (name) => style.getPropertyValue(name).match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16));
  for (const name of ["low", "high", "neutral", "for", "against"]) colours[name] = rgb(`--${name}`);
}

const mix = (from, to, t) => [...from.map((a, i) => a + (to[i] - a) * t), 255];
const glow = (value) => mix(colours.low, colours.high, value / 255);
const leaning = (value) => mix(colours.neutral, value > 0 ? colours.for : colours.against, Math.abs(value) / 255);

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  refresh();
  show(shown);
});

// --- the beginning ---

function about({ dataset, test_accuracy, folder }) {
  const right = `${(100 * test_accuracy).toFixed(2)} % of its test images right`;
  return `LeNet, trained on ${dataset}: ${right}. Weights: ${folder}`;
}

const abouts = await window.source.about();
const views = abouts.map((one) => new View(one, abouts.length > 1));
document.getElementById("notice").hidden = !abouts.some((one) => one.synthetic);
document.getElementById("about").replaceChildren(
  ...abouts.map((one) => Object.assign(document.createElement("p"), { textContent: about(one) })),
);
readColours();
show(null);
refresh();
