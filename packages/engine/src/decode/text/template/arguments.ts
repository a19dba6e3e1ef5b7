import { type Arguments, failType, isNumber, nameType, Undefined, type Value } from './values.ts';

/**
 * Reads the arguments of a call by the names of its parameters, in their order.
 * @returns a value for each parameter; undefined for one that is not given.
 * @throws TemplateError if there are too many, or one is unknown.
 */
export function readArguments(
  { positional, named }: Arguments,
  what: string,
  parameters: readonly string[],
): readonly (Value | undefined)[] {
  if (positional.length > parameters.length)
    failType(`${what} takes at most ${parameters.length} arguments (${positional.length} given)`);
  for (const name of named.keys()) {
    const place = parameters.indexOf(name);
    if (place < 0) failType(`${what} got an unexpected keyword argument '${name}'`);
    if (place < positional.length) failType(`${what} got multiple values for argument '${name}'`);
  }
  return parameters.map((name, i) => (i < positional.length ? positional[i] : named.get(name)));
}

/** An argument that must be a text. */
export function toText(value: Value | undefined, what: string): string {
  if (typeof value === 'string') return value;
  if (value instanceof Undefined) return value.fail();
  return failType(`${what}: a str is required, not '${value === undefined ? 'nothing' : nameType(value)}'`);
}

/** An argument that must be a whole number within 2^31. */
export function toCount(value: Value | undefined, absent: number): number {
  if (value === undefined) return absent;
  if (value instanceof Undefined) return value.fail();
  if (!isNumber(value) || typeof value === 'number')
    return failType(`'${nameType(value)}' object cannot be interpreted as an integer`);
  const count = Number(value);
  return Math.abs(count) < 2 ** 31 ? count : failType('the number is too large');
}
