// Country calling codes that salons connected to YClients use, and how their numbers are grouped.
// Source: ITU-T E.164 assigned country codes; grouping as each country's operators print it.

export interface Country {
  /** Digits that a number of this country starts with; the longest match wins. */
  readonly prefix: string;
  /** How many of those digits are the calling code. */
  readonly callingCodeLength: number;
  readonly id: CountryId;
  /** "#" is a digit; null groups by three. */
  readonly pattern: string | null;
}

export type CountryId =
  | "russia"
  | "kazakhstan"
  | "belarus"
  | "ukraine"
  | "uzbekistan"
  | "kyrgyzstan"
  | "tajikistan"
  | "turkmenistan"
  | "armenia"
  | "azerbaijan"
  | "georgia"
  | "moldova"
  | "latvia"
  | "lithuania"
  | "estonia"
  | "israel"
  | "emirates"
  | "turkey"
  | "serbia"
  | "cyprus"
  | "germany"
  | "poland"
  | "thailand"
  | "northAmerica";

const SEVEN = "### ###-##-##";
const NINE = "## ###-##-##";

export const COUNTRIES: readonly Country[] = [
  { prefix: "76", callingCodeLength: 1, id: "kazakhstan", pattern: SEVEN },
  { prefix: "77", callingCodeLength: 1, id: "kazakhstan", pattern: SEVEN },
  { prefix: "7", callingCodeLength: 1, id: "russia", pattern: SEVEN },
  { prefix: "375", callingCodeLength: 3, id: "belarus", pattern: NINE },
  { prefix: "380", callingCodeLength: 3, id: "ukraine", pattern: NINE },
  { prefix: "998", callingCodeLength: 3, id: "uzbekistan", pattern: NINE },
  { prefix: "996", callingCodeLength: 3, id: "kyrgyzstan", pattern: "### ##-##-##" },
  { prefix: "992", callingCodeLength: 3, id: "tajikistan", pattern: NINE },
  { prefix: "993", callingCodeLength: 3, id: "turkmenistan", pattern: "## ##-##-##" },
  { prefix: "374", callingCodeLength: 3, id: "armenia", pattern: "## ##-##-##" },
  { prefix: "994", callingCodeLength: 3, id: "azerbaijan", pattern: NINE },
  { prefix: "995", callingCodeLength: 3, id: "georgia", pattern: "### ##-##-##" },
  { prefix: "373", callingCodeLength: 3, id: "moldova", pattern: "## ##-##-##" },
  { prefix: "371", callingCodeLength: 3, id: "latvia", pattern: null },
  { prefix: "370", callingCodeLength: 3, id: "lithuania", pattern: null },
  { prefix: "372", callingCodeLength: 3, id: "estonia", pattern: null },
  { prefix: "972", callingCodeLength: 3, id: "israel", pattern: NINE },
  { prefix: "971", callingCodeLength: 3, id: "emirates", pattern: NINE },
  { prefix: "90", callingCodeLength: 2, id: "turkey", pattern: "### ###-##-##" },
  { prefix: "381", callingCodeLength: 3, id: "serbia", pattern: null },
  { prefix: "357", callingCodeLength: 3, id: "cyprus", pattern: null },
  { prefix: "49", callingCodeLength: 2, id: "germany", pattern: null },
  { prefix: "48", callingCodeLength: 2, id: "poland", pattern: null },
  { prefix: "66", callingCodeLength: 2, id: "thailand", pattern: null },
  { prefix: "1", callingCodeLength: 1, id: "northAmerica", pattern: "### ###-####" },
];

const LONGEST_PREFIX_FIRST = [...COUNTRIES].sort((a, b) => b.prefix.length - a.prefix.length);

/** The country of full international digits; null when it is none of those above. */
export function countryOf(digits: string): Country | null {
  return LONGEST_PREFIX_FIRST.find(({ prefix }) => digits.startsWith(prefix)) ?? null;
}
