import { ProtocolError } from '@ogong/protocol/base/bytes';

/** Creates readers of the fields of JSON values. @param part names the value in errors. */
export function createFieldReader(part: string) {
  const refuse = (reason: string): never => {
    throw new ProtocolError('malformed', `${part}: ${reason}`);
  };

  /** Reads an object that has no field but these. @throws ProtocolError */
  function readObject<const K extends string>(value: unknown, fields: readonly K[]): Partial<Record<K, unknown>> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('expected an object');
    const unknown = Object.keys(value).find((field) => !fields.some((known) => known === field));
    return unknown === undefined ? value : refuse(`the field ${JSON.stringify(unknown.slice(0, 64))} is unknown`);
  }

  /** Reads a text of 1 to maxLength UTF-16 units. @throws ProtocolError */
  function readText(value: unknown, field: string, maxLength: number): string {
    if (typeof value !== 'string' || !value.isWellFormed()) return refuse(`${field} is no text`);
    if (value.length < 1 || value.length > maxLength) return refuse(`${field} has 1 to ${maxLength} characters`);
    return value;
  }

  /** @throws ProtocolError */
  function readInteger(value: unknown, field: string, { min, max }: { readonly min: number; readonly max: number }) {
    return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? (value as number)
      : refuse(`${field} is no whole number from ${min} to ${max}`);
  }

  return { refuse, readObject, readText, readInteger };
}
