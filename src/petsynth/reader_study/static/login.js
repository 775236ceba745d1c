// The page on which a reader or the organiser hands in a token.
const $ = (id) => document.getElementById(id);

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("message").textContent = "";
  try {
    const answer = await fetch("/api/login", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token: $("token").value }),
    });
    if (answer.ok) return location.replace("/");
    $("message").textContent = (await answer.json()).error;
  } catch {
    $("message").textContent = "the server does not answer; try again";
  }
});
