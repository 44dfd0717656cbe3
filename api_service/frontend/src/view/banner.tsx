import { formatCountdown } from "../clock";
import type { Banner } from "../screen";
import { problemWords } from "../words";
import type { ViewProps } from "./app";
import { Spinner } from "./icons";

export function BannerView({ banner, state, texts, dispatch }: ViewProps & { banner: Banner }) {
  if (banner.kind === "lost" || banner.kind === "refreshing") {
    return (
      <div class="banner">
        <Spinner />
        <p>{texts.banner[banner.kind]}</p>
      </div>
    );
  }
  const { message, nextStep } = problemWords(banner.refusal, texts);
  const left = banner.retryAt === null ? 0 : banner.retryAt - state.now;
  return (
    <div class="banner">
      <p>
        <strong>{message}</strong>{" "}
        {left > 0 ? texts.banner.retryIn(formatCountdown(left)) : nextStep}
      </p>
      <button
        class="button button--quiet"
        type="button"
        onClick={() => dispatch({ type: "reconnect-asked" })}
      >
        {texts.banner.retry}
      </button>
    </div>
  );
}
