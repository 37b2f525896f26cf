// The banner of systems that do not answer, or are in maintenance: it explains why documents wait.
import { C, Inside, h } from "./react.js";
import { useGet } from "./api.js";
import { useTexts } from "./texts.js";

export function Outages({ route }) {
  const asked = useGet("health");
  const down = (asked.data || []).filter((one) => one.state !== "closed" || one.window);
  if (!down.length) return null;
  return h(C.VStack, { align: "stretch", gap: 2, mb: 4 }, down.map((one) => h(Outage, { key: one.instance, route, one })));
}

function Outage({ route, one }) {
  const { t, instant } = useTexts();
  const planned = Boolean(one.window);
  const code = planned ? "page.outage.window" : one.state === "closed" ? "page.outage.window" : `page.outage.${one.state}`;
  const until = planned && typeof one.window === "object" ? one.window.until ?? one.window.ends_at ?? one.window.end : null;
  return h(
    C.Alert.Root,
    { status: planned ? "info" : "warning", role: "status" },
    h(C.Alert.Indicator),
    h(
      C.Alert.Content,
      null,
      h(C.Alert.Title, null, t(code, { instance: one.instance, since: instant(one.since), until: instant(until) })),
      one.cause && h(C.Alert.Description, null, one.cause),
    ),
    one.incident && h(Inside, { to: route.to({ view: "incident", id: one.incident }) }, t("page.see_incident")),
  );
}
