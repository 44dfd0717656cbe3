import type { Tab } from "../state";
import type { Texts } from "../texts.ru";
import { EnterCode, LinkedDevices, OpenWhatsApp, ScanQr } from "./icons";

/** What to do on the telephone, in three pictures. */
export function Steps({ tab, texts }: { readonly tab: Tab; readonly texts: Texts }) {
  const { steps } = texts;
  const last = tab === "qr" ? steps.scan : steps.enter;
  return (
    <section class="steps" aria-labelledby="steps-title">
      <h2 id="steps-title" class="steps__title">
        {steps.title}
      </h2>
      <ol class="steps__list">
        <Step {...steps.open} picture={<OpenWhatsApp />} />
        <Step {...steps.devices} picture={<LinkedDevices />} />
        <Step {...last} picture={tab === "qr" ? <ScanQr /> : <EnterCode />} />
      </ol>
    </section>
  );
}

interface StepProps {
  readonly title: string;
  readonly hint: string;
  readonly picture: preact.JSX.Element;
}

function Step({ title, hint, picture }: StepProps) {
  return (
    <li class="step">
      {picture}
      <div class="step__text">
        <strong>{title}</strong>
        <span>{hint}</span>
      </div>
    </li>
  );
}
