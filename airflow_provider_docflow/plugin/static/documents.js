// The entry: a page in Airflow's navigation, a tab of a DAG run and a tab of a task instance.
import { C, h, useEffect } from "./react.js";
import { DocumentPage } from "./document.js";
import { IncidentList, IncidentPage } from "./incidents.js";
import { Documents } from "./list.js";
import { Outages } from "./outages.js";
import { Failure, Waiting } from "./parts.js";
import { useRoute } from "./route.js";
import { useTexts, useTextsProvider } from "./texts.js";

const VIEWS = { document: DocumentPage, incident: IncidentPage, incidents: IncidentList };

// On the page of a run or of a task only what it touched; Airflow names no map index for a task without one.
function withinOf({ dagId, runId, taskId, mapIndex }) {
  const index = /^\d+$/.test(String(mapIndex ?? "")) ? String(mapIndex) : undefined;
  return { dag_id: dagId, run_id: runId, task_id: taskId, map_index: taskId ? index : undefined };
}

function Page(props) {
  const { value, ready, error, again, Provider } = useTextsProvider();
  if (!ready) return h(C.Box, { p: 4 }, h(C.Spinner, { "aria-label": "…" }));
  return h(
    Provider,
    { value },
    h(
      C.Box,
      { p: 4, lang: value.language === "zh" ? "zh-CN" : "en", "data-docflow": true },
      error ? h(Failure, { error, again }) : h(Views, { within: withinOf(props) }),
    ),
  );
}

function Views({ within }) {
  const route = useRoute();
  const view = route.get("view");
  const View = VIEWS[view] || Documents;
  const top = !view || view === "incidents";
  useEffect(() => {
    if (!top) document.querySelector("[data-docflow]")?.scrollIntoView?.({ block: "start" });
  }, [view, top, route.get("key"), route.get("id")]);
  return h(
    C.Box,
    null,
    h(Top, { route, within, view: view || "list" }),
    h(Outages, { route }),
    h(View, { route, within, key: `${view} ${route.get("key")} ${route.get("id")}` }),
  );
}

function Top({ route, within, view }) {
  const { t } = useTexts();
  const here = (name) => (view === name || (name === "list" && view === "document") || (name === "incidents" && view === "incident"));
  const tab = (name, to) =>
    h(
      C.Button,
      { size: "sm", variant: here(name) ? "subtle" : "ghost", "aria-current": here(name) ? "page" : undefined, onClick: () => route.set(to) },
      t(`page.tab.${name}`),
    );
  const top = view === "list" || view === "incidents";
  return h(
    C.HStack,
    { justify: "space-between", mb: 4, wrap: "wrap" },
    top && !within.run_id ? h(C.Heading, { as: "h1", size: "lg" }, t("page.documents")) : h(C.Box),
    h(
      C.HStack,
      { gap: 1 },
      h(C.HStack, { as: "nav", gap: 1, "aria-label": t("page.views") }, tab("list", route.none), tab("incidents", { ...route.none, view: "incidents" })),
      h(Language),
    ),
  );
}

function Language() {
  const { t, language, choose } = useTexts();
  const other = language === "zh" ? "en" : "zh";
  return h(
    C.Button,
    { size: "sm", variant: "outline", lang: other === "zh" ? "zh-CN" : "en", "aria-label": t("page.other_language"), onClick: () => choose(other) },
    other === "zh" ? "中文" : "English",
  );
}

// Airflow loads this file once however many of its pages ask for it, and looks for each by its name.
globalThis.Documents = Page;
