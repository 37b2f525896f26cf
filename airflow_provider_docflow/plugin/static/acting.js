// What people may do: each action asks for a reason, is sent once, and says what came of it.
import { C, Fragment, h, useRef, useState } from "./react.js";
import { call } from "./api.js";
import { Failure } from "./parts.js";
import { useTexts } from "./texts.js";

const LONGEST = 2000;

// `fixed` goes with the request as it is; `ask` names what is asked for beside the reason.
export function Act({ verb, path, done, fixed = {}, ask = [], main = false, size = "sm" }) {
  const { t } = useTexts();
  const [open, setOpen] = useState(false);
  const close = (text) => {
    setOpen(false);
    if (text) done(text);
  };
  return h(
    Fragment,
    null,
    h(C.Button, { size, variant: main ? "solid" : "outline", colorPalette: main ? "brand" : undefined, onClick: () => setOpen(true) }, t(`page.act.${verb}`)),
    h(
      C.Dialog.Root,
      { open, onOpenChange: (event) => setOpen(event.open), role: "dialog" },
      h(C.Portal, null, h(C.Dialog.Backdrop), h(C.Dialog.Positioner, null, open && h(Form, { verb, path, fixed, ask, close }))),
    ),
  );
}

function Form({ verb, path, fixed, ask, close }) {
  const { t } = useTexts();
  const [reason, setReason] = useState("");
  const [given, setGiven] = useState(Object.fromEntries(ask.map((one) => [one.name, one.value || ""])));
  const [state, setState] = useState({ sending: false, error: null });
  // A second click is quicker than the state of the page.
  const sent = useRef(false);
  const complete = reason.trim() !== "" && ask.every((one) => !one.required || given[one.name].trim() !== "");
  const send = async (event) => {
    event.preventDefault();
    if (!complete || sent.current) return;
    sent.current = true;
    setState({ sending: true, error: null });
    try {
      const said = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value.trim()]));
      await call("POST", path, { body: { ...fixed, ...said, reason: reason.trim() } });
      close(t(`page.done.${verb}`));
    } catch (error) {
      sent.current = false;
      setState({ sending: false, error });
    }
  };
  return h(
    C.Dialog.Content,
    { as: "form", onSubmit: send },
    h(C.Dialog.Header, null, h(C.Dialog.Title, null, t(`page.act.${verb}`))),
    h(
      C.Dialog.Body,
      null,
      h(C.Text, { mb: 3, color: "fg.muted", fontSize: "sm" }, t(`page.act.${verb}.hint`)),
      ask.map((one) =>
        h(Asked, { key: one.name, one, value: given[one.name], onChange: (value) => setGiven({ ...given, [one.name]: value }) }),
      ),
      h(
        C.Field.Root,
        { required: true },
        h(C.Field.Label, null, t("page.reason"), h(C.Field.RequiredIndicator)),
        h(C.Textarea, { value: reason, rows: 4, maxLength: LONGEST, onChange: (event) => setReason(event.target.value) }),
        h(C.Field.HelperText, null, t("page.reason.hint")),
      ),
      state.error && h(Failure, { error: state.error }),
    ),
    h(
      C.Dialog.Footer,
      null,
      h(C.Button, { variant: "ghost", type: "button", onClick: () => close("") }, t("page.cancel")),
      h(C.Button, { type: "submit", colorPalette: "brand", disabled: !complete, loading: state.sending }, t(`page.act.${verb}`)),
    ),
  );
}

function Asked({ one, value, onChange }) {
  return h(
    C.Field.Root,
    { mb: 3, required: one.required },
    h(C.Field.Label, null, one.label, one.required && h(C.Field.RequiredIndicator)),
    h(C.Input, { value, maxLength: 255, onChange: (event) => onChange(event.target.value) }),
    h(C.Field.HelperText, null, one.hint),
  );
}
