import { formatTokens } from '../base/amount.ts';

/** Places of amounts in the sentences of checks, which count in atomic units. */
const AMOUNT =
  /\d+ atomic units|(?<=\b(?:fee|fee of|owed are|the order allows|the reply costs|to this provider at|stake(?: \d+ of)?) )\d+|\d+(?= of \d+ (?:votes|stake)\b)|(?<=\d of )\d+(?= (?:votes|stake)\b)/g;

/** Splits the sentence of a check into texts and amounts, so that its reader shows the amounts in tokens. */
export function splitAmounts(detail: string): readonly (string | bigint)[] {
  const parts: (string | bigint)[] = [];
  let end = 0;
  for (const { 0: found, index } of detail.matchAll(AMOUNT)) {
    parts.push(detail.slice(end, index), BigInt(found.replace(' atomic units', '')));
    end = index + found.length;
  }
  return [...parts, detail.slice(end)].filter((part) => part !== '');
}

/** Writes the amounts of a check's sentence in tokens. @param unit of the amounts */
export const writeAmounts = (detail: string, unit: string): string =>
  splitAmounts(detail)
    .map((part) => (typeof part === 'string' ? part : `${formatTokens(part)} ${unit}`))
    .join('');
