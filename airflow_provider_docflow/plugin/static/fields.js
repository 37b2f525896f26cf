// Labelled inputs that keep their value in the page's address.
import { C, h, useEffect, useState } from "./react.js";
import { useTexts } from "./texts.js";

export function Choice({ label, value, options, onChange, any, width = "10rem" }) {
  const { t } = useTexts();
  return h(
    C.Field.Root,
    { width: "auto" },
    h(C.Field.Label, { fontSize: "xs", color: "fg.muted" }, label),
    h(
      C.NativeSelect.Root,
      { size: "sm", width },
      h(
        C.NativeSelect.Field,
        { value, onChange: (event) => onChange(event.target.value) },
        h("option", { value: "" }, any || t("page.any")),
        options.map(([name, text]) => h("option", { key: name, value: name }, text)),
      ),
      h(C.NativeSelect.Indicator),
    ),
  );
}

// A text is looked for when the reader says so, by Enter or on leaving the field, not at every letter.
export function Words({ label, value, onChange, width = "10rem", ...rest }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const say = () => typed !== value && onChange(typed.trim());
  return h(
    C.Field.Root,
    { width: "auto" },
    h(C.Field.Label, { fontSize: "xs", color: "fg.muted" }, label),
    h(C.Input, {
      size: "sm",
      width,
      value: typed,
      onChange: (event) => setTyped(event.target.value),
      onBlur: say,
      onKeyDown: (event) => event.key === "Enter" && say(),
      ...rest,
    }),
  );
}
