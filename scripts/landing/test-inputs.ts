import type { TestInputs } from './input-guard.ts';
import { pathOfInput } from './inputs.ts';

/**
 * Returns the text that the guard of inputs reads.
 * @param tests inputs by test file.
 */
export function formatTestInputs(
  root: string,
  tracked: readonly string[],
  tests: ReadonlyMap<string, readonly string[]>,
): string {
  const places = new Map(tracked.map((path, place) => [path, place]));
  const encode = (inputs: readonly string[]): string => {
    const bits = Buffer.alloc(Math.ceil(tracked.length / 8));
    for (const input of inputs) {
      const place = places.get(pathOfInput(input));
      if (place !== undefined) bits[place >> 3] = (bits[place >> 3] as number) | (1 << (place & 7));
    }
    return bits.toString('base64');
  };
  const rows = Object.fromEntries([...tests].map(([test, inputs]) => [test, encode(inputs)]));
  return JSON.stringify({ root, files: tracked, tests: rows } satisfies TestInputs);
}
