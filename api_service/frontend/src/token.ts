// The onboarding token as the page sees it: a key for the server, and a title to greet with.

/**
 * The salon's title from the readable part of a JWT; null when there is none.
 *
 * The signature is the server's to check: nothing but this greeting may rest on what is read here.
 */
export function salonTitle(token: string): string | null {
  const payload = token.split(".")[1];
  if (payload === undefined) return null;
  try {
    const claims: unknown = JSON.parse(decodeBase64Url(payload));
    if (typeof claims !== "object" || claims === null) return null;
    const title = (claims as Record<string, unknown>).company_title;
    return typeof title === "string" && title.trim() !== "" ? title.trim().slice(0, 80) : null;
  } catch {
    return null;
  }
}

function decodeBase64Url(text: string): string {
  const bytes = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return new TextDecoder().decode(Uint8Array.from(bytes, (sign) => sign.charCodeAt(0)));
}
