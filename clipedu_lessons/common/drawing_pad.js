// A canvas to draw on with a pen, a finger, a mouse or the keyboard. Strokes are lists of [x, y] in
// a square of 24 x 24 units, the one in which most icons are drawn; what the model sees is drawn from them again (strokes.py).
const SIDE = 24;
const STEP = 1;

function draw(canvas, strokes, live, pen, cursor) {
  const context = canvas.getContext("2d");
  const scale = canvas.width / SIDE;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.strokeStyle = "#000000";
  context.fillStyle = "#000000";
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = pen;
  for (const stroke of live ? [...strokes, live] : strokes) {
    if (stroke.length === 1) {
      context.beginPath();
      context.arc(stroke[0][0], stroke[0][1], pen / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    context.beginPath();
    context.moveTo(...stroke[0]);
    for (const point of stroke.slice(1)) context.lineTo(...point);
    context.stroke();
  }
  if (!cursor) return;
  const [x, y] = cursor; // where the keyboard's pen stands: a ring and a cross
  context.lineWidth = 0.25;
  context.strokeStyle = "#d55e00";
  context.beginPath();
  context.arc(x, y, 1.2, 0, 2 * Math.PI);
  context.moveTo(x - 2, y);
  context.lineTo(x + 2, y);
  context.moveTo(x, y - 2);
  context.lineTo(x, y + 2);
  context.stroke();
}

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  const keys = document.createElement("p");
  const said = document.createElement("p");
  canvas.width = canvas.height = 480;
  canvas.className = "clipedu-pad";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", "drawing pad");
  canvas.setAttribute("aria-label", model.get("label"));
  keys.id = `clipedu-keys-${Math.random().toString(36).slice(2)}`;
  canvas.setAttribute("aria-describedby", keys.id);
  keys.className = "clipedu-keys";
  keys.textContent =
    "Keys: arrows move the pen, Space lowers or lifts it, Backspace takes the last stroke back, Delete clears.";
  said.className = "clipedu-said";
  said.setAttribute("role", "status");
  el.replaceChildren(canvas, keys, said);

  let live = null; // the stroke that is being drawn
  let pointer = null; // the pointer that draws it; a second finger does not
  let cursor = [SIDE / 2, SIDE / 2];
  let byKeys = false;

  const redraw = () => {
    draw(canvas, model.get("value"), live, model.get("pen"), byKeys ? cursor : null);
    // For a page without Python: all strokes, also the one that is being drawn.
    const detail = live ? [...model.get("value"), live] : model.get("value");
    el.dispatchEvent(new CustomEvent("clipedu-strokes", { detail }));
  };
  const round = (number) => Math.round(Math.min(SIDE, Math.max(0, number)) * 100) / 100;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      round(((event.clientX - box.left) / box.width) * SIDE),
      round(((event.clientY - box.top) / box.height) * SIDE),
    ];
  };
  const put = (strokes) => {
    model.set("value", strokes);
    model.save_changes();
    redraw();
  };
  const finish = () => {
    const stroke = live;
    live = null;
    pointer = null;
    if (stroke) put([...model.get("value"), stroke]);
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button > 0) return;
    event.preventDefault();
    finish(); // the keyboard's stroke, if there is one
    canvas.focus();
    canvas.setPointerCapture(event.pointerId);
    pointer = event.pointerId;
    byKeys = false;
    live = [place(event)];
    redraw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) {
      const point = place(part);
      const last = live[live.length - 1];
      if (Math.hypot(point[0] - last[0], point[1] - last[1]) >= 0.2) live.push(point);
    }
    redraw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (event.pointerId === pointer) finish();
    });
  }
  canvas.addEventListener("focus", () => {
    byKeys = canvas.matches(":focus-visible");
    redraw();
  });
  canvas.addEventListener("blur", () => {
    if (pointer === null) finish();
    byKeys = false;
    redraw();
  });
  // Not let through: the notebook would take them for its own commands.
  const own = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", " ", "Backspace", "Delete"];
  canvas.addEventListener("keydown", (event) => {
    if (!own.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    byKeys = true;
    if (event.key === " ") {
      if (live) finish();
      else live = [[...cursor]];
    } else if (event.key === "Backspace") {
      if (live) live = null;
      else put(model.get("value").slice(0, -1));
    } else if (event.key === "Delete") {
      live = null;
      put([]);
    } else {
      const step = event.shiftKey ? STEP / 4 : STEP;
      const dx = { ArrowLeft: -step, ArrowRight: step }[event.key] ?? 0;
      const dy = { ArrowUp: -step, ArrowDown: step }[event.key] ?? 0;
      cursor = [round(cursor[0] + dx), round(cursor[1] + dy)];
      if (live) live.push([...cursor]);
    }
    said.textContent = `Pen ${live ? "down" : "up"} at ${cursor[0]} across, ${cursor[1]} down, of ${SIDE}.`;
    redraw();
  });

  model.on("change:value", redraw);
  model.on("change:pen", redraw);
  redraw();
  return () => {
    model.off("change:value", redraw);
    model.off("change:pen", redraw);
  };
}

export default { render };
