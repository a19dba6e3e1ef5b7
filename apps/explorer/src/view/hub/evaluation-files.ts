/**
 * Returns the addresses of an evaluation at the places of a version.
 * @param hash of the evaluation, `0x` and 64 hex digits.
 * @param places as a gateway lists them; those that a browser cannot open are left out.
 */
export const listEvaluationFiles = (hash: string, places: readonly string[]): readonly string[] =>
  places
    .filter((place) => URL.canParse(place) && /^https?:$/.test(new URL(place).protocol))
    .map((place) => new URL(`evaluations/${hash.replace(/^0x/, '')}`, place).href);
