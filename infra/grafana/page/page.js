// Draws a Grafana dashboard's JSON with live data: rows, numbers and curves, with units, thresholds, links and variables.
// For all other features there is Grafana itself (infra/compose.yaml).

import { inUnit } from "./units.js";

const REFRESH_MILLISECONDS = 15000;
const COLOURS = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#c0d8ff", "#96d98d", "#ffa6b0"];
const NAMED = { green: "#73bf69", yellow: "#f2cc0c", red: "#f2495c" };

// Axes have no room for "per second", which the panel's description says.
const ON_AXIS = { ops: "short", reqps: "short", rowsps: "short" };

const parameters = new URLSearchParams(location.search);
const MINUTES = Math.min(Math.max(Number(parameters.get("minutes")) || 30, 5), 20160);
const STEP_SECONDS = Math.max(5, Math.round(MINUTES / 2 / 5) * 5);
const SPAN_SECONDS = Math.ceil((MINUTES * 60) / STEP_SECONDS) * STEP_SECONDS;
const find = (selector) => document.querySelector(selector);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function json(url) {
  const answer = await fetch(url);
  return answer.json();
}

async function prometheus(path, query) {
  const answer = await json(`../api/v1/${path}?${new URLSearchParams(query)}`);
  if (answer.status !== "success") throw new Error(answer.error);
  return answer.data;
}

const fill = (text, values) =>
  text.replace(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (whole, braced, bare) => values[braced ?? bare] ?? whole);

const legend = (form, labels) => (form || "").replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? "").trim();

// --- variables: label_values(series, label); the first value unless the URL or the file names another

async function resolve(variables) {
  const rate = `${Math.max(60, STEP_SECONDS + 15)}s`; // at least four scrapes, like Grafana
  const values = { __rate_interval: rate, __interval: `${STEP_SECONDS}s`, __range: `${SPAN_SECONDS}s` };
  const choices = {};
  for (const { name, query, current } of variables ?? []) {
    const [, series, label] = /label_values\((.*),\s*(\w+)\)$/.exec(fill(query.query, values));
    choices[name] = await prometheus(`label/${label}/values`, { "match[]": series });
    const wanted = parameters.get(`var-${name}`) ?? current?.value;
    values[name] = choices[name].includes(wanted) ? wanted : choices[name][0] ?? wanted;
  }
  return { values, choices };
}

function chooser(name, choices, value) {
  const select = element("select", {}, ...choices.map((text) => new Option(text, text, false, text === value)));
  select.onchange = () => {
    parameters.set(`var-${name}`, select.value);
    location.search = parameters;
  };
  return element("label", {}, `${name} `, select, " ");
}

// --- panels

async function ask(target, values, now) {
  const expression = fill(target.expr, values);
  if (target.instant) return (await prometheus("query", { query: expression, time: now })).result;
  const end = Math.floor(now / STEP_SECONDS) * STEP_SECONDS;
  return (await prometheus("query_range", { query: expression, start: end - SPAN_SECONDS, end, step: STEP_SECONDS })).result;
}

function colourOf(value, thresholds) {
  const reached = (thresholds?.steps ?? []).filter((step) => step.value === null || step.value === undefined || value >= step.value);
  return NAMED[reached.at(-1)?.color] ?? COLOURS[0];
}

function number(panel, body, answers) {
  const result = answers[0][0];
  if (!result) return problem(body, "no data");
  const { unit, decimals, thresholds } = panel.fieldConfig.defaults;
  const value = Number(result.value[1]);
  const text = element("div", { className: "number", textContent: inUnit(value, unit, decimals) });
  text.style.color = colourOf(value, thresholds);
  body.append(text);
}

function problem(body, text, wrong = false) {
  body.append(element("div", { className: wrong ? "problem wrong" : "problem", textContent: text }));
}

function seriesOf(panel, answers) {
  return answers.flatMap((results, index) =>
    results.map((result) => ({
      label: legend(panel.targets[index].legendFormat, result.metric) || panel.title,
      points: new Map(result.values.map(([time, value]) => [time, Number(value)])),
    })),
  );
}

function curves(panel, body, answers, now) {
  const series = seriesOf(panel, answers);
  if (!series.length) return problem(body, "no data");
  const end = Math.floor(now / STEP_SECONDS) * STEP_SECONDS;
  const times = Array.from({ length: SPAN_SECONDS / STEP_SECONDS + 1 }, (_, index) => end - SPAN_SECONDS + index * STEP_SECONDS);
  const rows = series.map(({ points }) => times.map((time) => (Number.isFinite(points.get(time)) ? points.get(time) : null)));
  const { unit, thresholds, custom } = panel.fieldConfig.defaults;
  const stacked = custom?.stacking?.mode === "normal";
  const box = element("div", { className: "chart" });
  const names = series.map(({ label }, index) => {
    const mark = element("i");
    mark.style.background = COLOURS[index % COLOURS.length];
    const last = rows[index].findLast((value) => value !== null);
    return element("span", {}, mark, `${label} ${last === undefined ? "" : inUnit(last, unit)}`);
  });
  body.append(box, element("div", { className: "legend" }, ...names));
  draw(box, times, stacked ? stack(rows) : rows, { unit, stacked, thresholds: custom?.thresholdsStyle && thresholds });
}

function stack(rows) {
  const below = new Array(rows[0].length).fill(0);
  return rows.map((row) => row.map((value, index) => (below[index] += value ?? 0)));
}

function draw(box, times, rows, { unit, stacked, thresholds }) {
  const shown = rows.flat().filter((value) => value !== null);
  const top = Math.max(...shown, 0);
  const limits = (thresholds?.steps ?? []).filter(({ value }) => value && value <= top * 1.5);
  const clock = (_, ticks) => ticks.map((time) => new Date(time * 1000).toTimeString().slice(0, 5));
  const axis = { stroke: "#8e8ea0", grid: { stroke: "#22252b" }, ticks: { stroke: "#22252b" }, font: "11px system-ui" };
  new uPlot(
    {
      width: box.clientWidth,
      height: box.clientHeight,
      cursor: { y: false },
      scales: { y: { range: () => [0, Math.max(top, ...limits.map(({ value }) => value)) * 1.08 || 1] } },
      axes: [
        { ...axis, values: clock },
        { ...axis, size: 68, values: (_, ticks) => ticks.map((value) => inUnit(value, ON_AXIS[unit] ?? unit)) },
      ],
      series: [
        {},
        ...rows.map((_, index) => {
          const stroke = COLOURS[index % COLOURS.length];
          return { stroke, width: 1.5, fill: stroke + (stacked ? "40" : "12"), points: { show: false } };
        }),
      ],
      bands: stacked ? rows.slice(1).map((_, index) => ({ series: [index + 2, index + 1] })) : [],
      hooks: { draw: [(plot) => limits.forEach((limit) => line(plot, limit))] },
    },
    [times, ...rows],
    box,
  );
}

function line(plot, { value, color }) {
  const { ctx, bbox } = plot;
  const y = plot.valToPos(value, "y", true);
  ctx.save();
  ctx.strokeStyle = NAMED[color] ?? color;
  ctx.setLineDash([6, 6]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

function frame(panel) {
  const { x, y, w, h } = panel.gridPos;
  const box = panel.type === "row" ? element("h2", { className: "row", textContent: panel.title }) : element("section", { className: "panel" });
  box.style.gridColumn = `${x + 1} / span ${w}`;
  box.style.gridRow = `${y + 1} / span ${h}`;
  if (panel.type === "row") return { box };
  const body = element("div", { className: "chart" });
  body.style.display = "flex";
  body.style.flexDirection = "column";
  const what = element("div", { className: "what", textContent: panel.description, title: panel.description });
  box.append(element("h3", { textContent: panel.title }), what, body);
  return { box, body };
}

async function show(panel, body, values) {
  const now = Date.now() / 1000;
  try {
    const answers = await Promise.all(panel.targets.map((target) => ask(target, values, now)));
    body.replaceChildren();
    (panel.type === "stat" ? number : curves)(panel, body, answers, now);
  } catch (error) {
    body.replaceChildren();
    problem(body, error.message, true);
  }
}

// --- the page

function head(dashboard, names, name, { values, choices }) {
  document.title = find("h1").textContent = dashboard.title;
  find("#description").textContent = dashboard.description;
  find("#dashboards").append(
    ...names.map((each) => {
      const link = element("a", { href: `?d=${each}&minutes=${MINUTES}`, textContent: each });
      if (each === name) link.setAttribute("aria-current", "page");
      return link;
    }),
  );
  const links = (dashboard.links ?? []).filter(({ type }) => type === "link");
  find("#links").append(...links.map(({ title, url }) => element("a", { href: fill(url, values), textContent: title })));
  const shown = Object.entries(choices).filter(([variable]) => variable !== "dagster");
  find("#variables").append(...shown.map(([variable, texts]) => chooser(variable, texts, values[variable])));
}

async function main() {
  const names = await json("dashboards/index.json");
  const wanted = parameters.get("d") ?? "pipeline";
  const name = names.includes(wanted) ? wanted : names[0];
  const dashboard = await json(`dashboards/${name}.json`);
  const resolved = await resolve(dashboard.templating?.list);
  head(dashboard, names, name, resolved);
  const bodies = dashboard.panels.map((panel) => {
    const { box, body } = frame(panel);
    find("main").append(box);
    return [panel, body];
  });
  const refresh = async () => {
    await Promise.all(bodies.filter(([, body]) => body).map(([panel, body]) => show(panel, body, resolved.values)));
    find("#now").textContent = `the last ${MINUTES} minutes (?minutes=…), ${new Date().toLocaleTimeString()}`;
    document.body.dataset.drawn = "true";
  };
  await refresh();
  setInterval(refresh, REFRESH_MILLISECONDS);
}

main().catch((error) => problem(find("main"), `The dashboard cannot be shown: ${error.message}`, true));
