// Formats values like Grafana, in the units that the dashboards use.

const STEPS = {
  short: [[1e9, " Bil"], [1e6, " Mil"], [1e3, " K"]],
  bytes: [[2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"]],
};
const ENDINGS = { ops: " ops/s", reqps: " req/s", rowsps: " rows/s" };

const rounded = (value, decimals) =>
  decimals === undefined || decimals === null
    ? String(Number(value.toPrecision(3)))
    : value.toFixed(decimals);

function stepped(value, steps, decimals, smallest = "") {
  const [size, name] = steps.find(([limit]) => Math.abs(value) >= limit) ?? [1, smallest];
  return rounded(value / size, size === 1 ? decimals : decimals ?? undefined) + name;
}

function duration(value, decimals) {
  const size = Math.abs(value);
  if (size && size < 1e-3) return `${rounded(value * 1e6)} µs`;
  if (size && size < 1) return `${rounded(value * 1e3)} ms`;
  if (size < 120) return `${rounded(value, decimals)} s`;
  if (size < 7200) return `${rounded(value / 60)} min`;
  return size < 172800 ? `${rounded(value / 3600)} h` : `${rounded(value / 86400)} days`;
}

export function inUnit(value, unit, decimals) {
  if (!Number.isFinite(value)) return "–";
  if (unit === "s") return duration(value, decimals);
  if (unit === "percentunit") return `${rounded(value * 100, decimals)} %`;
  if (unit === "bytes") return stepped(value, STEPS.bytes, decimals, " B");
  return stepped(value, STEPS.short, decimals) + (ENDINGS[unit] ?? "");
}
