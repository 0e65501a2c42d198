// Quickens what every page also does without a script.
"use strict";

// While somebody types origins, shows what the gateway makes of them. The same part of
// the page comes with the button "Check".
for (const form of document.querySelectorAll("form[data-check]")) {
  const entries = form.elements.origins;
  const results = document.getElementById(entries.dataset.results);
  let timer, running;
  entries.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(check, 300);
  });
  async function check() {
    running?.abort();
    running = new AbortController();
    try {
      const response = await fetch(form.dataset.check, {
        method: "POST",
        body: new URLSearchParams({ origins: entries.value }),
        signal: running.signal,
      });
      if (response.ok) results.innerHTML = await response.text();
    } catch {
      // The button still works.
    }
  }
}

// Asks before a page with unsaved input is left.
for (const form of document.querySelectorAll("form[data-keep]")) {
  let changed = false;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}
