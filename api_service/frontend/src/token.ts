// The onboarding token as the page sees it: a key for the server, and a few words to greet with.

export interface TokenWords {
  readonly title: string | null;
  /** Milliseconds on the server's clock. */
  readonly endsAt: number | null;
  /** Tells the salons of one browser apart. */
  readonly salon: string | null;
}

const NOTHING: TokenWords = { title: null, endsAt: null, salon: null };

/**
 * What the readable part of a JWT says.
 *
 * The signature is the server's to check: nothing but words on this page may rest on what is read.
 */
export function readToken(token: string): TokenWords {
  const payload = token.split(".")[1];
  if (payload === undefined) return NOTHING;
  try {
    const claims: unknown = JSON.parse(decodeBase64Url(payload));
    if (typeof claims !== "object" || claims === null) return NOTHING;
    const { company_title, exp, salon_id } = claims as Record<string, unknown>;
    const title = typeof company_title === "string" ? company_title.trim().slice(0, 80) : "";
    return {
      title: title === "" ? null : title,
      endsAt: typeof exp === "number" && Number.isFinite(exp) ? exp * 1000 : null,
      salon: typeof salon_id === "number" ? String(salon_id) : null,
    };
  } catch {
    return NOTHING;
  }
}

function decodeBase64Url(text: string): string {
  const bytes = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return new TextDecoder().decode(Uint8Array.from(bytes, (sign) => sign.charCodeAt(0)));
}
