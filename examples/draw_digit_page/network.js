// LeNet in plain JavaScript, for a page that is kept as one file: it has the weights in it, and needs no server.
// `kept`, a list of { about, shapes, weights }, is what draw_digit.py --export has put into the page.

// --- a drawing as MNIST has digits: 20 pixels high or wide, the centre of mass in the middle ---

const SIZE = 28;
const BOX = 20;
const range = (length, value) => Array.from({ length }, (_, i) => value(i));
const sum = (values) => values.reduce((total, value) => total + value, 0);

function digitFromDrawing(bytes) {
  const side = Math.sqrt(bytes.length);
  const most = bytes.reduce((a, b) => Math.max(a, b), 0);
  if (!most) return new Float64Array(SIZE * SIZE);
  const rows = range(side, (y) => sum(range(side, (x) => bytes[y * side + x] / most)));
  const columns = range(side, (x) => sum(range(side, (y) => bytes[y * side + x] / most)));
  const [tall, wide] = [rows, columns].map(extent);
  const scale = Math.max(tall.end - tall.start, wide.end - wide.start) / BOX;
  const down = means(rows, tall, scale);
  const across = means(columns, wide, scale);
  const narrow = range(side, (y) => across.map((weights) => weighted(weights, (x) => bytes[y * side + x] / most)));
  return Float64Array.from(range(SIZE * SIZE, (i) => weighted(down[Math.floor(i / SIZE)], (y) => narrow[y][i % SIZE])));
}

function extent(line) {
  return { start: line.findIndex((ink) => ink), end: line.findLastIndex((ink) => ink) + 1 };
}

// For each of 28 pixels: the weights of the places of the line that it is the mean of, as [place, weight].
function means(line, { start, end }, scale) {
  const centre = sum(line.map((ink, i) => ink * (i + 0.5))) / sum(line);
  const first = Math.min(Math.max(centre - (SIZE / 2) * scale, end - SIZE * scale), start);
  return range(SIZE, (k) => {
    const [from, to] = [first + k * scale, first + (k + 1) * scale];
    const shares = line.map((_, i) => [i, (Math.min(to, i + 1) - Math.max(from, i)) / scale]);
    return shares.filter(([, share]) => share > 0);
  });
}

const weighted = (weights, value) => sum(weights.map(([place, weight]) => weight * value(place)));

// --- the layers, each with its derivative: `back` takes the gradient of the output to that of the input ---

function convolution(weight, bias, [channels, count, kernel], side) {
  const out = side - kernel + 1;
  // Calls visit(input, weight, output) with the places of each product.
  const products = (visit) => {
    for (let o = 0; o < count; o++)
      for (let c = 0; c < channels; c++)
        for (let i = 0; i < kernel; i++)
          for (let j = 0; j < kernel; j++)
            for (let y = 0; y < out; y++)
              for (let x = 0; x < out; x++)
                visit((c * side + y + i) * side + x + j, ((o * channels + c) * kernel + i) * kernel + j,
                  (o * out + y) * out + x);
  };
  return (input) => {
    const output = Float64Array.from({ length: count * out * out }, (_, i) => bias[Math.floor(i / (out * out))]);
    products((from, by, to) => (output[to] += input[from] * weight[by]));
    const back = (gradient) => {
      const result = new Float64Array(input.length);
      products((from, by, to) => (result[from] += gradient[to] * weight[by]));
      return result;
    };
    return { output, width: out, back };
  };
}

function maxPool(side) {
  const out = side / 2;
  return (input) => {
    const from = range(input.length / 4, (i) => {
      const [plane, y, x] = [Math.floor(i / (out * out)), Math.floor(i / out) % out, i % out];
      const corner = (plane * side + 2 * y) * side + 2 * x;
      return [corner + 1, corner + side, corner + side + 1].reduce((a, b) => (input[b] > input[a] ? b : a), corner);
    });
    return { output: Float64Array.from(from, (place) => input[place]), width: out, back: scattered(input.length, from) };
  };
}

function scattered(length, places) {
  return (gradient) => {
    const result = new Float64Array(length);
    places.forEach((place, i) => (result[place] += gradient[i]));
    return result;
  };
}

function relu(input) {
  const back = (gradient) => gradient.map((value, i) => (input[i] > 0 ? value : 0));
  return { output: input.map((value) => Math.max(value, 0)), back };
}

function linear(weight, bias) {
  return (input) => {
    const width = input.length;
    const output = Float64Array.from(bias, (start, o) => input.reduce((a, v, i) => a + v * weight[o * width + i], start));
    const back = (gradient) => input.map((_, i) => gradient.reduce((a, g, o) => a + g * weight[o * width + i], 0));
    return { output, width: bias.length, back };
  };
}

// --- the network ---

function lenet(parameters) {
  const of = (name) => [parameters[`${name}.weight`], parameters[`${name}.bias`]];
  return [
    ["conv1", convolution(...of("conv1"), [1, 6, 5], 28)], ["pool", maxPool(24)], ["", relu],
    ["conv2", convolution(...of("conv2"), [6, 16, 5], 12)], ["pool", maxPool(8)], ["", relu],
    ["fc1", linear(...of("fc1"))], ["", relu], ["fc2", linear(...of("fc2"))], ["", relu], ["fc3", linear(...of("fc3"))],
  ];
}

function recognize(layers, bytes) {
  const digit = digitFromDrawing(bytes);
  let values = digit;
  const steps = layers.map(([name, run]) => {
    const step = { name, ...run(values) };
    values = step.output;
    return step;
  });
  const peak = Math.max(...values);
  const total = sum([...values].map((logit) => Math.exp(logit - peak)));
  const probabilities = [...values].map((logit) => Math.exp(logit - peak) / total);
  const best = probabilities.indexOf(Math.max(...probabilities));
  const start = Float64Array.from(probabilities, (p, i) => (i === best ? 1 : 0) - p); // of the answer's log probability
  return {
    probabilities,
    seen: picture(digit, SIZE),
    saliency: picture(steps.reduceRight((gradient, step) => step.back(gradient), start), SIZE),
    layers: steps.filter(({ name }) => name).slice(0, -1).map(({ name, width, output }) => ({ name, maps: maps(output, width) })),
  };
}

// Whole numbers up to 255, as the server sends them.
function picture(values, width) {
  const peak = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) || 1;
  return { width, pixels: Array.from(values, (value) => Math.round((value / peak) * 255)) };
}

function maps(output, width) {
  const pixels = picture(output, width).pixels.map((value) => Math.max(value, 0));
  const size = width * width > output.length ? width : width * width; // a row of units has the height 1
  return range(output.length / size, (i) => ({ width, pixels: pixels.slice(i * size, (i + 1) * size) }));
}

// --- what page.js asks ---

function parametersOf({ shapes, weights }) {
  const bytes = Uint8Array.from(atob(weights), (character) => character.charCodeAt(0));
  const numbers = new Float32Array(bytes.buffer);
  let start = 0;
  const taken = ([name, shape]) => [name, numbers.subarray(start, (start += shape.reduce((a, b) => a * b, 1)))];
  return Object.fromEntries(Object.entries(shapes).map(taken));
}

const networks = window.kept.map((one) => lenet(parametersOf(one)));
window.source = {
  about: async () => window.kept.map(({ about }) => about),
  recognize: async (bytes) => networks.map((layers) => recognize(layers, bytes)),
};
