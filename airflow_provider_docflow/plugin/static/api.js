// The pages' API, found beside this file: an Airflow that lives under a sub-path needs no setting.
import { useCallback, useEffect, useState } from "./react.js";

const BASE = new URL("../api/v1/", import.meta.url);

export class ApiError extends Error {
  constructor(status, detail) {
    super(detail || `HTTP ${status}`);
    this.status = status;
    this.detail = detail;
  }
}

function told(body) {
  const detail = body && (body.detail ?? body.message ?? body);
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map((one) => one.msg || String(one)).join("; ");
  if (detail && typeof detail === "object") {
    return [detail.message ?? detail.reason, detail.remedy].filter(Boolean).join(" ");
  }
  return "";
}

export async function call(method, path, { query = {}, body, signal } = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  const options = { method, signal, credentials: "same-origin", headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let reply;
  try {
    reply = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "");
  }
  const text = await reply.text();
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    data = null;
  }
  if (!reply.ok) throw new ApiError(reply.status, told(data));
  return data;
}

// What a GET answers; null as path asks nothing. The old answer stays in sight while a new one is awaited.
export function useGet(path, query = {}) {
  const wanted = path === null ? null : JSON.stringify([path, query]);
  const [state, setState] = useState({ wanted: null, data: null, error: null });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (wanted === null) return undefined;
    const stop = new AbortController();
    const [where, what] = JSON.parse(wanted);
    call("GET", where, { query: what, signal: stop.signal }).then(
      (data) => setState({ wanted, data, error: null }),
      (error) => {
        if (error.name !== "AbortError") setState({ wanted, data: null, error });
      },
    );
    return () => stop.abort();
  }, [wanted, round]);
  const reload = useCallback(() => setRound((now) => now + 1), []);
  return { data: state.data, error: state.error, loading: wanted !== null && state.wanted !== wanted, reload };
}
