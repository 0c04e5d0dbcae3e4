"use strict";
(() => {
  const find = id => document.getElementById(id);
  const data = JSON.parse(find("data").textContent);
  const float = x => typeof x === "string" ? {nan: NaN, inf: Infinity, "-inf": -Infinity}[x] : x;
  const signs = {"*": "×", "-": "−", "/": "÷"};
  const ROWS = 300; // of the table that are drawn at once

  const DIGITS = 6; // in the table and in words; cards have the format that the caller chose
  const [, places, form] = /^\.(\d+)([gef])$/.exec(data.number) || ["", "4", "g"];
  const special = x => Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  const exponent = text => text.replace(/e([+-])(\d)$/, "e$10$2"); // e+05, as Python has it

  function general(x, digits) { // as Python's ".4g"
    const [mantissa, power] = x.toExponential(digits - 1).split("e");
    if (power >= -4 && power < digits) return String(Number(x.toPrecision(digits)));
    return exponent(`${Number(mantissa)}e${power}`);
  }
  function formatted(x) {
    if (form === "f") return x.toFixed(places);
    return form === "e" ? exponent(x.toExponential(places)) : general(x, Math.max(1, places));
  }
  const missing = x => x === null || x === undefined;
  const written = (x, write) => missing(x) ? "" : !Number.isFinite(x) ? special(x) : write(x + 0);
  const shown = x => written(x, finite => general(finite, DIGITS));
  const onCard = x => written(x, formatted);
  const arrow = x => x > 0 ? "▲" : x < 0 ? "▼" : "";
  const within = x => x < 0 ? `(${shown(x)})` : shown(x);

  // ── The graph and its steps ────────────────────────────────────────────────────────────────────────────────

  const nodes = data.nodes.map(([name, symbol, op, value, inputs, rule, source, module, kind], i) => ({
    i, name, op, rule, source, module, kind, symbol: signs[symbol] || symbol, value: float(value),
    inputs: inputs.map(x => Array.isArray(x) ? {node: x[0]} : {constant: float(x)}),
  }));
  const name = i => nodes[i].name;
  const steps = [
    ...data.forward.map(node => ({kind: "forward", node})),
    {kind: "seed", node: data.root},
    ...data.backward.map(([node, slot, upstream, local, contribution]) => ({
      kind: "backward", node, slot, to: nodes[node].inputs[slot].node,
      upstream: float(upstream), local: float(local), contribution: float(contribution),
    })),
  ];
  const seed = data.forward.length; // the step before the first backward one
  const computed = nodes.map(() => -1); // the step that computes a node
  const uses = nodes.map(() => 0); // how many contributions it gets
  steps.forEach((step, k) => {
    if (step.kind === "forward") computed[step.node] = k;
    if (step.kind === "backward" && step.contribution !== null) uses[step.to] += 1;
  });

  function state(position) {
    const grads = nodes.map(() => null), left = uses.slice(), flowed = new Set();
    for (let k = seed; k < position; k++) {
      const step = steps[k];
      if (step.kind === "seed") grads[step.node] = float(data.gradient);
      else {
        grads[step.node] = step.upstream;
        if (step.contribution === null) continue;
        grads[step.to] = grads[step.to] === null ? step.contribution : grads[step.to] + step.contribution;
        left[step.to] -= 1;
        flowed.add(k);
      }
    }
    return {grads, left, flowed};
  }

  // ── The drawing ────────────────────────────────────────────────────────────────────────────────────────────

  const pane = find("pane"), drawing = pane.querySelector("svg");
  const cards = data.cards.map((members, k) => {
    const element = drawing.querySelector(`[data-card="n${k}"]`);
    const texts = kind => {
      const text = [...element.children].find(child => child.classList.contains(kind));
      if (text) text.removeAttribute("textLength"); // it will say other numbers
      return text;
    };
    const many = Boolean(element.querySelector(".frame"));
    return {members, element, many, box: element.querySelector(".box"), data: texts("data"), grad: texts("grad"), k};
  });
  const chips = [...drawing.querySelectorAll("[data-node]")].map(element => ({
    element, node: Number(element.dataset.node), box: element.querySelector("rect"), card: element.closest(".card"),
  }));
  const cardOf = new Map(cards.flatMap(card => card.members.map(i => [i, card])));
  const edges = [...drawing.querySelectorAll("[data-edge]")].map((element, k) => ({element, ends: data.edges[k], k}));
  const edgeAt = new Map(edges.map(edge => [edge.ends.join(), edge]));
  const edgeOf = step => {
    const tail = cardOf.get(step.to), head = cardOf.get(step.node);
    return tail && head && (edgeAt.get([tail.k, head.k, step.slot].join()) || edgeAt.get([tail.k, head.k, -1].join()));
  };

  function tone(g) {
    if (g === null) return "plain";
    if (!Number.isFinite(g)) return "bad";
    if (g === 0 || !data.largest) return "zero";
    const decades = Math.log10(Math.abs(g)) - Math.log10(data.largest);
    const step = Math.max(0, Math.min(data.steps - 1, data.steps + Math.ceil(decades * data.steps / data.decades) - 1));
    return (g > 0 ? "positive" : "negative") + step;
  }
  const isTone = /^(plain|zero|bad|positive\d|negative\d)$/;
  function paint(box, wanted) {
    for (const kind of [...box.classList]) if (isTone.test(kind) && kind !== wanted) box.classList.remove(kind);
    box.classList.add(wanted);
    box.classList.toggle("wrong", wanted === "bad");
  }
  const size = g => g === null ? -1 : Number.isNaN(g) ? Infinity : Math.abs(g);
  const strongest = (a, b) => size(b) > size(a) ? b : a;

  // ── Where we are ───────────────────────────────────────────────────────────────────────────────────────────

  let position = 0, selected = data.root, timer = null, waiting = false;
  const stops = new Set();
  const slider = find("slider");
  slider.max = steps.length;

  function go(to) {
    position = Math.max(0, Math.min(steps.length, to));
    const step = steps[position - 1];
    if (step) selected = step.node;
    refresh();
  }
  function refresh() { // keys may come faster than pictures
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      render();
    });
  }
  const stopsAt = step => stops.has(step.node) || (step.kind === "backward" && stops.has(step.to));
  function toStop(direction) {
    let k = position + direction;
    while (k > 0 && k < steps.length && !stopsAt(steps[k - 1])) k += direction;
    go(k);
  }
  function toggle(members) {
    const on = !members.some(i => stops.has(i));
    for (const i of members) on ? stops.add(i) : stops.delete(i);
    refresh();
  }
  function play() {
    if (timer === null && position >= steps.length) go(0);
    timer = timer === null ? setInterval(() => {
      go(position + 1);
      if (position >= steps.length || stopsAt(steps[position - 1])) play();
    }, 600) : void clearInterval(timer) || null;
    find("play").textContent = timer === null ? "play" : "stop";
  }

  // ── In words ───────────────────────────────────────────────────────────────────────────────────────────────

  function element(kind, text = "", names = "") {
    const made = document.createElement(kind);
    made.textContent = text;
    made.className = names;
    return made;
  }
  function call(node, write) {
    const words = node.inputs.slice(0, 8).map(write);
    if (node.inputs.length > 8) words.push("…");
    return words.length === 2 && !/^\w+$/.test(node.symbol) && node.symbol !== "Σ" && node.symbol !== "Π"
      ? words.join(` ${node.symbol} `) : `${node.op}(${words.join(", ")})`;
  }
  const named = x => x.node === undefined ? shown(x.constant) : name(x.node);
  const numbered = x => within(x.node === undefined ? x.constant : nodes[x.node].value);

  function lines(pairs) {
    const table = element("div", "", "step");
    for (const [word, text, strong] of pairs) {
      table.append(element("span", word));
      const cell = element("span", text);
      if (strong) cell.append(element("b", strong));
      table.append(cell);
    }
    return table;
  }
  function describe(step, now) {
    const here = find("now");
    if (!step) {
      here.replaceChildren(element("div", "Before the first step: leaves have their numbers, nothing is computed yet."));
      return;
    }
    const node = nodes[step.node], y = name(step.node), result = name(data.root);
    if (step.kind === "forward") {
      here.replaceChildren(element("strong", "Forward"), lines([
        [y, `= ${call(node, named)}`], ["", `= ${call(node, numbered)}`], ["", "= ", shown(node.value)],
      ]));
    } else if (step.kind === "seed") {
      here.replaceChildren(element("strong", "Backward begins"), lines([
        [`grad of ${y}`, `d${result}/d${y} = `, shown(float(data.gradient))],
      ]));
    } else {
      const x = name(step.to), which = node.inputs.length > 1 ? `, input ${step.slot + 1} of ${node.inputs.length}` : "";
      const head = [element("strong", "Backward"), element("span", ` through ${y} to ${x}${which}`)];
      if (step.contribution === null) {
        here.replaceChildren(...head, lines([[y, `= ${call(node, named)}`], [x, "nothing is sent there"]]));
        return;
      }
      const after = now.grads[step.to], left = now.left[step.to];
      const before = state(position - 1).grads[step.to];
      here.replaceChildren(...head, lines([
        [y, `= ${call(node, named)}`],
        ["upstream", `d${result}/d${y} = `, shown(step.upstream)],
        ["local", `d${y}/d${x} = `, shown(step.local)],
        ["contribution", `${within(step.upstream)} × ${within(step.local)} = `, shown(step.contribution)],
        [`grad of ${x}`, `${before === null ? "none" : shown(before)} → `, shown(after)],
        ["", left ? `${left} more to come` : "complete"],
      ]));
    }
  }
  function explain(node) {
    const numbers = node.inputs.map(x => shown(x.node === undefined ? x.constant : nodes[x.node].value));
    const rule = node.rule < 0 ? "" : data.rules[node.rule];
    const many = rule.split("\n")[0].includes("*"); // def dot(g, y, *inputs):
    const given = many ? [`inputs = ${numbers.slice(0, 8).join(", ")}${numbers.length > 8 ? ", …" : ""}`] :
      numbers.map((x, k) => `${rule.split("(")[1].split(")")[0].split(", ")[k + 2]} = ${x}`);
    find("rule").textContent = rule ? [rule, `# y = ${shown(node.value)}`, ...given.map(x => `# ${x}`)].join("\n") :
      "a leaf: it was made, not computed";
    const place = find("source");
    if (node.source < 0) {
      place.replaceChildren(element("span", "not traced: compute inside of autograd.trace() to see it", "faint"));
      return;
    }
    const [told, first, text, line, from, to] = data.sources[node.source];
    const code = element("pre");
    text.forEach((words, k) => {
      const row = element("span", `${String(first + k).padStart(4)}  `);
      if (first + k === line) {
        row.className = "at";
        row.append(words.slice(0, from), element("mark", words.slice(from, to)), words.slice(to));
      } else row.append(words);
      code.append(row, "\n");
    });
    place.replaceChildren(element("span", told + (node.module ? `, in ${node.module}` : ""), "faint"), code);
  }

  // ── The table ──────────────────────────────────────────────────────────────────────────────────────────────

  const search = find("search");
  let listed = [];
  function list() {
    const words = search.value.toLowerCase();
    const found = nodes.filter(n => `${name(n.i)} ${n.op} ${n.module}`.toLowerCase().includes(words)).reverse();
    listed = found.slice(0, ROWS).map(node => {
      const row = element("tr");
      row.append(element("td", name(node.i)), element("td"), element("td"), element("td"));
      row.addEventListener("click", () => {
        selected = node.i;
        refresh();
      });
      row.addEventListener("dblclick", () => toggle([node.i]));
      return {node, row};
    });
    find("nodes").replaceChildren(...listed.map(({row}) => row));
    find("more").textContent = found.length > ROWS ? `and ${found.length - ROWS} more: search for them` : "";
    refresh();
  }

  // ── All of it ──────────────────────────────────────────────────────────────────────────────────────────────

  function render() {
    const now = state(position), step = steps[position - 1], back = step && step.kind === "backward";
    const done = i => computed[i] < position;
    slider.value = position;
    const phase = position === 0 ? "start" : position <= seed ? "forward" : "backward";
    find("where").textContent = `${position} / ${steps.length} ${phase}`;
    for (const card of cards) {
      const last = card.members[card.members.length - 1];
      const grad = card.members.map(i => now.grads[i]).reduce(strongest, null);
      const {classList} = card.element;
      classList.toggle("later", !done(card.members[0]));
      classList.toggle("from", Boolean(step) && card.members.includes(step.node));
      classList.toggle("to", Boolean(back) && card.members.includes(step.to));
      classList.toggle("stop", card.members.some(i => stops.has(i)));
      if (card.data) card.data.textContent = done(last) ? onCard(nodes[last].value) : "";
      if (card.grad) card.grad.textContent = arrow(grad) + onCard(card.many && grad !== null ? Math.abs(grad) : grad);
      paint(card.box, done(last) && !Number.isFinite(nodes[last].value) ? "bad" : tone(grad));
    }
    for (const chip of chips) {
      paint(chip.box, tone(now.grads[chip.node]));
      const to = back && chip.node === step.to && chip.card === (cardOf.get(step.node) || {}).element;
      chip.element.classList.toggle("to", Boolean(to));
    }
    const flowed = new Set([...now.flowed].map(k => edgeOf(steps[k])));
    const active = back ? edgeOf(step) : undefined;
    for (const edge of edges) {
      edge.element.classList.toggle("later", !flowed.has(edge) && position > seed);
      edge.element.classList.toggle("now", edge === active);
    }
    for (const {node, row} of listed) {
      row.className = [
        step && (step.node === node.i || (back && step.to === node.i)) ? "here" : "",
        stops.has(node.i) ? "stop" : "", selected === node.i ? "selected" : "",
      ].join(" ");
      row.cells[1].textContent = done(node.i) ? shown(node.value) : "";
      row.cells[2].textContent = shown(now.grads[node.i]);
      row.cells[3].textContent = position > seed && now.left[node.i] ? now.left[node.i] : "";
    }
    describe(step, now);
    explain(nodes[selected]);
    if (step) follow(cardOf.get(step.node));
  }

  // ── Zoom and move ──────────────────────────────────────────────────────────────────────────────────────────

  let scale = 1, left = 0, top = 0, held = null, moved = false;
  function place() {
    drawing.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
  }
  function fit() {
    const {width, height} = drawing.viewBox.baseVal;
    scale = Math.max(0.6, Math.min(1.25, pane.clientWidth / width, pane.clientHeight / height));
    left = Math.max(0, (pane.clientWidth - width * scale) / 2);
    top = Math.max(0, (pane.clientHeight - height * scale) / 2);
    place();
  }
  function follow(card) {
    if (!card || held) return;
    const around = pane.getBoundingClientRect(), box = card.box.getBoundingClientRect();
    if (box.left < around.left || box.right > around.right || box.top < around.top || box.bottom > around.bottom) {
      left += around.left + around.width / 2 - (box.left + box.right) / 2;
      top += around.top + around.height / 2 - (box.top + box.bottom) / 2;
      place();
    }
  }
  pane.addEventListener("wheel", event => {
    event.preventDefault();
    const factor = Math.exp(-event.deltaY * 0.0015), around = pane.getBoundingClientRect();
    const x = event.clientX - around.left, y = event.clientY - around.top;
    left = x - (x - left) * factor;
    top = y - (y - top) * factor;
    scale *= factor;
    place();
  }, {passive: false});
  pane.addEventListener("pointerdown", event => {
    held = [event.clientX - left, event.clientY - top, event.clientX, event.clientY];
    moved = false;
  });
  addEventListener("pointermove", event => {
    if (!held || !event.buttons) return;
    moved = moved || Math.hypot(event.clientX - held[2], event.clientY - held[3]) > 4;
    if (moved) {
      left = event.clientX - held[0];
      top = event.clientY - held[1];
      place();
    }
  });
  addEventListener("pointerup", () => { held = null; });

  // ── Keys and clicks ────────────────────────────────────────────────────────────────────────────────────────

  const keys = {
    ArrowRight: () => go(position + 1), ArrowLeft: () => go(position - 1), Home: () => go(0), End: () => go(steps.length),
    " ": play, c: () => toStop(1), C: () => toStop(-1), b: () => toggle([selected]), "/": () => search.focus(), 0: fit,
  };
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === search) {
      if (event.key === "Escape") search.blur();
      return;
    }
    if (event.target === slider && event.key.startsWith("Arrow")) return;
    if (event.key === " " && event.target.tagName === "BUTTON") return;
    if (Object.hasOwn(keys, event.key)) {
      event.preventDefault();
      keys[event.key]();
    }
  });
  for (const button of document.querySelectorAll("button")) {
    button.addEventListener("click", () => keys[button.dataset.key]());
  }
  slider.addEventListener("input", () => go(Number(slider.value)));
  search.addEventListener("input", list);
  drawing.setAttribute("role", "group");
  for (const card of cards) {
    card.element.setAttribute("tabindex", "0");
    card.element.setAttribute("role", "button");
    card.element.setAttribute("aria-label", card.element.querySelector("title").textContent);
    const act = () => {
      selected = card.members[card.members.length - 1];
      toggle(card.members);
    };
    card.element.addEventListener("click", () => { if (!moved) act(); });
    card.element.addEventListener("keydown", event => { if (event.key === "Enter") act(); });
  }
  addEventListener("hashchange", () => go(Number(location.hash.slice(1)) || 0));

  fit();
  list();
  go(Number(location.hash.slice(1)) || 0);
})();
