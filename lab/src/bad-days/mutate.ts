import { pick } from '@ogong/protocol/base/seeded-random';

/** A message as protobuf-es has it: plain fields, nested messages, lists. */
type Fields = Record<string, unknown>;

interface Leaf {
  readonly holder: Fields | unknown[];
  readonly key: string;
}

const MAX_GROWTH = 64 * 1024;

/**
 * Copies a message and damages one field: cut short, grown, one bit flipped, emptied, left out, or out of range.
 * @returns a description of the damage, and the copy.
 */
export function mutateMessage<T extends object>(
  message: T,
  random: () => number,
): { readonly what: string; readonly message: T } {
  const copy = structuredClone(message);
  const leaves = listLeaves(copy as Fields);
  const { holder, key } = pick(random, leaves);
  const fields = holder as Fields;
  const [how, value] = damage(fields[key], random);
  fields[key] = value;
  return { what: `${key}: ${how}`, message: copy };
}

function listLeaves(holder: Fields | unknown[]): Leaf[] {
  return Object.entries(holder).flatMap(([key, value]): Leaf[] => {
    if (key.startsWith('$') || value === undefined || typeof value === 'boolean') return [];
    const isNested = typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
    // A nested message is a target too, since it can be left out.
    return [{ holder, key }, ...(isNested ? listLeaves(value as Fields) : [])];
  });
}

function damage(value: unknown, random: () => number): [string, unknown] {
  if (value instanceof Uint8Array) return damageBytes(value, random);
  if (typeof value === 'bigint')
    return ['out of range', pick(random, [0n, 1n, value + 1n, (1n << 63n) - 1n, (1n << 64n) - 1n])];
  if (typeof value === 'number') return ['out of range', pick(random, [0, 1, value + 1, 2 ** 31, 2 ** 32 - 1])];
  if (typeof value === 'string') {
    return [
      'another text',
      pick(random, [
        '',
        `${value}x`,
        value.slice(0, -1),
        '\0',
        '../../etc/passwd',
        'é'.repeat(1 + Math.floor(random() * MAX_GROWTH)),
      ]),
    ];
  }
  if (Array.isArray(value)) {
    return random() < 0.5
      ? ['emptied', []]
      : ['repeated', Array.from({ length: 1 + Math.floor(random() * 300) }, () => value[0] ?? new Uint8Array(7))];
  }
  return ['left out', undefined];
}

/** One of: cut, grown, a bit flipped, emptied, noise of the same length, all ones. */
export function damageBytes(bytes: Uint8Array, random: () => number): [string, Uint8Array] {
  const noise = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(random() * 256));
  const at = Math.floor(random() * bytes.length);
  switch (Math.floor(random() * 6)) {
    case 0:
      return [`cut at ${at}`, bytes.slice(0, at)];
    case 1: {
      const tail = noise(1 + Math.floor(random() ** 4 * MAX_GROWTH));
      return [`grown by ${tail.length}`, Uint8Array.from([...bytes, ...tail])];
    }
    case 2: {
      const flipped = bytes.slice();
      if (flipped.length > 0) flipped[at] = (flipped[at] as number) ^ (1 << Math.floor(random() * 8));
      return [`one bit of byte ${at}`, flipped];
    }
    case 3:
      return ['emptied', new Uint8Array(0)];
    case 4:
      return ['noise', noise(bytes.length)];
    default:
      return ['all ones', bytes.slice().fill(255)];
  }
}
