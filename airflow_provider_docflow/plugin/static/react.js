// What Airflow's page lends to its plugins; nothing here is bundled or loaded from elsewhere.
const { React, ChakraUI, ReactRouterDOM } = globalThis;

export const h = React.createElement;
export const { Fragment, createContext, useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } = React;
export const { useSearchParams } = ReactRouterDOM;
export const RouterLink = ReactRouterDOM.Link;
export const C = ChakraUI;

// A link inside Airflow: `to` is a router address, so that a click changes the page and does not load it anew.
export function Inside({ to, children, ...rest }) {
  return h(C.Link, { asChild: true, color: "fg.info", ...rest }, h(RouterLink, { to }, children));
}

// A link out of Airflow. Only a page that a browser may open safely becomes one.
export function Outside({ href, children, ...rest }) {
  if (!/^https?:\/\//i.test(href || "")) return null;
  return h(C.Link, { href, target: "_blank", rel: "noopener noreferrer", color: "fg.info", ...rest }, children);
}
