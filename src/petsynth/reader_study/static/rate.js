// The page on which a reader looks at cases and answers.
import { MAPS, Panes, Scan, reason } from "./panes.js";

const $ = (id) => document.getElementById(id);
const MARK = "READER STUDY - may be synthetic, not for diagnosis"; // the same for every image
const TITLES = { mri: "MRI", pet: "PET" };
const RETRY_MS = 2000;
let study;
let panes;
let current;
let loading = new AbortController();
const answers = new Map(); // position -> {answer, revision, fields}

async function start() {
  study = await get("/api/study");
  $("title").textContent = study.title;
  document.title = study.title;
  $("reader").textContent = study.reader;
  $("introduction").textContent = study.introduction;
  $("about").hidden = !study.introduction;
  study.done = new Set(study.answered);
  panes = new Panes($("panes"), 2, () => {});
  Object.assign(panes.settings, { map: "hot", high: 1000, bar: false });
  for (const name of MAPS) $("map").append(new Option(name, name));
  for (let position = 1; position <= study.cases; position += 1) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = position;
    button.addEventListener("click", () => open(position));
    $("cases").append(button);
  }
  connect();
  restoreUnsaved();
  send();
  const wanted = Number(location.hash.slice(1));
  const firstOpen = [...$("cases").children].findIndex((_, at) => !study.done.has(at + 1)) + 1;
  await open(wanted >= 1 && wanted <= study.cases ? wanted : firstOpen || 1);
}

async function get(url) {
  const answer = await fetch(url, { signal: loading.signal });
  if (answer.status === 403) location.replace("/");
  if (!answer.ok) throw new Error(await reason(answer));
  return answer.json();
}

// ------------------------------------------------------------------ a case

async function open(position) {
  loading.abort();
  loading = new AbortController();
  current = position;
  history.replaceState(null, "", `#${position}`);
  delete document.body.dataset.shown;
  $("message").textContent = "";
  mark();
  try {
    const shown = await get(`/api/cases/${position}`);
    if (current !== position) return;
    const known = answers.get(position) ?? { unsent: {} };
    answers.set(position, known);
    known.fields = shown.fields;
    // Of an answer that is on its way the newer revision counts; what is not sent yet stands over both.
    if (!(known.revision > shown.revision)) Object.assign(known, { revision: shown.revision, answer: { ...shown.answer, ...known.unsent } });
    drawForm();
    await show(position, shown.parts);
  } catch (error) {
    if (error.name !== "AbortError") $("message").textContent = error.message;
  }
}

async function show(position, parts) {
  await panes.setCount(parts.length);
  for (const [at, part] of parts.entries()) {
    panes.all[at].head.textContent = TITLES[part];
    panes.all[at].say("reading \u2026");
  }
  const scans = await Promise.all(parts.map((part) => Scan.load(`/api/cases/${position}/${part}`, loading.signal)));
  if (current !== position) return;
  panes.place = scans[0].middle();
  for (const [at, part] of parts.entries()) {
    await panes.put(at, { scan: scans[at], role: part === "mri" ? "t1" : "reference", title: TITLES[part], mark: MARK }, null);
    panes.all[at].say("");
  }
  if (current === position) document.body.dataset.shown = position;
}

function mark() {
  for (const [at, button] of [...$("cases").children].entries()) {
    const isDone = study.done.has(at + 1);
    button.className = isDone ? "done" : "";
    button.setAttribute("aria-label", `Case ${at + 1}${isDone ? ", answered" : ""}`);
    button.setAttribute("aria-current", at + 1 === current);
  }
  $("number").textContent = `Case ${current} of ${study.cases}`;
  $("back").disabled = current === 1;
  $("next").disabled = current === study.cases;
  $("submit").disabled = study.submitted;
  $("submit").textContent = study.submitted ? "Submitted" : `Submit all answers (${study.done.size} of ${study.cases})`;
}

// ------------------------------------------------------------------ the questions

const POINTS = [1, 2, 3, 4, 5].map((each) => [each, String(each)]);
const QUESTIONS = [
  { field: "real", title: "Is this PET real or synthetic?", choices: () => [["real", "Real"], ["synthetic", "Synthetic"]] },
  { field: "real_certainty", title: "How certain are you?", choices: () => POINTS, ends: ["guess", "certain"], within: true },
  { field: "quality", title: "Image quality", choices: () => POINTS, ends: ["poor", "excellent"] },
  { field: "diagnosis", title: "Diagnosis", choices: () => study.diagnoses.map((each) => [each, each]) },
  { field: "diagnosis_certainty", title: "How certain are you?", choices: () => POINTS, ends: ["guess", "certain"], within: true },
  { field: "comment", title: "Comment (optional)" },
];

function drawForm() {
  const { fields, answer } = answers.get(current);
  const groups = [];
  for (const question of QUESTIONS.filter((each) => fields.includes(each.field))) {
    const group = question.within ? groups.at(-1) : document.createElement("fieldset");
    const legend = document.createElement(question.within ? "div" : "legend");
    legend.textContent = question.title;
    group.append(legend, question.choices ? choices(question, answer) : comment(answer));
    if (question.ends) group.append(ends(question.ends));
    if (!question.within) groups.push(group);
  }
  $("questions").replaceChildren(...groups);
}

function choices({ field, title, choices: possible }, answer) {
  const box = document.createElement("div");
  box.className = "choices";
  box.setAttribute("role", "radiogroup");
  box.setAttribute("aria-label", title);
  for (const [value, text] of possible()) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), {
      type: "radio", name: field, value, checked: answer[field] === value, disabled: study.submitted,
    });
    input.addEventListener("change", () => say(field, value));
    const shown = document.createElement("span");
    shown.textContent = text;
    label.append(input, shown);
    box.append(label);
  }
  return box;
}

function ends(texts) {
  const box = document.createElement("div");
  box.className = "ends";
  for (const text of texts) box.append(Object.assign(document.createElement("span"), { textContent: text }));
  return box;
}

function comment(answer) {
  const box = Object.assign(document.createElement("textarea"), {
    rows: 2, maxLength: 4000, value: answer.comment ?? "", disabled: study.submitted, name: "comment",
  });
  box.setAttribute("aria-label", "Comment");
  box.addEventListener("change", () => say("comment", box.value));
  return box;
}

// ------------------------------------------------------------------ saving

let sending = false;

function say(field, value) {
  const known = answers.get(current);
  known.answer[field] = value;
  known.unsent[field] = value;
  keepUnsaved();
  send();
}

// Send what is not saved, one request at a time, until the server has it.
async function send() {
  if (sending) return;
  sending = true;
  for (;;) {
    const next = [...answers].find(([, each]) => Object.keys(each.unsent).length);
    if (!next) break;
    tell("saving \u2026", true);
    if (!(await sendOne(...next))) {
      tell("not saved yet \u2013 trying again", true);
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
  sending = false;
  tell("saved", false);
}

async function sendOne(position, known) {
  const fields = { ...known.unsent };
  try {
    if (known.revision === undefined) Object.assign(known, await (await fetch(`/api/cases/${position}`)).json(), { answer: { ...known.answer } });
    const answer = await fetch(`/api/cases/${position}`, {
      method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ fields, revision: known.revision }),
    });
    if (answer.status === 403) location.replace("/");
    if (![200, 409, 422].includes(answer.status)) return false;
    const said = await answer.json();
    for (const [field, value] of Object.entries(fields)) if (known.unsent[field] === value) delete known.unsent[field];
    if (answer.status !== 200) $("message").textContent = `Case ${position}: ${said.error}; look at it again.`;
    if (said.answer) {
      known.revision = said.revision;
      known.answer = { ...said.answer, ...known.unsent };
      if (answer.status === 409 && position === current) drawForm();
      countDone(position, known);
    }
    keepUnsaved();
    return true;
  } catch {
    return false;
  }
}

function countDone(position, { fields, answer }) {
  const isDone = fields.every((field) => field === "comment" || answer[field] !== null);
  study.done[isDone ? "add" : "delete"](position);
  mark();
}

const storage = () => `petsynth-rate-${study.reader}`;

// What is not saved survives a closed window.
function keepUnsaved() {
  const unsent = [...answers].filter(([, each]) => Object.keys(each.unsent).length).map(([position, each]) => [position, each.unsent]);
  try {
    if (unsent.length) localStorage.setItem(storage(), JSON.stringify(unsent));
    else localStorage.removeItem(storage());
  } catch { /* a browser without storage: the page keeps it */ }
}

function restoreUnsaved() {
  try {
    for (const [position, unsent] of JSON.parse(localStorage.getItem(storage()) ?? "[]")) answers.set(position, { answer: { ...unsent }, unsent });
  } catch { /* nothing is kept */ }
}

function tell(text, isWaiting) {
  $("status").textContent = text;
  $("status").className = isWaiting ? "waiting" : "";
}

async function submit() {
  $("confirm").returnValue = "no";
  $("confirm").showModal();
  await new Promise((done) => $("confirm").addEventListener("close", done, { once: true }));
  if ($("confirm").returnValue !== "yes") return;
  const answer = await fetch("/api/submit", { method: "POST" });
  if (answer.ok) {
    study.submitted = true;
    mark();
    drawForm();
    $("message").textContent = "Submitted. Thank you.";
    return;
  }
  const said = await answer.json();
  $("message").textContent = said.open ? `Not answered yet: ${said.open.join(", ")}` : said.error;
  if (said.open) open(said.open[0]);
}

function connect() {
  $("back").addEventListener("click", () => open(current - 1));
  $("next").addEventListener("click", () => open(current + 1));
  $("submit").addEventListener("click", submit);
  $("logout").addEventListener("click", async () => {
    await fetch("/api/logout", { method: "POST" });
    location.replace("/");
  });
  $("map").addEventListener("change", () => panes.set({ map: $("map").value }));
  $("view").addEventListener("change", () => panes.set({ view: $("view").value }));
  $("radiological").addEventListener("change", () => panes.set({ radiological: $("radiological").checked }));
  $("high").addEventListener("change", () => panes.set({ high: Number($("high").value) * 10 }));
  $("high").addEventListener("input", () => ($("high-shown").textContent = `${$("high").value} %`));
  $("high-shown").textContent = "100 %";
  addEventListener("beforeunload", (event) => {
    if ([...answers.values()].some((each) => Object.keys(each.unsent).length)) event.preventDefault();
  });
}

start().catch((error) => ($("message").textContent = error.message));
