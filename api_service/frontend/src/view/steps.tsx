import { useState } from "preact/hooks";
import type { Tab } from "../state";
import type { Texts } from "../texts.ru";
import { EnterCode, LinkedDevices, OpenMenu, OpenSettings, ScanQr } from "./icons";

type Platform = "android" | "iphone";

const PLATFORMS: readonly Platform[] = ["android", "iphone"];

/** What to do on the telephone, in three pictures, for the kind of telephone at hand. */
export function Steps({ tab, texts }: { readonly tab: Tab; readonly texts: Texts }) {
  const [platform, choose] = useState(platformAtHand);
  const { steps } = texts;
  const last = tab === "qr" ? steps.scan : steps.enter;
  return (
    <section class="steps" aria-labelledby="steps-title">
      <div class="steps__head">
        <h2 id="steps-title" class="steps__title">
          {steps.title}
        </h2>
        <fieldset class="choice" aria-label={steps.platform}>
          {PLATFORMS.map((one) => (
            <button
              key={one}
              class="choice__item"
              type="button"
              aria-pressed={one === platform}
              onClick={() => choose(one)}
            >
              {steps.platforms[one]}
            </button>
          ))}
        </fieldset>
      </div>
      <ol class="steps__list">
        <Step
          {...steps.open[platform]}
          picture={platform === "android" ? <OpenMenu /> : <OpenSettings />}
        />
        <Step {...steps.devices} picture={<LinkedDevices inMenu={platform === "android"} />} />
        <Step {...last} picture={tab === "qr" ? <ScanQr /> : <EnterCode />} />
      </ol>
      {tab === "code" && <p class="steps__push">{steps.push}</p>}
    </section>
  );
}

/** On a computer nothing is known of the telephone: most salons' run Android. */
function platformAtHand(): Platform {
  return /iPhone|iPad|Macintosh/.test(navigator.userAgent) ? "iphone" : "android";
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
