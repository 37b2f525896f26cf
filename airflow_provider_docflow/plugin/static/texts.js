// The words of the page, in the language that the reader has chosen for Airflow, or here.
import { createContext, useContext, useEffect, useMemo, useState } from "./react.js";
import { call } from "./api.js";

// Shown only when the catalogue itself cannot be had.
const LAST_RESORT = {
  en: {
    "page.error.401": "You are not logged in, or your login has expired.",
    "page.error.403": "You are not allowed to see this.",
    "page.error.unreachable": "Airflow does not answer.",
    "page.error.503": "The ledger cannot be reached.",
    "page.error.other": "This could not be done (HTTP {status}).",
    "page.log_in": "Log in",
    "page.again": "Try again",
  },
  zh: {
    "page.error.401": "您尚未登录，或登录已过期。",
    "page.error.403": "您没有权限查看。",
    "page.error.unreachable": "Airflow 没有响应。",
    "page.error.503": "无法访问台账。",
    "page.error.other": "操作未成功（HTTP {status}）。",
    "page.log_in": "登录",
    "page.again": "重试",
  },
};

const OWN = "docflow.language";
const loaded = {};

export function languageOf(name) {
  return /^zh\b/i.test(name || "") ? "zh" : "en";
}

function airflowLanguage() {
  return localStorage.getItem("i18nextLng") || document.documentElement.lang || navigator.language;
}

function useLanguage() {
  const [language, setLanguage] = useState(() => languageOf(localStorage.getItem(OWN) || airflowLanguage()));
  useEffect(() => {
    // Airflow names its language on the root element when somebody changes it; that choice is the later one.
    let before = airflowLanguage();
    const follow = new MutationObserver(() => {
      if (document.documentElement.lang === before) return;
      before = document.documentElement.lang;
      localStorage.removeItem(OWN);
      setLanguage(languageOf(before));
    });
    follow.observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
    return () => follow.disconnect();
  }, []);
  const choose = (name) => {
    localStorage.setItem(OWN, name);
    setLanguage(name);
  };
  return [language, choose];
}

function useCatalogue(language) {
  const [state, setState] = useState({ language: null, catalogue: null, error: null });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let wanted = true;
    const known = loaded[language];
    const texts = known ? Promise.resolve(known) : call("GET", "texts", { query: { lang: language } });
    texts.then(
      (catalogue) => {
        loaded[language] = catalogue;
        if (wanted) setState({ language, catalogue, error: null });
      },
      (error) => wanted && setState({ language, catalogue: LAST_RESORT[language], error }),
    );
    return () => {
      wanted = false;
    };
  }, [language, round]);
  return { ...state, again: () => setRound((now) => now + 1) };
}

function zone() {
  try {
    const chosen = JSON.parse(localStorage.getItem("timezone") || "null");
    if (!chosen || chosen === "local") return undefined;
    new Intl.DateTimeFormat("en", { timeZone: chosen });
    return chosen;
  } catch {
    return undefined;
  }
}

function formats(language) {
  const locale = language === "zh" ? "zh-CN" : "en-GB";
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone() };
  const day = { year: "numeric", month: "short", day: "numeric", timeZone: zone() };
  return {
    instant: new Intl.DateTimeFormat(locale, { ...day, ...time }),
    day: new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", timeZone: zone() }),
    time: new Intl.DateTimeFormat(locale, time),
  };
}

const Context = createContext(null);

// Gives everything below `t` (a text by its code), `has`, and instants in words.
export function useTexts() {
  return useContext(Context);
}

export function useTextsProvider() {
  const [language, choose] = useLanguage();
  const { catalogue, error, again } = useCatalogue(language);
  const value = useMemo(() => {
    const words = catalogue || {};
    const { instant, day, time } = formats(language);
    const t = (code, names = {}) =>
      (words[code] ?? code).replace(/\{(\w+)\}/g, (whole, name) => String(names[name] ?? whole));
    const said = (format) => (at) => (at ? format.format(new Date(at)) : "");
    return {
      t,
      has: (code) => code in words,
      // A word of an open list, such as a role that somebody configured: its text, or itself.
      word: (kind, name) => words[`${kind}.${name}`] ?? name ?? "",
      instant: said(instant),
      day: said(day),
      time: said(time),
      language,
      choose,
    };
  }, [catalogue, language]);
  return { value, ready: catalogue !== null, error, again, Provider: Context.Provider };
}
