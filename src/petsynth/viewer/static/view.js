// The page of petsynth view.
import { MAPS, MARK, Panes, Scan, reason } from "./panes.js";
import { List } from "./list.js";

const $ = (id) => document.getElementById(id);
const DEFAULT_ROLES = ["t1", "reference", "synthetic", "difference"];
const state = { subject: -1, count: 4, roles: [...DEFAULT_ROLES], regions: null };
const scans = new Map(); // address -> promise of a scan; those of two subjects
let subjects = [];
let list;
let panes;
let loading = new AbortController();

async function start() {
  const answer = await fetch("/api/subjects");
  if (!answer.ok) throw new Error(await reason(answer));
  ({ subjects } = await answer.json());
  panes = new Panes($("panes"), 4, showValues);
  for (const name of MAPS) $("map").append(new Option(name, name));
  for (const pane of panes.all) {
    const choice = document.createElement("select");
    choice.setAttribute("aria-label", "What this pane shows");
    choice.addEventListener("change", () => choosePane(panes.all.indexOf(pane), choice.value));
    pane.head.append(choice);
  }
  list = new List($("list"), subjects, choose);
  list.onSort = remember;
  connect();
  await restore();
}

// ------------------------------------------------------------------ subjects and panes

const layersOf = (number) => subjects[number].layers.map((layer, at) => ({ ...layer, key: `${layer.role}:${layer.title}`, url: `/api/subjects/${number}/layers/${at}` }));

function scan(url) {
  if (!scans.has(url)) {
    const wanted = Scan.load(url, loading.signal);
    wanted.catch(() => scans.delete(url));
    scans.set(url, wanted);
  }
  return scans.get(url);
}

async function choose(number, place) {
  if (number === undefined || number === state.subject) return;
  const began = performance.now();
  loading.abort();
  loading = new AbortController();
  scans.clear();
  const isFirst = state.subject < 0;
  state.subject = number;
  state.regions = null;
  list.choose(number);
  $("title").textContent = `petsynth view: ${subjects[number].name}`;
  document.title = `${subjects[number].name} \u2013 petsynth view`;
  $("regions").disabled = !subjects[number].regions;
  $("region").textContent = "";
  delete document.body.dataset.shown;
  const layers = layersOf(number);
  if (!layers.length) say("There is no image of this subject; name its prepared data or predictions, too.");
  else say("");
  panes.all.forEach((pane, at) => fillChoice(pane, layers, at));
  await show(isFirst ? place : null, isFirst);
  if (state.subject !== number) return;
  document.body.dataset.shown = subjects[number].name;
  document.body.dataset.milliseconds = Math.round(performance.now() - began);
  remember();
  fetch(`/api/subjects/${list.beside(1)}/ahead`); // the server reads the next one meanwhile
}

// The choices of a pane: the layer of the same name as before, or else of the same role.
function fillChoice(pane, layers, at) {
  const choice = pane.head.firstChild;
  const wanted = state.roles[at] ?? DEFAULT_ROLES[at];
  choice.replaceChildren(new Option("nothing", ""), ...layers.map((each) => new Option(each.title, each.key)));
  const found = layers.find((each) => each.key === wanted) ?? layers.find((each) => each.role === wanted.split(":")[0]);
  choice.value = found ? found.key : "";
}

async function show(place, isFirst) {
  const number = state.subject;
  const layers = layersOf(number);
  const chosen = panes.visible.map((pane) => layers.find((each) => each.key === pane.head.firstChild.value));
  const mri = layers.find((each) => each.role === "t1");
  $("mark").hidden = !chosen.some((each) => each?.synthetic);
  const read = chosen.map((each) => each && scan(each.url));
  panes.visible.forEach((pane, at) => pane.say(chosen[at] ? "reading \u2026" : ""));
  const first = await settled(read);
  if (number !== state.subject) return;
  if (first && !place && isFirst) panes.place = first.middle();
  if (place) panes.place = place;
  if (first && !fits(first, panes.place)) panes.place = first.middle();
  if (!panes.settings.high) panes.settings.high = await commonHigh(chosen);
  const below = mri && { scan: await scan(mri.url).catch(() => null), role: "t1" };
  for (const [at, layer] of chosen.entries()) {
    const pane = panes.visible[at];
    try {
      const content = layer && { scan: await read[at], role: layer.role, title: layer.title, unit: layer.unit, mark: layer.synthetic ? MARK : "" };
      if (number !== state.subject) return;
      await panes.put(at, content, below?.scan ? below : null);
      pane.say("");
    } catch (error) {
      if (error.name === "AbortError") return;
      await panes.put(at, null);
      pane.say(error.message);
    }
  }
  fillWindow();
  showValues(panes.place);
}

// The first image that could be read.
async function settled(read) {
  const results = await Promise.allSettled(read);
  return results.find((each) => each.status === "fulfilled" && each.value)?.value;
}

const fits = (image, place) => image.value(place) !== null;

async function choosePane(at, key) {
  state.roles[at] = key;
  await show();
  remember();
}

async function setCount(count) {
  state.count = count;
  press("counts", "count", count);
  await panes.setCount(count);
  if (state.subject >= 0) await show();
  remember();
}

// ------------------------------------------------------------------ what stands beside

// One window for the reference and the synthetic PET, so that colours mean the same.
async function commonHigh(chosen) {
  const pets = chosen.filter((each) => ["reference", "synthetic"].includes(each?.role));
  const read = await Promise.allSettled(pets.map((each) => scan(each.url)));
  return Math.max(0, ...read.filter((each) => each.status === "fulfilled").map((each) => each.value.high));
}

function fillWindow() {
  const { low, high, threshold, opacity, map, limit, spread, radiological } = panes.settings;
  const contents = panes.visible.map((each) => each.content).filter(Boolean);
  const highest = (role) => contents.find((each) => each.role === role)?.scan.high;
  $("low").value = low;
  $("high").value = high ? digits(high) : "";
  $("threshold").value = threshold || "";
  $("opacity").value = Math.round(opacity * 100);
  $("opacity-shown").textContent = `${Math.round(opacity * 100)} %`;
  $("map").value = map;
  $("limit").value = digits(limit || highest("difference") || 0) || "";
  $("spread").value = digits(spread || highest("std") || 0) || "";
  $("radiological").checked = radiological;
}

const tenth = (value) => (Math.round(value * 10) / 10 + 0).toFixed(1); // no -0.0
const digits = (value) => Number(value.toPrecision(3));

function showValues(place) {
  if (state.subject < 0) return;
  const rows = panes.visible.filter((pane) => pane.content).map((pane) => {
    const value = pane.content.scan.value(place);
    const text = value === null ? "outside" : Math.abs(value) < 100 ? value.toFixed(3) : value.toFixed(0);
    return row(pane.content.title + (pane.content.unit ? ` (${pane.content.unit})` : ""), text, pane.content.role);
  });
  rows.push(row("x, y, z in mm", place.map(tenth).join(", "), "place"));
  $("values").tBodies[0].replaceChildren(...rows);
  if (state.regions) {
    const label = state.regions.scan.value(place);
    $("region").textContent = label ? state.regions.names[Math.round(label)].replaceAll("_", " ") : "no region";
  }
  remember();
}

function row(name, value, key) {
  const line = document.createElement("tr");
  line.dataset.key = key;
  for (const text of [name, value]) line.insertCell().textContent = text;
  return line;
}

async function nameRegions() {
  const number = state.subject;
  if (!subjects[number].regions || state.regions) return;
  $("region").textContent = "finding the regions; half a minute \u2026";
  for (;;) {
    const answer = await fetch(`/api/subjects/${number}/regions`);
    if (number !== state.subject) return;
    if (!answer.ok) {
      $("region").textContent = await reason(answer);
      return;
    }
    const found = await answer.json();
    if (found.ready) {
      const image = await Scan.load(`/api/subjects/${number}/regions/image`);
      if (number !== state.subject) return;
      state.regions = { scan: image, names: found.names };
      showValues(panes.place);
      return;
    }
    await new Promise((done) => setTimeout(done, 500));
  }
}

function save() {
  const name = subjects[state.subject].name;
  const isSynthetic = panes.visible.some((pane) => pane.content?.mark);
  if (!panes.visible.some((pane) => pane.content)) return;
  panes.picture(name, isSynthetic ? MARK : "not for diagnosis").toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}_petsynth-view.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

function say(text) {
  $("message").textContent = text;
}

function press(group, key, value) {
  for (const button of $(group).children) button.setAttribute("aria-pressed", button.dataset[key] === String(value));
}

// ------------------------------------------------------------------ the address restores the view

let waiting;
function remember() {
  clearTimeout(waiting);
  waiting = setTimeout(() => history.replaceState(null, "", `#${address()}`), 150);
}

function address() {
  const { view, map, low, high, threshold, opacity, limit, spread, radiological } = panes.settings;
  const words = new URLSearchParams({
    subject: subjects[state.subject]?.name ?? "", panes: state.count,
    layers: panes.all.map((pane) => pane.head.firstChild.value).join("|"),
    at: panes.place.map(tenth).join(","), view, map, window: `${low},${high}`, threshold, opacity,
    limit, spread, sort: `${list.order.column},${list.order.up ? "up" : "down"}`,
  });
  if (radiological) words.set("radiological", "1");
  return words.toString();
}

async function restore() {
  const words = new URLSearchParams(location.hash.slice(1));
  const number = (text, otherwise) => (text !== null && Number.isFinite(Number(text)) ? Number(text) : otherwise);
  const [low, high] = (words.get("window") ?? "0,0").split(",").map((each) => number(each, 0));
  const known = { view: ["axial", "coronal", "sagittal", "all"], map: MAPS };
  for (const key of ["view", "map"]) if (known[key].includes(words.get(key))) panes.settings[key] = words.get(key);
  Object.assign(panes.settings, {
    low, high, threshold: number(words.get("threshold"), 0), opacity: Math.min(number(words.get("opacity"), 1), 1),
    limit: number(words.get("limit"), 0), spread: number(words.get("spread"), 0), radiological: words.has("radiological"),
  });
  if (words.has("layers")) state.roles = words.get("layers").split("|");
  const [column, direction] = (words.get("sort") ?? "name,up").split(",");
  list.sort(column, direction !== "down");
  state.count = [1, 2, 4].includes(Number(words.get("panes"))) ? Number(words.get("panes")) : defaultCount();
  press("counts", "count", state.count);
  await panes.setCount(state.count);
  press("views", "view", panes.settings.view);
  fillWindow();
  const place = (words.get("at") ?? "").split(",").map(Number);
  const found = subjects.findIndex((each) => each.name === words.get("subject"));
  await choose(found < 0 ? list.sorted[0] : found, place.length === 3 && place.every(Number.isFinite) ? place : null);
}

// As many panes as the first subject has something for.
function defaultCount() {
  const roles = new Set(subjects[0]?.layers.map((each) => each.role));
  const useful = DEFAULT_ROLES.filter((role) => roles.has(role));
  if (useful.length < 3) state.roles = [...useful, ...["std"].filter((role) => roles.has(role)), "", "", ""].slice(0, 4);
  else if (!roles.has("difference") && roles.has("std")) state.roles[3] = "std";
  const count = state.roles.filter(Boolean).length;
  return count > 2 ? 4 : Math.max(count, 1);
}

// ------------------------------------------------------------------ buttons and keys

function connect() {
  for (const button of $("counts").children) button.addEventListener("click", () => setCount(Number(button.dataset.count)));
  for (const button of $("views").children) button.addEventListener("click", () => setView(button.dataset.view));
  $("filter").addEventListener("input", () => {
    list.filter = $("filter").value.trim().toLowerCase();
    list.draw();
  });
  $("map").addEventListener("change", () => change({ map: $("map").value }));
  for (const id of ["low", "high", "threshold", "limit", "spread"]) $(id).addEventListener("change", () => change({ [id]: Number($(id).value) || 0 }));
  $("opacity").addEventListener("input", () => change({ opacity: Number($("opacity").value) / 100 }));
  $("radiological").addEventListener("change", () => change({ radiological: $("radiological").checked }));
  $("reset").addEventListener("click", resetWindow);
  $("regions").addEventListener("click", nameRegions);
  $("save").addEventListener("click", save);
  $("help-button").addEventListener("click", () => $("help").showModal());
  document.addEventListener("keydown", key, true);
}

async function change(changes) {
  if (changes.high === 0) {
    const layers = layersOf(state.subject);
    changes.high = await commonHigh(panes.visible.map((pane) => layers.find((each) => each.key === pane.head.firstChild.value)));
  }
  await panes.set(changes);
  fillWindow();
  showValues(panes.place);
}

const resetWindow = () => change({ low: 0, high: 0, threshold: 0, limit: 0, spread: 0 });

function setView(view) {
  press("views", "view", view);
  change({ view });
}

const opacityBy = (step) => change({ opacity: Math.min(Math.max(panes.settings.opacity + step, 0), 1) });
const KEYS = {
  n: () => choose(list.beside(1)), p: () => choose(list.beside(-1)),
  1: () => setCount(1), 2: () => setCount(2), 4: () => setCount(4),
  a: () => setView("axial"), c: () => setView("coronal"), s: () => setView("sagittal"), m: () => setView("all"),
  "+": () => opacityBy(0.1), "-": () => opacityBy(-0.1), w: resetWindow, g: nameRegions, v: save,
  r: () => change({ radiological: !panes.settings.radiological }), "?": () => $("help").showModal(),
};
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 1], ArrowDown: [1, -1], PageUp: [2, 1], PageDown: [2, -1] };

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName)) return;
  if (event.key in MOVES) {
    const [axis, sign] = MOVES[event.key];
    const side = axis === 0 && panes.settings.radiological ? -1 : 1;
    panes.step(axis, sign * side * (event.shiftKey ? 10 : 1));
  } else if (event.key in KEYS) KEYS[event.key]();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

start().catch((error) => say(error.message));
