// Small things that every view shows the same way.
import { C, Inside, h } from "./react.js";
import { useTexts } from "./texts.js";

export const AXES = ["lifecycle", "approval", "fulfilment", "invoicing", "payment"];

export const WORDS = {
  lifecycle: ["draft", "submitted", "active", "closed", "cancelled", "reversed", "unknown"],
  approval: ["none", "pending", "approved", "rejected", "returned", "withdrawn", "revoked", "unknown"],
  fulfilment: ["none", "partial", "complete", "over", "unknown"],
  invoicing: ["none", "partial", "complete", "over", "unknown"],
  payment: ["none", "partial", "complete", "over", "unknown"],
};

export const TYPES = [
  "purchase_requisition", "purchase_order", "goods_receipt", "supplier_invoice", "payment_request", "payment",
  "credit_note", "sales_order", "delivery", "sales_invoice", "contract", "expense_claim",
];

export const CATEGORIES = [
  "data", "master data", "business rule", "permission", "quota", "technical", "control",
];

const GOOD = new Set(["approved", "active", "complete", "closed"]);
const BAD = new Set(["rejected", "cancelled", "revoked", "reversed", "over", "voided"]);
const ODD = new Set(["unknown", "returned", "withdrawn"]);
const QUIET = new Set(["none", "draft"]);

export function paletteOf(word) {
  if (GOOD.has(word)) return "green";
  if (BAD.has(word)) return "red";
  if (ODD.has(word)) return "orange";
  return QUIET.has(word) ? "gray" : "blue";
}

// The state of a document, one badge per axis that says something.
export function States({ row, all = false }) {
  const { t } = useTexts();
  const state = row.state || {};
  const shown = AXES.filter((axis) => state[axis] && (all || !["none", "unknown"].includes(state[axis])));
  if (!row.read_at) return h(C.Text, { color: "fg.muted", fontSize: "sm" }, t("page.not_read"));
  return h(
    C.HStack,
    { gap: 1, wrap: "wrap" },
    shown.map((axis) =>
      h(
        C.Badge,
        { key: axis, colorPalette: paletteOf(state[axis]), variant: "subtle", title: rawWords(row) },
        h(C.Box, { as: "span", fontWeight: "normal", opacity: 0.8 }, t(`axis.${axis}`)),
        " ",
        t(`state.${state[axis]}`),
      ),
    ),
  );
}

function rawWords(row) {
  return Object.entries(row.raw || {}).map(([name, word]) => `${name}: ${word}`).join("\n");
}

function minorUnits(currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  } catch {
    return 0;
  }
}

// An amount is a text here and never a number: its digits stay as the ledger holds them, filled up with zeros
// to the currency's minor units so that decimal points stand under each other.
export function digits(value, currency) {
  const least = currency ? minorUnits(currency) : 0;
  const [whole, part = ""] = String(value).split(".");
  const filled = part.padEnd(least, "0");
  return filled ? `${whole}.${filled}` : whole;
}

export function Amount({ value, currency }) {
  if (value === null || value === undefined) return null;
  return h(
    C.Box,
    { as: "span", fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap" },
    digits(value, currency),
    currency ? " " : null,
    currency ? h(C.Box, { as: "span", color: "fg.muted" }, currency) : null,
  );
}

export function numberOf(row) {
  return row.number || row.internal_id;
}

// The product, if it is known, and below it the tenant as the system names itself.
export function Instance({ instance, system }) {
  const { word } = useTexts();
  if (!system) return h(C.Text, { fontSize: "sm" }, instance);
  return h(
    C.Box,
    null,
    h(C.Text, { fontSize: "sm", whiteSpace: "nowrap" }, word("system", system)),
    h(C.Text, { fontSize: "xs", color: "fg.muted", maxW: "12rem", truncate: true, title: instance }, instance),
  );
}

export function Waiting() {
  const { t } = useTexts();
  return h(
    C.HStack,
    { color: "fg.muted", py: 8, justify: "center", role: "status" },
    h(C.Spinner, { size: "sm" }),
    h(C.Text, null, t("page.loading")),
  );
}

export function Nothing({ title, hint, small = false }) {
  if (small) return h(C.Text, { color: "fg.muted", fontSize: "sm" }, title);
  return h(
    C.VStack,
    { py: 10, gap: 1, color: "fg.muted", role: "status" },
    h(C.Text, { fontWeight: "medium" }, title),
    hint ? h(C.Text, { fontSize: "sm", textAlign: "center", maxW: "60ch" }, hint) : null,
  );
}

function inWords(error, t) {
  const { status } = error;
  if (status === 0) return t("page.error.unreachable");
  if ([401, 403, 404, 409, 422, 502, 503].includes(status)) return t(`page.error.${status}`);
  return t("page.error.other", { status: status ?? "" });
}

// What went wrong, in words, and what to do about it. The server's own text follows: it names what is wrong.
export function Failure({ error, again }) {
  const { t } = useTexts();
  const login = new URL(`api/v2/auth/login?next=${encodeURIComponent(location.href)}`, document.baseURI);
  const detail = [401, 403, 404].includes(error.status) ? "" : error.detail;
  return h(
    C.Alert.Root,
    { status: "error", my: 3, role: "alert" },
    h(C.Alert.Indicator),
    h(
      C.Alert.Content,
      null,
      h(C.Alert.Title, null, inWords(error, t)),
      detail ? h(C.Alert.Description, null, detail) : null,
    ),
    error.status === 401
      ? h(C.Button, { asChild: true, size: "sm", variant: "outline" }, h("a", { href: login.href }, t("page.log_in")))
      : again && h(C.Button, { size: "sm", variant: "outline", onClick: again }, t("page.again")),
  );
}

// The three things that may stand in the place of what was asked for, or what was asked for.
export function Answer({ asked, children }) {
  if (asked.error) return h(Failure, { error: asked.error, again: asked.reload });
  if (asked.data === null) return h(Waiting);
  return h(C.Box, { opacity: asked.loading ? 0.6 : 1, "aria-busy": asked.loading }, children(asked.data));
}

export function Section({ title, count, children, ...rest }) {
  return h(
    C.Box,
    { as: "section", mt: 6, "aria-label": title, ...rest },
    h(
      C.Heading,
      { as: "h2", size: "md", mb: 2 },
      title,
      count === undefined ? null : h(C.Badge, { ml: 2, variant: "subtle" }, count),
    ),
    children,
  );
}

// A table from its columns: {head, cell(row), end} where `end` puts figures to the right.
export function Rows({ label, columns, rows, keyOf, size = "sm" }) {
  const align = (column) => (column.end ? "end" : "start");
  return h(
    C.Table.ScrollArea,
    { borderWidth: "1px", borderRadius: "md", whiteSpace: "normal" },
    h(
      C.Table.Root,
      { size, "aria-label": label, interactive: false },
      h(
        C.Table.Header,
        null,
        h(
          C.Table.Row,
          { bg: "bg.subtle" },
          columns.map((column) =>
            h(C.Table.ColumnHeader, { key: column.head, scope: "col", textAlign: align(column), whiteSpace: "nowrap" }, column.head),
          ),
        ),
      ),
      h(
        C.Table.Body,
        null,
        rows.map((row, index) =>
          h(
            C.Table.Row,
            { key: keyOf(row, index) },
            columns.map((column) =>
              h(C.Table.Cell, { key: column.head, textAlign: align(column), verticalAlign: "top" }, column.cell(row)),
            ),
          ),
        ),
      ),
    ),
  );
}

// Which page of the results this is; the sum may be a lower bound where counting all would take too long.
export function Pager({ route, data, limit }) {
  const { t } = useTexts();
  const offset = Number(route.get("offset")) || 0;
  const step = (to) => route.set({ offset: to || null });
  const many = data.total === undefined || data.total === null ? "" : data.total;
  const code = data.total_is_exact === false ? "page.range_at_least" : "page.range";
  const last = offset + data.items.length;
  return h(
    C.HStack,
    { mt: 3, justify: "space-between", wrap: "wrap" },
    h(C.Text, { fontSize: "sm", color: "fg.muted", "aria-live": "polite" }, t(code, { first: last ? offset + 1 : 0, last, total: many })),
    h(
      C.HStack,
      { as: "nav", "aria-label": t("page.pages") },
      h(
        C.Button,
        { size: "sm", variant: "outline", disabled: offset === 0, onClick: () => step(Math.max(0, offset - limit)) },
        t("page.previous"),
      ),
      h(
        C.Button,
        { size: "sm", variant: "outline", disabled: !data.next_offset, onClick: () => step(data.next_offset) },
        t("page.next"),
      ),
    ),
  );
}

export function NumberLink({ route, row }) {
  return h(Inside, { to: route.to({ view: "document", key: row.key }), fontWeight: "medium", whiteSpace: "nowrap" }, numberOf(row));
}
