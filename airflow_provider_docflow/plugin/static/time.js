// Places moments on one axis: later is further right, and long waits are shortened so that all of it is seen.
const STEP = 34;
const WAIT = 22;
const SAME = 1000;

// Moments less than a second apart are one place on the axis; a longer gap is wider, by its order of magnitude.
export function axisOf(instants) {
  const sorted = [...new Set(instants.map((at) => Date.parse(at)))].filter((ms) => !Number.isNaN(ms));
  sorted.sort((a, b) => a - b);
  const stops = [];
  for (const ms of sorted) {
    const before = stops[stops.length - 1];
    if (before && ms - before.last < SAME) {
      before.last = ms;
      continue;
    }
    const gap = before ? STEP + WAIT * Math.log10((ms - before.last) / SAME) : 0;
    stops.push({ first: ms, last: ms, x: (before ? before.x : 0) + gap });
  }
  return stops;
}

export function placeOf(stops, at) {
  const ms = Date.parse(at);
  const stop = stops.find((one) => ms >= one.first && ms <= one.last);
  return stop ? stop.x : null;
}

// The labels that fit beside each other; the first and every change of day are told with their day.
export function labelsOf(stops, scale, { day, time }) {
  const labels = [];
  let free = -Infinity;
  let shown = "";
  for (const stop of stops) {
    const x = stop.x * scale;
    if (x < free) continue;
    const date = day(stop.first);
    labels.push({ x, time: time(stop.first), day: date === shown ? "" : date });
    shown = date;
    free = x + 68;
  }
  return labels;
}
