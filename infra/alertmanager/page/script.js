// Shows the alerts and silences of Alertmanager's API, starts a silence of an hour for an alert, and ends silences.

const REFRESH_MILLISECONDS = 15000;
const HOUR_MILLISECONDS = 3600000;
const find = (id) => document.getElementById(id);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const row = (...cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
const heads = (...titles) => element("tr", {}, ...titles.map((title) => element("th", {}, title)));
const time = (text) => new Date(text).toLocaleString();

async function api(path, options) {
  const answer = await fetch(`api/v2/${path}`, options);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.headers.get("content-type")?.includes("json") ? answer.json() : null;
}

function button(text, work) {
  const act = () => work().then(show, complain);
  return element("button", { textContent: text, onclick: act });
}

function silence(alert) {
  const matchers = Object.entries(alert.labels).map(([name, value]) => ({ name, value, isRegex: false, isEqual: true }));
  const now = Date.now();
  const [startsAt, endsAt] = [now, now + HOUR_MILLISECONDS].map((each) => new Date(each).toISOString());
  const body = JSON.stringify({ matchers, startsAt, endsAt, createdBy: "this page", comment: "for an hour" });
  return api("silences", { method: "POST", headers: { "content-type": "application/json" }, body });
}

// What an alert is about, besides its name.
function about({ labels }) {
  const rest = Object.entries(labels).filter(([name]) => !["alertname", "severity"].includes(name));
  return rest.map(([name, value]) => `${name} ${value}`).join(", ");
}

function state({ status }) {
  if (status.silencedBy.length) return "silenced";
  return status.inhibitedBy.length ? "explained by another alert" : "fires";
}

function alertRow(alert) {
  const { alertname, severity } = alert.labels;
  const { summary = "", description = "", runbook_url } = alert.annotations;
  const name = runbook_url ? element("a", { href: runbook_url, textContent: alertname }) : alertname;
  const words = element("div", {}, summary, element("div", { className: "quiet" }, `${description} ${about(alert)}`));
  const level = element("span", { className: severity ?? "", textContent: severity ?? "" });
  const act = alert.status.silencedBy.length ? "" : button("Silence for an hour", () => silence(alert));
  return row(name, level, words, time(alert.startsAt), state(alert), act);
}

function silenceRow({ id, matchers, comment, createdBy, endsAt }) {
  const which = matchers.map(({ name, value, isRegex }) => `${name} ${isRegex ? "like" : "="} ${value}`).join(", ");
  return row(which, comment, createdBy, time(endsAt), button("End", () => api(`silence/${id}`, { method: "DELETE" })));
}

function list(id, empty, titles, rows) {
  find(id).replaceChildren(...(rows.length ? [heads(...titles), ...rows] : [row(empty)]));
}

function sayWhoIsTold({ config }) {
  const ways = ["webhook", "email"].filter((way) => config.original.includes(`${way}_configs:`));
  find("told").textContent = ways.length ? `Told by ${ways.join(" and ")}.` : "Nobody is told: neither webhook nor mail is set.";
}

async function show() {
  const [status, alerts, silences] = await Promise.all(["status", "alerts", "silences"].map((path) => api(path)));
  sayWhoIsTold(status);
  const active = silences.filter((each) => each.status.state !== "expired");
  list("alerts", "No alert fires.", ["alert", "", "what", "since", "state", ""], alerts.map(alertRow));
  list("silences", "None.", ["alerts", "why", "by", "until", ""], active.map(silenceRow));
  find("problem").textContent = "";
}

const complain = (error) => (find("problem").textContent = error.message);

const refresh = () => show().catch(complain);
refresh();
setInterval(refresh, REFRESH_MILLISECONDS);
