// The page where anyone draws: the image encoder runs here, in the browser, and nothing is sent.
// Strokes become 32 x 32 pixels by the rule of the lessons (clipedu_lessons/common/strokes.py), the
// encoder (ONNX, 8 bits) turns these into an embedding, and its cosine similarities with the
// embeddings of the names, which the text encoder made beforehand, are a zero-shot classifier.
import * as ort from "./ort.wasm.min.mjs";
import padWidget from "./drawing_pad.js";

const HERE = new URL(".", import.meta.url).href;
const FINER = 4; // points at which the ink is measured, for one pixel, along each side
const SIDE = 24; // units of the strokes
const ONE = 32767; // the number 1.0 in names.bin
const LEAST_PAUSE = 80; // milliseconds between two answers while the pen moves
const REST = 600; // milliseconds without a change, after which the answer is also said

const root = document.querySelector("#draw-page");
const part = (name) => document.querySelector(`#draw-${name}`);
const count = (number) => number.toLocaleString("en-US");
const percent = (share) => (share >= 0.995 ? ">99%" : share < 0.01 ? "<1%" : `${Math.round(100 * share)}%`);

// ---------------------------------------------------------------- what the pad and we share
// The pad is the one of the lessons. There its state lives in Python, here in this object.
const state = { value: [], pen: 2, label: "Draw here" };
const listeners = {};
const shared = {
  get: (key) => state[key],
  set(key, value) {
    state[key] = value;
    for (const tell of listeners[`change:${key}`] ?? []) tell();
  },
  on: (event, tell) => (listeners[event] ??= []).push(tell),
  off() {},
  save_changes() {},
};

// ---------------------------------------------------------------- from strokes to a ranking
let model = null; // set when everything is loaded

async function load() {
  ort.env.wasm.numThreads = 1; // more would need headers that a static server does not send
  ort.env.wasm.wasmPaths = HERE;
  const get = async (name, kind) => {
    const answer = await fetch(HERE + name);
    if (!answer.ok) throw new Error(`${name}: ${answer.status} ${answer.statusText}`);
    return answer[kind]();
  };
  const [about, bytes, session] = await Promise.all([
    get("names.json", "json"),
    get("names.bin", "arrayBuffer"),
    ort.InferenceSession.create(`${HERE}encoder.onnx`, { executionProviders: ["wasm"] }),
  ]);
  const index = new Map(about.names.map((name, i) => [name, i]));
  return { ...about, session, index, embeddings: new Int16Array(bytes) };
}

// The strokes as gray values, resolution x resolution: at each point of a finer grid the ink is
// radius + 1/2 - distance to the nearest line, cut off at 0 and 1, and a pixel is the mean of its points.
function see(strokes) {
  const size = model.resolution;
  const side = FINER * size;
  const scale = side / SIDE;
  const radius = (state.pen / 2) * scale;
  const inside = (edge) => Math.min(Math.max(edge, 0), side);
  const range = (a, b) => [inside(Math.floor(Math.min(a, b) - radius - 1)), inside(Math.ceil(Math.max(a, b) + radius + 1))];
  const nearest = new Float64Array(side * side).fill(Infinity); // squared distance of each point to the drawing
  for (const stroke of strokes) {
    const points = stroke.map(([x, y]) => [x * scale, y * scale]);
    const ends = points.length > 1 ? points.slice(1) : points; // one point is a dot
    for (const [i, [x2, y2]] of ends.entries()) {
      const [x1, y1] = points[i];
      const [dx, dy] = [x2 - x1, y2 - y1];
      const [left, right] = range(x1, x2);
      const [top, bottom] = range(y1, y2);
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          const [x, y] = [column + 0.5 - x1, row + 0.5 - y1];
          const along = Math.min(Math.max((x * dx + y * dy) / (dx * dx + dy * dy || 1), 0), 1);
          const squared = (x - along * dx) ** 2 + (y - along * dy) ** 2;
          const at = row * side + column;
          if (squared < nearest[at]) nearest[at] = squared;
        }
      }
    }
  }
  const ink = new Float64Array(size * size); // of each pixel, summed over its points
  nearest.forEach((squared, at) => {
    const pixel = Math.floor(at / side / FINER) * size + Math.floor((at % side) / FINER);
    ink[pixel] += Math.min(Math.max(radius + 0.5 - Math.sqrt(squared), 0), 1);
  });
  return Uint8Array.from(ink, (sum) => Math.floor(255 * (1 - sum / FINER ** 2) + 0.5));
}

async function embed(pixels) {
  const side = model.resolution;
  const input = new Float32Array(3 * side * side);
  input.forEach((_, i) => (input[i] = (2 * pixels[i % pixels.length]) / 255 - 1)); // -1 to 1, as in training
  const tensor = new ort.Tensor("float32", input, [1, 3, side, side]);
  const { session } = model;
  const answers = await session.run({ [session.inputNames[0]]: tensor });
  return answers[session.outputNames[0]].data; // unit length
}

// [name, probability] of the allowed names (indices), best first: the softmax of the scaled cosines.
function rank(embedding, allowed) {
  const { dim, embeddings, logit_scale: scale, names } = model;
  const logits = allowed.map((name) => {
    let cosine = 0;
    for (let k = 0; k < dim; k++) cosine += embedding[k] * embeddings[name * dim + k];
    return (scale * cosine) / ONE;
  });
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const weights = logits.map((logit) => Math.exp(logit - largest));
  const total = weights.reduce((a, b) => a + b);
  const order = [...allowed.keys()].sort((a, b) => weights[b] - weights[a]);
  return order.slice(0, 5).map((i) => [names[allowed[i]], weights[i] / total]);
}

// ---------------------------------------------------------------- one's own list of names
let allowed = []; // indices of the names to choose from
let typing = 0;

function readNames() {
  const typed = part("names").value.toLowerCase().split(",");
  const wanted = [...new Set(typed.map((name) => name.trim().replace(/\s+/g, " ")))].filter(Boolean);
  const known = wanted.filter((name) => model.index.has(name));
  const unknown = wanted.filter((name) => !model.index.has(name));
  allowed = known.length ? known.map((name) => model.index.get(name)) : [...model.names.keys()];
  let words = "";
  if (unknown.length) {
    const each = unknown.map((name) => `“${name}”${similar(name)}`).join(", ");
    words = `Unknown here: ${each}. The page knows ${count(model.names.length)} names`;
    words += known.length ? ", and ranks the others." : ". It ranks all of them.";
  } else if (known.length === 1) {
    words = "With one name there is no choice, so it always gets 100%. Type a second one.";
  }
  part("unknown").textContent = words;
}

// Names that share a word with an unknown one, the shortest first.
function similar(name) {
  const words = name.split(" ");
  const found = model.names.filter((known) => known.split(" ").some((word) => words.includes(word)));
  found.sort((a, b) => a.length - b.length);
  return found.length ? ` (known: ${found.slice(0, 3).join(", ")})` : "";
}

// ---------------------------------------------------------------- the answer
let wanted = null; // the strokes that have no answer yet; only the newest count
let answering = false;
let resting = 0;

async function answer(strokes) {
  wanted = strokes;
  if (!model || answering) return;
  answering = true;
  while (wanted) {
    const now = wanted;
    wanted = null;
    const pixels = see(now);
    showPixels(pixels);
    if (now.length === 0) {
      show([]);
    } else {
      const embedding = await embed(pixels);
      const top = rank(embedding, allowed);
      show(top);
      const detail = { strokes: now, pixels, embedding, top };
      root.dispatchEvent(new CustomEvent("clipedu-ranked", { detail }));
    }
    await new Promise((done) => setTimeout(done, LEAST_PAUSE));
  }
  answering = false;
}

function show(top) {
  part("top").replaceChildren(
    ...top.map(([name, share]) => {
      const row = document.createElement("li");
      const [label, bar, number] = ["span", "span", "span"].map((tag) => document.createElement(tag));
      label.textContent = name;
      bar.className = "draw-bar";
      bar.style.setProperty("--share", share);
      number.textContent = percent(share);
      row.append(label, bar, number);
      return row;
    }),
  );
  clearTimeout(resting); // a screen reader hears the answer when the pen rests, not at each move
  resting = setTimeout(() => {
    const said = top.slice(0, 3).map(([name, share]) => `${name} ${percent(share)}`);
    part("status").textContent = top.length
      ? `Of ${count(allowed.length)} ${allowed.length === 1 ? "name" : "names"} the model ranks first: ${said.join(", ")}.`
      : "Nothing is drawn yet. Draw in the square with mouse, pen, finger or keys.";
  }, REST);
}

function showPixels(pixels) {
  const side = model.resolution;
  const context = part("seen").getContext("2d");
  const image = context.createImageData(side, side);
  image.data.forEach((_, i) => (image.data[i] = i % 4 === 3 ? 255 : pixels[Math.floor(i / 4)]));
  context.putImageData(image, 0, 0);
}

// ---------------------------------------------------------------- the page
async function start() {
  const pad = part("pad");
  pad.addEventListener("clipedu-strokes", (event) => answer(event.detail));
  const freshSheet = () => {
    if (!part("sample").value) return;
    part("sample").value = "";
    shared.set("value", []);
  };
  pad.addEventListener("pointerdown", freshSheet, true); // before the pad sees it
  pad.addEventListener("keydown", (event) => event.key === " " && freshSheet(), true);
  padWidget.render({ model: shared, el: pad });
  part("undo").addEventListener("click", () => shared.set("value", state.value.slice(0, -1)));
  part("clear").addEventListener("click", () => {
    part("sample").value = "";
    shared.set("value", []);
  });
  part("pen").addEventListener("input", () => shared.set("pen", Number(part("pen").value)));
  try {
    model = await load();
  } catch (problem) {
    part("status").textContent = `The model could not be loaded (${problem.message}).`;
    return;
  }
  for (const name of Object.keys(model.samples)) part("sample").append(new Option(name));
  part("sample").addEventListener("change", () => {
    shared.set("value", model.samples[part("sample").value] ?? []);
  });
  part("names").addEventListener("input", () => {
    clearTimeout(typing); // half a word is no unknown name
    typing = setTimeout(() => {
      readNames();
      answer(wanted ?? state.value);
    }, REST);
  });
  part("number").textContent = count(model.names.length);
  readNames();
  if (state.value.length === 0 && wanted?.length === 0) {
    part("sample").value = "umbrella"; // so that the page opens with an answer
    shared.set("value", model.samples.umbrella);
  } else {
    answer(wanted ?? state.value);
  }
}

start();
