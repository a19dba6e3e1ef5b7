import { EvidenceError } from './evidence-error.ts';

const MAX_BYTES = 1 << 20;

/**
 * The fields of a JSON object, at most 1 MiB in UTF-8. A field that nobody knows is refused: it might be a misspelt demand.
 * @param what begins each error, such as `a policy`. @throws EvidenceError
 */
export function readJsonFields(
  bytes: Uint8Array,
  what: string,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = bytes.length <= MAX_BYTES ? JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) : undefined;
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new EvidenceError(`${what} is a JSON object of at most 1 MiB`);
  const strange = Object.keys(value).find((name) => !known.includes(name));
  if (strange !== undefined) throw new EvidenceError(`${what} has no field ${JSON.stringify(strange.slice(0, 32))}`);
  return value as Readonly<Record<string, unknown>>;
}
