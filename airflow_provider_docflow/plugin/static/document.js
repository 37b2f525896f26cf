// One document: its chain through the systems, who decided what, what is open, and which tasks touched it.
import { C, Inside, Outside, h, useState } from "./react.js";
import { Act } from "./acting.js";
import { useGet } from "./api.js";
import { Lanes, kindOf, sentence, worthTelling } from "./lanes.js";
import { Amount, Answer, Nothing, NumberLink, Rows, Section, States, numberOf, paletteOf } from "./parts.js";
import { Incidents } from "./incidents.js";
import { useTexts } from "./texts.js";

export function DocumentPage({ route }) {
  const asked = useGet(`documents/${encodeURIComponent(route.get("key"))}`);
  const { t } = useTexts();
  return h(
    C.Box,
    null,
    h(Inside, { to: route.to({}), fontSize: "sm" }, t("page.back")),
    h(Answer, { asked, children: (detail) => h(Whole, { route, detail, reload: asked.reload }) }),
  );
}

function Whole({ route, detail, reload }) {
  const { t } = useTexts();
  return h(
    C.Box,
    null,
    h(Head, { row: detail.document }),
    detail.may_act && h(Overriding, { row: detail.document, reload }),
    h(
      Section,
      { title: t("page.chain"), mt: 4 },
      h(Lanes, { route, detail }),
      detail.chain_is_complete === false && h(C.Text, { fontSize: "sm", color: "fg.warning", mt: 1 }, t("page.chain.cut")),
    ),
    h(Decisions, { route, detail }),
    h(Section, { title: t("page.incidents"), count: detail.incidents.length }, h(Incidents, { route, items: detail.incidents, small: true })),
    h(Lines, { route, detail }),
    h(Tasks, { route, detail }),
    h(History, { detail }),
  );
}

function rowsOf({ document, chain }) {
  return Object.fromEntries([document, ...chain].map((row) => [row.key, row]));
}

function Head({ row }) {
  const { t, instant, word } = useTexts();
  const facts = [
    [t("page.system"), [word("system", row.system), row.instance].filter(Boolean).join(" · ")],
    [t("page.company"), row.company_code],
    [t("page.party"), row.party_name || row.party_id],
    [t("page.amount"), row.amount === null ? "" : h(Amount, { value: row.amount, currency: row.currency })],
    [t("page.issue_date"), row.issue_date],
    [t("page.read_at"), instant(row.read_at)],
  ].filter(([, value]) => value);
  return h(
    C.Box,
    { as: "header", mt: 2 },
    h(
      C.HStack,
      { gap: 3, wrap: "wrap" },
      h(C.Heading, { as: "h1", size: "xl" }, `${t(`type.${row.document_type}`)} ${numberOf(row)}`),
      h(States, { row, all: true }),
      h(Outside, { href: row.url, ml: "auto" }, t("page.open_in_system")),
    ),
    h(
      C.DataList.Root,
      { orientation: "vertical", mt: 3, display: "flex", flexDirection: "row", flexWrap: "wrap", gap: 8 },
      facts.map(([name, value]) =>
        h(C.DataList.Item, { key: name, gap: 0 }, h(C.DataList.ItemLabel, null, name), h(C.DataList.ItemValue, null, value)),
      ),
    ),
  );
}

function Overriding({ row, reload }) {
  const { t } = useTexts();
  const [said, setSaid] = useState("");
  const done = (text) => {
    setSaid(text);
    reload();
  };
  const path = `documents/${encodeURIComponent(row.key)}/override`;
  const field = { name: "field", label: t("page.field"), hint: t("page.field.hint"), required: true };
  const value = { name: "value", label: t("page.value"), hint: t("page.value.hint"), required: true };
  return h(
    C.HStack,
    { mt: 3, gap: 2, wrap: "wrap" },
    h(Act, { verb: "override", path, done, ask: [field, value], size: "xs" }),
    h(Act, { verb: "withdraw", path, done, fixed: { value: null }, ask: [field], size: "xs" }),
    h(C.Box, { role: "status", "aria-live": "polite", color: "fg.success" }, said),
  );
}

function Decisions({ route, detail }) {
  const { t, instant } = useTexts();
  const { decisions } = detail;
  const rows = rowsOf(detail);
  const who = (one) => (one.on_behalf_of ? t("page.on_behalf_of", { approver: one.approver, other: one.on_behalf_of }) : one.approver);
  const columns = [
    { head: t("page.decided_at"), cell: (one) => h(C.Box, { whiteSpace: "nowrap" }, instant(one.decided_at)) },
    {
      head: t("page.decision"),
      cell: (one) =>
        h(
          C.HStack,
          null,
          h(C.Badge, { colorPalette: paletteOf(one.decision) }, t(`state.${one.decision}`)),
          one.final === false && h(C.Text, { fontSize: "xs", color: "fg.muted" }, t("page.one_step")),
        ),
    },
    { head: t("page.approver"), cell: who },
    { head: t("page.document"), cell: (one) => rows[one.key] && h(NumberLink, { route, row: rows[one.key] }) },
    { head: t("page.comment"), cell: (one) => h(Comment, { one }) },
    { head: t("page.approval_system"), cell: (one) => one.approval_system },
  ];
  return h(
    Section,
    { title: t("page.decisions"), count: decisions.length },
    decisions.length
      ? h(Rows, { label: t("page.decisions"), columns, rows: decisions, keyOf: (one, index) => one.id ?? index })
      : h(Nothing, { title: t("page.no_decisions"), small: true }),
  );
}

function Comment({ one }) {
  const { t } = useTexts();
  const changed = one.changed_fields || [];
  return h(
    C.Box,
    { whiteSpace: "pre-wrap" },
    one.comment,
    changed.length > 0 && h(C.Text, { fontSize: "xs", color: "fg.muted" }, t("page.changed_fields", { fields: changed.join(", ") })),
  );
}

function Lines({ route, detail }) {
  const { t, word } = useTexts();
  const rows = rowsOf(detail);
  const end = (key, line) =>
    h(
      C.HStack,
      { gap: 2, whiteSpace: "nowrap" },
      rows[key] ? h(NumberLink, { route, row: rows[key] }) : h(C.Text, { color: "fg.muted" }, t("page.not_written")),
      line && h(C.Text, { color: "fg.muted", fontSize: "xs" }, line === "*" ? t("page.whole_document") : t("page.line", { line })),
    );
  const columns = [
    { head: t("page.from_line"), cell: (link) => end(link.source_key, link.source_line) },
    { head: t("page.to_line"), cell: (link) => end(link.target_key, link.target_line) },
    { head: t("page.link_kind"), cell: (link) => word("link", link.kind) },
    { head: t("page.quantity"), end: true, cell: (link) => (/^[0.]*$/.test(link.quantity) ? "–" : h(Amount, { value: link.quantity })) },
    { head: t("page.amount"), end: true, cell: (link) => h(Amount, { value: link.amount, currency: (rows[link.source_key] || rows[link.target_key])?.currency }) },
    { head: t("page.link_status"), cell: (link) => word("link", link.status) },
  ];
  return h(
    Section,
    { title: t("page.lines"), count: detail.links.length },
    detail.links.length
      ? h(Rows, { label: t("page.lines"), columns, rows: detail.links, keyOf: (_, index) => index })
      : h(Nothing, { title: t("page.no_lines"), small: true }),
  );
}

export function taskPath({ dag_id: dag, run_id: run, task_id: task, map_index: index }) {
  const at = `/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}/tasks/${encodeURIComponent(task)}`;
  return Number(index) >= 0 ? `${at}/mapped/${index}` : at;
}

function Tasks({ route, detail }) {
  const { t, instant } = useTexts();
  const rows = rowsOf(detail);
  const log = (touch) => ({ pathname: taskPath(touch), search: touch.try_number ? `?try_number=${touch.try_number}` : "" });
  const columns = [
    { head: t("page.at"), cell: (touch) => h(C.Box, { whiteSpace: "nowrap" }, instant(touch.at)) },
    { head: t("page.document"), cell: (touch) => rows[touch.key] && h(NumberLink, { route, row: rows[touch.key] }) },
    { head: t("page.dag"), cell: (touch) => h(Inside, { to: `/dags/${encodeURIComponent(touch.dag_id)}` }, touch.dag_id) },
    { head: t("page.run"), cell: (touch) => h(Inside, { to: `/dags/${encodeURIComponent(touch.dag_id)}/runs/${encodeURIComponent(touch.run_id)}` }, touch.run_id) },
    { head: t("page.task"), cell: (touch) => (Number(touch.map_index) >= 0 ? `${touch.task_id} [${touch.map_index}]` : touch.task_id) },
    { head: t("page.try"), end: true, cell: (touch) => touch.try_number },
    { head: t("page.log"), cell: (touch) => h(Inside, { to: log(touch), "aria-label": t("page.log_of", { task: touch.task_id, number: touch.try_number }) }, t("page.open_log")) },
  ];
  return h(
    Section,
    { title: t("page.tasks"), count: detail.touches.length },
    h(Rows, { label: t("page.tasks"), columns, rows: [...detail.touches].sort((a, b) => a.at.localeCompare(b.at)), keyOf: (_, index) => index }),
  );
}

function History({ detail }) {
  const [every, setEvery] = useState(false);
  const events = every ? detail.events : worthTelling(detail.events);
  const texts = useTexts();
  const { t, instant, word } = texts;
  const rows = rowsOf(detail);
  const columns = [
    { head: t("page.at"), cell: (event) => h(C.Box, { whiteSpace: "nowrap" }, instant(event.at)) },
    { head: t("page.document"), cell: (event) => (rows[event.key] ? numberOf(rows[event.key]) : "") },
    { head: t("page.system"), cell: (event) => (rows[event.key] ? word("system", rows[event.key].system) || rows[event.key].instance : "") },
    { head: t("page.event"), cell: (event) => h(C.Box, { "data-kind": kindOf(event) }, sentence(event, texts)) },
    { head: t("page.actor"), cell: (event) => event.actor },
  ];
  return h(
    Section,
    { title: t("page.history"), count: events.length },
    h(
      C.Button,
      { size: "xs", variant: every ? "subtle" : "outline", "aria-pressed": every, mb: 2, onClick: () => setEvery(!every) },
      t("page.every_step"),
    ),
    h(Rows, { label: t("page.history"), columns, rows: events, keyOf: (_, index) => index }),
  );
}
