// The organiser's page: how far each reader is.
const $ = (id) => document.getElementById(id);

async function draw() {
  try {
    const answer = await fetch("/api/progress");
    if (answer.status === 403) return location.replace("/");
    const { title, readers } = await answer.json();
    $("title").textContent = title;
    $("readers").tBodies[0].replaceChildren(...readers.map(row));
    $("message").textContent = "";
  } catch {
    $("message").textContent = "the server does not answer";
  }
}

function row({ reader, answered, cases, last, submitted }) {
  const line = document.createElement("tr");
  const bar = document.createElement("progress");
  bar.max = cases;
  bar.value = answered;
  for (const each of [reader, `${answered} of ${cases}`, bar, last || "\u2013", submitted ? "yes" : "no"]) line.insertCell().append(each);
  return line;
}

$("logout").addEventListener("click", async () => {
  await fetch("/api/logout", { method: "POST" });
  location.replace("/");
});
draw();
setInterval(draw, 10000);
