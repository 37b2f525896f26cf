// Incidents: what waits for a person, by itself or by what has the same cause.
import { C, Fragment, Inside, h, useState } from "./react.js";
import { useGet } from "./api.js";
import { Act } from "./acting.js";
import { Choice, Words } from "./fields.js";
import { Answer, CATEGORIES, Instance, Nothing, Pager, Rows, Section } from "./parts.js";
import { useTexts } from "./texts.js";

const LIMIT = 50;
const FILTERS = ["status", "category", "owner_role", "assignee", "group", "text"];

export function IncidentList({ route, within }) {
  const { t } = useTexts();
  const grouped = route.get("by") === "group";
  const open = route.get("status") || "open";
  const filters = { ...Object.fromEntries(FILTERS.map((name) => [name, route.get(name)])), status: open };
  const asked = useGet("incidents", { ...within, ...filters, offset: route.get("offset"), limit: LIMIT });
  return h(
    C.Box,
    null,
    h(Filters, { route, filters, open, asked, grouped }),
    grouped
      ? h(Groups, { route })
      : h(Answer, {
          asked,
          children: (data) =>
            data.items.length
              ? h(
                  Fragment,
                  null,
                  filters.group && h(GroupActions, { group: filters.group, items: data.items, reload: asked.reload }),
                  h(Incidents, { route, items: data.items }),
                  h(Pager, { route, data, limit: LIMIT }),
                )
              : h(Nothing, { title: t("page.no_incidents"), hint: t("page.no_incidents.hint") }),
        }),
  );
}

function Filters({ route, filters, open, asked, grouped }) {
  const { t } = useTexts();
  const set = (name) => (value) => route.set({ [name]: value, offset: null });
  const field = (name, rest = {}) => h(Words, { label: t(`page.filter.${name}`), value: filters[name], onChange: set(name), ...rest });
  return h(
    C.HStack,
    { as: "search", role: "search", gap: 3, wrap: "wrap", align: "flex-end", mb: 4, "aria-label": t("page.search") },
    h(Choice, {
      label: t("page.filter.status"),
      value: open === "open" ? "" : open,
      options: [["closed", t("incident.status.closed")], ["all", t("page.all")]],
      any: t("incident.status.open"),
      onChange: set("status"),
    }),
    h(Choice, {
      label: t("page.filter.category"),
      value: filters.category,
      options: CATEGORIES.map((name) => [name, t(`incident.category.${name}`)]),
      onChange: set("category"),
    }),
    field("owner_role"),
    field("assignee"),
    field("text", { label: t("page.filter.incident_text"), type: "search", width: "14rem", placeholder: t("page.filter.incident_text.hint") }),
    filters.group && h(C.Button, { size: "sm", variant: "outline", onClick: () => route.set({ group: null }) }, t("page.leave_group")),
    h(
      C.Button,
      { size: "sm", variant: grouped ? "solid" : "outline", "aria-pressed": grouped, onClick: () => route.set({ by: grouped ? null : "group", offset: null }) },
      t("page.by_cause"),
    ),
    h(C.Button, { size: "sm", variant: "outline", onClick: asked.reload, loading: asked.loading }, t("page.refresh")),
  );
}

function Groups({ route }) {
  const { t, instant, word } = useTexts();
  const asked = useGet("incident-groups");
  const columns = [
    { head: t("page.what"), cell: (group) => h(What, { route, to: { view: "incidents", group: group.group_key }, code: group.code }) },
    { head: t("page.system"), cell: (group) => h(Instance, { instance: group.instance, system: group.system }) },
    { head: t("page.category"), cell: (group) => word("incident.category", group.category) },
    { head: t("page.since"), cell: (group) => h(C.Box, { whiteSpace: "nowrap" }, instant(group.since)) },
    { head: t("page.size"), end: true, cell: (group) => group.size },
  ];
  return h(Answer, {
    asked,
    children: (data) => {
      return data.length
        ? h(Rows, { label: t("page.by_cause"), columns, rows: data, keyOf: (group) => `${group.group_key} ${group.code}` })
        : h(Nothing, { title: t("page.no_incidents") });
    },
  });
}

function What({ route, to, code }) {
  const { t } = useTexts();
  return h(Inside, { to: route.to(to), fontWeight: "medium" }, t(code));
}

function Due({ one }) {
  const { t, instant } = useTexts();
  if (!one.due) return null;
  const late = one.status === "open" && Date.parse(one.due) < Date.now();
  return h(
    C.Box,
    { whiteSpace: "nowrap", color: late ? "fg.error" : undefined },
    instant(one.due),
    late && h(C.Badge, { ml: 1, colorPalette: "red" }, t("page.overdue")),
  );
}

export function Incidents({ route, items, small = false }) {
  const { t, word } = useTexts();
  const about = (one) =>
    one.document_key
      ? h(Inside, { to: route.to({ view: "document", key: one.document_key }), whiteSpace: "nowrap" }, one.document_number || t("page.document"))
      : h(C.Box, { whiteSpace: "nowrap" }, one.document_number);
  const columns = [
    { head: t("page.what"), cell: (one) => h(Told, { route, one }) },
    { head: t("page.document"), cell: about },
    { head: t("page.category"), cell: (one) => h(C.Badge, { variant: "outline", whiteSpace: "nowrap" }, word("incident.category", one.category)) },
    { head: t("page.owner"), cell: (one) => word("role", one.owner_role) },
    { head: t("page.assignee"), cell: (one) => one.assignee },
    { head: t("page.due"), cell: (one) => h(Due, { one }) },
    { head: t("page.same_cause"), end: true, cell: (one) => h(Same, { route, one }) },
    { head: t("page.status"), cell: (one) => h(Status, { one }) },
  ];
  if (!items.length) return h(Nothing, { title: t("page.no_incidents"), small });
  return h(Rows, { label: t("page.incidents"), columns, rows: items, keyOf: (one) => one.id });
}

function Told({ route, one }) {
  return h(
    C.Box,
    null,
    h(What, { route, to: { view: "incident", id: one.id }, code: one.code }),
    h(C.Text, { fontSize: "xs", color: "fg.muted", maxW: "44rem", minW: "18rem", lineClamp: 3, title: one.reason }, one.reason),
  );
}

function Same({ route, one }) {
  if (!one.group_size || one.group_size < 2) return one.group_size || null;
  return h(Inside, { to: route.to({ view: "incidents", group: one.group_key }) }, one.group_size);
}

function Status({ one }) {
  const { t } = useTexts();
  return h(C.Badge, { colorPalette: one.status === "open" ? "red" : "green" }, t(`incident.status.${one.status}`));
}

function GroupActions({ group, items, reload }) {
  if (!items.some((one) => one.may_act && one.status === "open")) return null;
  return h(
    C.HStack,
    { mb: 2 },
    h(Act, { verb: "retry_group", path: "incident-groups/retry", fixed: { group_key: group }, done: reload }),
  );
}

export function IncidentPage({ route }) {
  const { t } = useTexts();
  const asked = useGet(`incidents/${encodeURIComponent(route.get("id"))}`);
  return h(
    C.Box,
    null,
    h(Inside, { to: route.to({ view: "incidents" }), fontSize: "sm" }, t("page.back_to_incidents")),
    h(Answer, { asked, children: (one) => h(Incident, { route, one, reload: asked.reload }) }),
  );
}

function Incident({ route, one, reload }) {
  const { t, has, instant, word } = useTexts();
  const [said, setSaid] = useState("");
  const done = (text) => {
    setSaid(text);
    reload();
  };
  const facts = [
    [t("page.document"), one.document_key ? h(Inside, { to: route.to({ view: "document", key: one.document_key }) }, one.document_number) : one.document_number],
    [t("page.system"), one.instance && h(Instance, { instance: one.instance, system: one.system })],
    [t("page.field"), one.field],
    [t("page.category"), word("incident.category", one.category)],
    [t("page.owner"), word("role", one.owner_role)],
    [t("page.assignee"), one.assignee],
    [t("page.due"), one.due && h(Due, { one })],
    [t("page.opened_at"), instant(one.opened_at)],
    [t("page.closed_at"), instant(one.closed_at)],
    [t("page.same_cause"), h(Same, { route, one })],
  ].filter(([, value]) => value);
  return h(
    C.Box,
    null,
    h(
      C.HStack,
      { mt: 2, gap: 3, wrap: "wrap" },
      h(C.Heading, { as: "h1", size: "xl" }, has(one.code) ? t(one.code) : one.code),
      h(Status, { one }),
    ),
    h(C.Text, { mt: 2, maxW: "80ch", whiteSpace: "pre-wrap" }, one.reason),
    h(
      C.DataList.Root,
      { orientation: "vertical", mt: 4, display: "flex", flexDirection: "row", flexWrap: "wrap", gap: 8 },
      facts.map(([name, value]) => h(C.DataList.Item, { key: name, gap: 0 }, h(C.DataList.ItemLabel, null, name), h(C.DataList.ItemValue, null, value))),
    ),
    h(C.Box, { role: "status", "aria-live": "polite", mt: 3, color: "fg.success" }, said),
    one.may_act && one.status === "open" && h(Actions, { one, done }),
    h(Past, { one }),
  );
}

function Actions({ one, done }) {
  const { t } = useTexts();
  const person = { name: "assignee", label: t("page.assignee"), hint: t("page.assignee.hint"), value: one.assignee };
  const at = (verb) => `incidents/${one.id}/${verb}`;
  return h(
    C.HStack,
    { mt: 3, gap: 2, wrap: "wrap" },
    h(Act, { verb: "retry", path: at("retry"), done, main: true }),
    one.group_size > 1 && h(Act, { verb: "retry_group", path: "incident-groups/retry", fixed: { group_key: one.group_key }, done }),
    h(Act, { verb: "assign", path: at("assign"), done, ask: [person] }),
    h(Act, { verb: "close", path: at("close"), done }),
  );
}

function Past({ one }) {
  const { t, instant, word } = useTexts();
  const columns = [
    { head: t("page.at"), cell: (event) => h(C.Box, { whiteSpace: "nowrap" }, instant(event.at)) },
    { head: t("page.event"), cell: (event) => word("incident.event", event.event) },
    { head: t("page.actor"), cell: (event) => event.actor },
    { head: t("page.note"), cell: (event) => h(C.Box, { whiteSpace: "pre-wrap" }, event.note) },
  ];
  return h(Section, { title: t("page.history") }, h(Rows, { label: t("page.history"), columns, rows: one.history, keyOf: (_, index) => index }));
}
