// What is good to know about this very tab, above everything else.

import { tokenEndsSoon } from "../screen";
import type { ViewProps } from "./app";
import { Remark } from "./notice";

export function Remarks({ state, texts, dispatch }: ViewProps) {
  const { page } = texts;
  return (
    <>
      {state.outdatedPage && (
        <Remark title={page.outdated} hint={page.outdatedHint}>
          <button class="link" type="button" onClick={() => dispatch({ type: "reload-asked" })}>
            {page.reload}
          </button>
        </Remark>
      )}
      {tokenEndsSoon(state) && <Remark title={page.endsSoon} hint={page.endsSoonHint} warns />}
      {state.otherTabs > 0 && <Remark title={page.otherTab} hint={page.otherTabHint} />}
    </>
  );
}
