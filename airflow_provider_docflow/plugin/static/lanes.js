// The chain of a document: one lane per document and system, all on one time axis.
import { C, Inside, Outside, h, useEffect, useLayoutEffect, useRef, useState } from "./react.js";
import { States, numberOf, paletteOf } from "./parts.js";
import { useTexts } from "./texts.js";
import { axisOf, labelsOf, placeOf } from "./time.js";

const LANE = 84;
const TOP = 40;
const SIDE = 18;

export const KINDS = {
  read: { shape: "ring", color: "gray" },
  writing: { shape: "ring", color: "blue" },
  written: { shape: "disc", color: "blue" },
  done: { shape: "dot", color: "blue" },
  decided: { shape: "diamond", color: "green" },
  incident_opened: { shape: "triangle", color: "red" },
  incident_closed: { shape: "triangle", color: "green", hollow: true },
  action: { shape: "square", color: "purple" },
};

export function kindOf({ kind, code, params }) {
  if (kind === "written") return !params?.purpose || params.purpose === "create" ? "written" : "done";
  if (kind === "incident") return /\.closed$/.test(code) ? "incident_closed" : "incident_opened";
  return kind in KINDS ? kind : "action";
}

function legendColor(kind) {
  const { color } = KINDS[kind];
  return `var(--chakra-colors-${color === "gray" ? "fg-muted" : `${color}-solid`})`;
}

function colorOf(event) {
  const kind = KINDS[kindOf(event)];
  const word = String(event.code || "").split(".").pop();
  const palette = kindOf(event) === "decided" ? paletteOf(word) : kind.color;
  return `var(--chakra-colors-${palette === "gray" ? "fg-muted" : `${palette}-solid`})`;
}

// What happened, in words; a name that a text asks for is itself told in words where there are any.
export function sentence(event, { t, has, word }) {
  const { code, purpose, ...params } = event.params || {};
  const about = code === undefined ? {} : { code: t(code) };
  return has(event.code)
    ? t(event.code, { ...params, ...about, purpose: word("purpose", purpose) })
    : [t(`page.event.${kindOf(event)}`), event.code].filter(Boolean).join(": ");
}

// Planning and sending are steps on the way; of what has arrived they are not worth a marker.
export function worthTelling(events) {
  const arrived = new Set(events.filter((event) => event.kind === "written").map((event) => event.key));
  return events.filter((event) => event.kind !== "writing" || !arrived.has(event.key));
}

export function Lanes({ route, detail }) {
  const { t } = useTexts();
  const lanes = ordered(detail);
  return h(
    C.Box,
    { borderWidth: "1px", borderRadius: "md", overflow: "hidden" },
    h(
      C.Flex,
      { align: "stretch" },
      h(
        C.Box,
        { width: "22rem", flexShrink: 0, borderRightWidth: "1px", pt: `${TOP}px` },
        lanes.map((row) => h(Label, { key: row.key, route, row, own: row.key === detail.document.key })),
      ),
      h(Drawing, { detail, lanes }),
    ),
    h(Legend, { events: worthTelling(detail.events) }),
    h(C.Text, { fontSize: "xs", color: "fg.muted", px: 3, pb: 2 }, t("page.axis.hint")),
  );
}

// What came first stands above what was made from it.
function ordered({ chain, links, document }) {
  const rows = chain.some((row) => row.key === document.key) ? chain : [document, ...chain];
  const depth = Object.fromEntries(rows.map((row) => [row.key, 0]));
  for (let round = 0; round < rows.length; round += 1) {
    for (const { source_key: from, target_key: into } of links) {
      if (from in depth && into in depth && from !== into) depth[into] = Math.max(depth[into], Math.min(depth[from] + 1, rows.length));
    }
  }
  return [...rows].sort(
    (a, b) => depth[a.key] - depth[b.key] || a.instance.localeCompare(b.instance) || numberOf(a).localeCompare(numberOf(b)),
  );
}

function Label({ route, row, own }) {
  const { t, word } = useTexts();
  const number = own
    ? h(C.Text, { as: "span", fontWeight: "bold", "aria-current": "true" }, numberOf(row))
    : h(Inside, { to: route.to({ view: "document", key: row.key }), fontWeight: "medium" }, numberOf(row));
  return h(
    C.Flex,
    {
      direction: "column",
      justify: "center",
      height: `${LANE}px`,
      px: 3,
      gap: "2px",
      borderTopWidth: "1px",
      bg: own ? "bg.muted" : undefined,
      overflow: "hidden",
    },
    h(
      C.HStack,
      { gap: 2, whiteSpace: "nowrap" },
      number,
      h(C.Text, { fontSize: "xs", color: "fg.muted", truncate: true }, t(`type.${row.document_type}`)),
    ),
    h(
      C.HStack,
      { gap: 2, fontSize: "xs", color: "fg.muted", whiteSpace: "nowrap" },
      h(C.Text, { truncate: true, title: row.instance }, [word("system", row.system), row.instance].filter(Boolean).join(" · ")),
      h(Outside, { href: row.url, ml: "auto", flexShrink: 0, "aria-label": `${t("page.open_in_system")} ${numberOf(row)}` }, t("page.open_short")),
    ),
    h(C.Box, { maxH: "40px", overflow: "hidden" }, h(States, { row })),
  );
}

function useWidth() {
  const box = useRef(null);
  const [width, setWidth] = useState(600);
  useLayoutEffect(() => {
    if (box.current) setWidth(box.current.clientWidth || 600);
  }, []);
  useEffect(() => {
    const seen = new ResizeObserver(([entry]) => setWidth(entry.contentRect.width || 600));
    seen.observe(box.current);
    return () => seen.disconnect();
  }, []);
  return [box, width];
}

function Drawing({ detail, lanes }) {
  const texts = useTexts();
  const [box, room] = useWidth();
  const events = worthTelling(detail.events).filter((event) => lanes.some((row) => row.key === event.key));
  const stops = axisOf(events.map((event) => event.at));
  const span = stops.length ? stops[stops.length - 1].x : 0;
  const scale = span ? Math.max(1, (room - 2 * SIDE - 50) / span) : 1;
  const width = Math.max(room, span * scale + 2 * SIDE + 50);
  const height = TOP + lanes.length * LANE;
  const x = (at) => SIDE + placeOf(stops, at) * scale;
  const y = (key) => TOP + lanes.findIndex((row) => row.key === key) * LANE + LANE / 2;
  const labels = labelsOf(stops, scale, texts);
  return h(
    C.Box,
    { ref: box, flex: 1, minW: 0, overflowX: "auto", tabIndex: 0, role: "group", "aria-label": texts.t("page.chain") },
    h(
      "svg",
      { width, height, role: "img", "aria-label": texts.t("page.axis.label", { count: events.length }), style: { display: "block" } },
      lanes.map((row, index) => h(Lane, { key: row.key, index, width })),
      labels.map((label) => h(Tick, { key: label.x, label, height })),
      h(Curves, { detail, events, x, y }),
      clusters(events, x).map((some) => h(Marker, { key: `${some[0].key}${some[0].at}${some[0].kind}`, some, x: x(some[0].at), y: y(some[0].key) })),
    ),
  );
}

function Lane({ index, width }) {
  const top = TOP + index * LANE;
  const line = { stroke: "var(--chakra-colors-border)" };
  return h(
    "g",
    null,
    h("line", { x1: 0, x2: width, y1: top + 0.5, y2: top + 0.5, ...line }),
    h("line", { x1: 0, x2: width, y1: top + LANE / 2, y2: top + LANE / 2, ...line, strokeDasharray: "2 4" }),
  );
}

function Tick({ label, height }) {
  const x = SIDE + label.x;
  const text = { fill: "var(--chakra-colors-fg-muted)", style: { fontSize: "11px" } };
  return h(
    "g",
    null,
    h("line", { x1: x, x2: x, y1: TOP, y2: height, stroke: "var(--chakra-colors-border)", strokeOpacity: 0.6 }),
    label.day && h("text", { x: x - 4, y: 15, ...text }, label.day),
    h("text", { x: x - 4, y: 30, ...text }, label.time),
  );
}

// A curve from a source to what was made from it, at the moment when that was first known.
function Curves({ detail, events, x, y }) {
  const pairs = new Map();
  for (const link of detail.links) {
    if (link.target_key) pairs.set(`${link.source_key} ${link.target_key}`, link);
  }
  const first = (key) => events.filter((event) => event.key === key).map((event) => event.at).sort()[0];
  return [...pairs.entries()].map(([key, { source_key: from, target_key: into }]) => {
    const [start, end] = [first(from), first(into)];
    if (!start || !end) return null;
    const [x1, x2, y1, y2] = [Math.max(x(end) - 26, x(start)), x(end), y(from), y(into)];
    return h("path", {
      key,
      d: `M ${x1} ${y1} C ${x1} ${(y1 + y2) / 2}, ${x2} ${(y1 + y2) / 2}, ${x2} ${y2 - Math.sign(y2 - y1) * 9}`,
      fill: "none",
      stroke: "var(--chakra-colors-blue-solid)",
      strokeOpacity: 0.55,
      strokeWidth: 1.5,
    });
  });
}

// What stands on the same place of the same lane is one marker that tells of all.
function clusters(events, x) {
  const places = new Map();
  for (const event of events) {
    const place = `${event.key} ${Math.round(x(event.at))}`;
    places.set(place, [...(places.get(place) || []), event]);
  }
  return [...places.values()];
}

const WEIGHT = ["incident_opened", "decided", "written", "action", "incident_closed", "done", "writing", "read"];

function Marker({ some, x, y }) {
  const texts = useTexts();
  const main = [...some].sort((a, b) => WEIGHT.indexOf(kindOf(a)) - WEIGHT.indexOf(kindOf(b)))[0];
  const told = some.map((event) => `${texts.instant(event.at)}  ${sentence(event, texts)}${event.actor ? `  (${event.actor})` : ""}`);
  return h(
    "g",
    { transform: `translate(${x} ${y})` },
    h("title", null, told.join("\n")),
    h(Shape, { kind: kindOf(main), color: colorOf(main) }),
    some.length > 1 && h("text", { x: 9, y: -7, fill: "var(--chakra-colors-fg-muted)", style: { fontSize: "10px" } }, `×${some.length}`),
  );
}

export function Shape({ kind, color }) {
  const { shape, hollow } = KINDS[kind];
  const paint = { fill: hollow || shape === "ring" ? "var(--chakra-colors-bg)" : color, stroke: color, strokeWidth: 2 };
  if (shape === "diamond") return h("path", { d: "M 0 -8 L 8 0 L 0 8 L -8 0 Z", ...paint });
  if (shape === "triangle") return h("path", { d: "M 0 -8 L 8 6 L -8 6 Z", ...paint });
  if (shape === "square") return h("rect", { x: -6, y: -6, width: 12, height: 12, ...paint });
  return h("circle", { r: shape === "disc" ? 6 : 4, ...paint });
}

function Legend({ events }) {
  const { t } = useTexts();
  const used = Object.keys(KINDS).filter((kind) => events.some((event) => kindOf(event) === kind));
  return h(
    C.HStack,
    { gap: 4, px: 3, py: 2, borderTopWidth: "1px", wrap: "wrap", fontSize: "xs", color: "fg.muted" },
    used.map((kind) =>
      h(
        C.HStack,
        { key: kind, gap: 1 },
        h("svg", { width: 20, height: 20, viewBox: "-10 -10 20 20", "aria-hidden": true }, h(Shape, { kind, color: legendColor(kind) })),
        t(`page.event.${kind}`),
      ),
    ),
  );
}
