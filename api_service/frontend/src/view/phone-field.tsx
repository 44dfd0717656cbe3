import type { TargetedInputEvent } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { countryOf } from "../countries";
import { caretAfterMask, digitsOf, formatPhone, maskPhone, normalisePhone } from "../phone";
import type { ViewProps } from "./app";

export function PhoneField({ state, texts, dispatch }: ViewProps) {
  const field = useRef<HTMLInputElement>(null);
  const { phoneError } = state;
  // A refused number is there to be corrected; one that is merely left unfinished keeps the focus away.
  const refused = phoneError !== null && state.problems.code !== null;
  useEffect(() => {
    if (refused) field.current?.focus();
  }, [refused]);

  function onInput(event: TargetedInputEvent<HTMLInputElement>): void {
    const input = event.currentTarget;
    const caret = input.selectionStart ?? input.value.length;
    const digitsBefore = digitsOf(input.value.slice(0, caret)).length;
    const masked = maskPhone(input.value);
    input.value = masked;
    const place = caretAfterMask(masked, digitsBefore);
    input.setSelectionRange(place, place);
    dispatch({ type: "phone-typed", text: masked });
  }

  return (
    <div class="field">
      <label class="field__label" for="phone">
        {texts.code.label}
      </label>
      <input
        ref={field}
        id="phone"
        class="field__input"
        type="tel"
        inputMode="tel"
        autocomplete="tel"
        enterkeyhint="go"
        placeholder={texts.code.placeholder}
        value={state.phoneInput}
        aria-invalid={phoneError !== null}
        aria-describedby="phone-hint"
        onInput={onInput}
        onBlur={() => dispatch({ type: "phone-left" })}
      />
      <p
        id="phone-hint"
        class={phoneError === null ? "field__hint" : "field__hint field__hint--error"}
      >
        {hint({ state, texts })}
      </p>
    </div>
  );
}

function hint({ state, texts }: Pick<ViewProps, "state" | "texts">): string {
  if (state.phoneError !== null) {
    const text = texts.problems[state.phoneError];
    return `${text?.message}. ${text?.nextStep}`;
  }
  const phone = normalisePhone(state.phoneInput);
  if (phone === null) return texts.code.hint;
  const country = countryOf(phone);
  const name = country === null ? texts.code.unknownCountry : texts.countries[country.id];
  return texts.code.understood(name, formatPhone(phone));
}
