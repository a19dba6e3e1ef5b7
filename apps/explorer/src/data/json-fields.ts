import { fromHex } from '@ogong/protocol/base/bytes';

/** Members of an answer that nobody has checked. */
export type AnswerFields = Readonly<Record<string, unknown>>;

export function asFields(value: unknown): AnswerFields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('expected an object');
  return value as AnswerFields;
}

export function asList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError('expected a list');
  return value;
}

export function asText(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('expected a text');
  return value;
}

export function asBytes(value: unknown): Uint8Array {
  const text = asText(value);
  if (!text.startsWith('0x')) throw new TypeError('expected 0x and hexadecimal digits');
  return fromHex(text.slice(2));
}

export function asBigInt(value: unknown): bigint {
  const text = asText(value);
  if (!/^[0-9]{1,39}$/.test(text)) throw new TypeError('expected a whole number');
  return BigInt(text);
}

export function asCount(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new TypeError('expected a count');
  return value as number;
}

export const orNothing = <T>(value: unknown, read: (value: unknown) => T): T | undefined =>
  value === null || value === undefined ? undefined : read(value);
