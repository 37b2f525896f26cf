// The list of documents: everything the ledger knows, or what one run or one task has touched.
import { C, Inside, h, useState } from "./react.js";
import { useGet } from "./api.js";
import { Choice, Words } from "./fields.js";
import { AXES, Amount, Answer, Instance, Nothing, NumberLink, Pager, Rows, States, TYPES, WORDS } from "./parts.js";
import { useTexts } from "./texts.js";

const LIMIT = 50;
const FILTERS = [
  "text", "number", "party", "amount_from", "amount_to", "currency", "document_type", "instance",
  "company_code", ...AXES,
];
// What is asked for more rarely stays folded away until somebody wants it, or an address names it.
const MORE = ["currency", "instance", "company_code", "fulfilment", "invoicing", "payment", "sort"];
const SORTS = ["number", "-amount", "amount", "-issue_date", "issue_date"];

export function Documents({ route, within }) {
  const { t } = useTexts();
  const filters = Object.fromEntries(FILTERS.map((name) => [name, route.get(name)]));
  const query = { ...within, ...filters, sort: route.get("sort"), offset: route.get("offset"), limit: LIMIT };
  const asked = useGet("documents", query);
  const filtered = FILTERS.some((name) => filters[name]);
  return h(
    C.Box,
    null,
    h(Filters, { route, filters, filtered, asked }),
    h(Answer, {
      asked,
      children: (data) =>
        data.items.length
          ? h(Found, { route, data })
          : h(Nothing, {
              title: t(filtered ? "page.none_found" : "page.none_yet"),
              hint: t(filtered ? "page.none_found.hint" : within.run_id ? "page.none_yet.run" : "page.none_yet.hint"),
            }),
    }),
  );
}

function Filters({ route, filters, filtered, asked }) {
  const { t } = useTexts();
  const [more, setMore] = useState(MORE.some((name) => route.get(name)));
  const set = (name) => (value) => route.set({ [name]: value, offset: null });
  const words = (name, width, rest = {}) =>
    h(Words, { key: name, label: t(`page.filter.${name}`), value: filters[name], onChange: set(name), width, ...rest });
  const axis = (name) =>
    h(Choice, {
      key: name,
      label: t(`axis.${name}`),
      value: filters[name],
      options: WORDS[name].map((word) => [word, t(`state.${word}`)]),
      onChange: set(name),
      width: "8.5rem",
    });
  const none = Object.fromEntries([...FILTERS, "offset"].map((name) => [name, null]));
  return h(
    C.HStack,
    { as: "search", role: "search", gap: 3, wrap: "wrap", align: "flex-end", mb: 4, "aria-label": t("page.search") },
    words("text", "14rem", { type: "search", placeholder: t("page.filter.text.hint") }),
    h(Choice, {
      label: t("page.filter.document_type"),
      value: filters.document_type,
      options: TYPES.map((name) => [name, t(`type.${name}`)]),
      onChange: set("document_type"),
      width: "11rem",
    }),
    words("amount_from", "7rem", { inputMode: "decimal" }),
    words("amount_to", "7rem", { inputMode: "decimal" }),
    axis("lifecycle"),
    axis("approval"),
    more && [words("currency", "5rem", { maxLength: 3 }), words("instance", "11rem"), words("company_code", "7rem")],
    more && ["fulfilment", "invoicing", "payment"].map(axis),
    more &&
      h(Choice, {
        label: t("page.sort"),
        value: route.get("sort"),
        options: SORTS.map((name) => [name, t(`page.sort.${name}`)]),
        any: t("page.sort.-updated_at"),
        onChange: set("sort"),
        width: "12rem",
      }),
    h(C.Button, { size: "sm", variant: "ghost", "aria-expanded": more, onClick: () => setMore(!more) }, t(more ? "page.fewer" : "page.more")),
    filtered && h(C.Button, { size: "sm", variant: "ghost", onClick: () => route.set(none) }, t("page.clear")),
    h(C.Button, { size: "sm", variant: "outline", onClick: asked.reload, loading: asked.loading }, t("page.refresh")),
  );
}

function Found({ route, data }) {
  const { t, instant } = useTexts();
  const columns = [
    { head: t("page.number"), cell: (row) => h(Named, { route, row }) },
    { head: t("page.system"), cell: (row) => h(Instance, row) },
    { head: t("page.party"), cell: (row) => h(C.Box, { minW: "6rem", maxW: "16rem" }, row.party_name || row.party_id) },
    { head: t("page.amount"), end: true, cell: (row) => h(Amount, { value: row.amount, currency: row.currency }) },
    { head: t("page.issue_date"), cell: (row) => h(C.Box, { whiteSpace: "nowrap" }, row.issue_date || "") },
    { head: t("page.state"), cell: (row) => h(States, { row }) },
    { head: t("page.incidents"), cell: (row) => h(Open, { route, row }) },
    {
      head: t("page.updated_at"),
      cell: (row) => h(C.Text, { fontSize: "xs", color: "fg.muted", minW: "6rem" }, instant(row.updated_at)),
    },
  ];
  return h(
    C.Box,
    null,
    h(Rows, { label: t("page.documents"), columns, rows: data.items, keyOf: (row) => row.key }),
    h(Pager, { route, data, limit: LIMIT }),
  );
}

function Named({ route, row }) {
  const { t } = useTexts();
  return h(
    C.Box,
    null,
    h(NumberLink, { route, row }),
    h(C.Text, { fontSize: "xs", color: "fg.muted", whiteSpace: "nowrap" }, t(`type.${row.document_type}`)),
  );
}

function Open({ route, row }) {
  const { t } = useTexts();
  if (!row.open_incidents) return null;
  return h(
    C.Badge,
    { colorPalette: "red", variant: "solid", asChild: true },
    h(Inside, { to: route.to({ view: "document", key: row.key }), color: "inherit" }, t("page.open_incidents", { count: row.open_incidents })),
  );
}
