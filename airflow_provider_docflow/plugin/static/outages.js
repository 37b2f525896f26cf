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

// A window tells more than an outage while it lasts; one that is still to come says nothing of the present.
function kindOf({ state, window, whole }) {
  if (window && Date.parse(window.starts_at) <= Date.now()) return "window";
  if (state === "closed") return "planned";
  return whole || state === "recovering" ? state : "writes";
}

function Outage({ route, one }) {
  const { t, instant, word } = useTexts();
  const kind = kindOf(one);
  const planned = kind === "window" || kind === "planned";
  const names = {
    instance: [word("system", one.system), one.instance].filter(Boolean).join(" · "),
    since: instant(planned ? one.window.starts_at : one.since),
    until: instant(one.window?.ends_at),
  };
  const told = planned ? one.window.reason : one.cause;
  return h(
    C.Alert.Root,
    { status: planned ? "info" : "warning", role: "status" },
    h(C.Alert.Indicator),
    h(
      C.Alert.Content,
      null,
      h(C.Alert.Title, null, t(`page.outage.${kind}`, names)),
      told && h(C.Alert.Description, null, told),
    ),
    one.incident && h(Inside, { to: route.to({ view: "incident", id: one.incident }) }, t("page.see_incident")),
  );
}
