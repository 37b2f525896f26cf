// Everything that a page shows follows from its address: what can be seen can be sent to a colleague.
import { useCallback, useEffect, useRef, useSearchParams } from "./react.js";

export function changed(params, changes) {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") next.delete(name);
    else next.set(name, String(value));
  }
  return next;
}

// The address of a view of this page; the parameters of other views are dropped, those of Airflow kept.
const OURS = new Set([
  "view", "key", "id", "text", "number", "party", "amount_from", "amount_to", "currency", "document_type",
  "instance", "company_code", "lifecycle", "approval", "fulfilment", "invoicing", "payment", "sort",
  "offset", "status", "category", "owner_role", "assignee", "group", "by",
]);

export function useRoute() {
  const [params, setParams] = useSearchParams();
  // The router hands out the address that was drawn last; a reader is quicker than that on a slow machine,
  // and what was chosen first must not come back with what was chosen next.
  const meant = useRef(params);
  useEffect(() => {
    meant.current = params;
  }, [params]);
  const set = useCallback(
    (changes, options) => {
      meant.current = changed(meant.current, changes);
      setParams(meant.current, options);
    },
    [setParams],
  );
  const to = (view) => {
    const kept = new URLSearchParams([...params].filter(([name]) => !OURS.has(name)));
    return { search: `?${changed(kept, view)}` };
  };
  const none = Object.fromEntries([...OURS].map((name) => [name, null]));
  return { get: (name) => params.get(name) || "", set, to, none };
}
