"use strict";

const byId = (id) => document.getElementById(id);
const { gatewayPort, otherPort } = document.body.dataset;
const gateway = `${location.hostname}:${gatewayPort}`;
const patience = 10_000; // milliseconds

const titles = {
  pending: "Waiting…",
  ok: "Allowed: the page sees the answer",
  refused: "Refused: the page sees nothing",
  failed: "Failed",
};

// show replaces a result. Rows are its lines: a name, and text that came from
// elsewhere and is never read as HTML.
function show(name, state, rows = {}) {
  const list = document.createElement("dl");
  for (const [label, text] of Object.entries(rows)) {
    const row = document.createElement("div");
    const value = document.createElement(label === "Meaning" ? "span" : "pre");
    value.textContent = text;
    value.className = label.toLowerCase();
    const definition = document.createElement("dd");
    definition.append(value);
    const term = document.createElement("dt");
    term.textContent = label;
    row.append(term, definition);
    list.append(row);
  }
  const title = document.createElement("p");
  title.textContent = titles[state];
  const result = byId(`result-${name}`);
  result.replaceChildren(title, list);
  result.dataset.state = state;
}

const refused = (error, meaning) => ["refused", { Error: error, Meaning: meaning }];

// viaFetch sends the credentials of the gateway's host too: the strictest case
// of CORS, in which no response may be shared with "*".
async function viaFetch(path, init, meaning) {
  let response;
  try {
    response = await fetch(`http://${gateway}${path}`, { credentials: "include", ...init });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return refused(String(error), meaning);
  }
  return [response.ok ? "ok" : "failed", {
    Status: `${response.status} ${response.statusText}`,
    "Readable headers": Array.from(response.headers, ([name, value]) => `${name}: ${value}`).join("\n"),
    Body: (await response.text()).trim(),
  }];
}

const read = (signal) => viaFetch("/api/orders", { signal },
  "The browser did not let this page see the answer. The gateway refused the request, and the tenant never saw it.");

const change = (signal) => viaFetch("/api/orders/2", {
  signal,
  method: "PUT",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ item: "Brass bell", quantity: 5 }),
}, "The browser asks first, by a preflight. The gateway refused it, and the tenant never saw a PUT.");

function events(signal, progress) {
  const source = new EventSource(`http://${gateway}/api/events`, { withCredentials: true });
  const begun = performance.now();
  const seen = [];
  const rows = () => ({ Events: seen.join("\n") });
  return new Promise((resolve, reject) => {
    signal.onabort = () => reject(signal.reason);
    source.onmessage = ({ data }) => {
      seen.push(`after ${((performance.now() - begun) / 1000).toFixed(1)} s: ${data}`);
      progress(rows());
      if (seen.length === 3) resolve(["ok", rows()]);
    };
    source.onerror = () => resolve(seen.length > 0
      ? ["failed", { ...rows(), Error: "the stream broke off" }]
      : refused("an error event, which has no message",
        "The browser did not let this page see the stream. The gateway refused the request, and the tenant never saw it."));
  }).finally(() => source.close());
}

function webSocket(signal) {
  const socket = new WebSocket(`ws://${gateway}/socket`);
  const steps = [];
  let echoed = false;
  return new Promise((resolve, reject) => {
    signal.onabort = () => reject(signal.reason);
    socket.onopen = () => {
      steps.push("open");
      socket.send(`Hello from ${location.origin}`);
    };
    socket.onmessage = ({ data }) => {
      steps.push(`echo “${data}”`);
      echoed = true;
      socket.close(1000);
    };
    socket.onerror = () => steps.push("error event, which has no message");
    socket.onclose = ({ code }) => {
      const opened = steps[0] === "open";
      steps.push(`closed (${code})`);
      const path = steps.join(" → ");
      if (!opened) {
        resolve(refused(path, "The gateway refused the handshake, and the tenant never saw it. The browser tells the page no more than that."));
      } else {
        resolve([echoed ? "ok" : "failed", { Steps: path }]);
      }
    };
  }).finally(() => socket.close());
}

const tests = { get: read, put: change, events, websocket: webSocket };

// A refusal and a gateway that is gone give scripts the same error. The gateway
// runs and ends with the server of this page, which can be asked.
async function ifRunning(result) {
  if (result[0] !== "refused") return result;
  try {
    await fetch("/", { method: "HEAD" });
    return result;
  } catch {
    return ["failed", { Error: result[1].Error, Meaning: "The demo is not running any more." }];
  }
}

async function run(name) {
  const button = byId(`run-${name}`);
  if (button.disabled) return; // it runs already
  button.disabled = true;
  show(name, "pending");
  try {
    const result = await tests[name](AbortSignal.timeout(patience), (rows) => show(name, "pending", rows));
    show(name, ...await ifRunning(result));
  } catch (error) {
    show(name, "failed", { Error: String(error) });
  }
  button.disabled = false;
}

async function runAll() {
  byId("run-all").disabled = true;
  for (const name of Object.keys(tests)) await run(name);
  byId("run-all").disabled = false;
}

byId("origin").textContent = location.origin;
byId("gateway").textContent = `http://${gateway}`;
byId("curl").textContent = `curl -i -H "Origin: ${location.origin}" http://${gateway}/api/orders`;
const other = byId("other");
if (other) other.href = other.textContent = `http://${location.hostname}:${otherPort}`;
for (const name of Object.keys(tests)) byId(`run-${name}`).onclick = () => run(name);
byId("run-all").onclick = runAll;
if (new URLSearchParams(location.search).get("run") === "all") runAll();
