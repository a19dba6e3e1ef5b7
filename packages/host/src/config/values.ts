import { parseAmount } from '@ogong/protocol/base/amount';
import { z } from 'zod';

/** Reads the text of a flag, an environment variable or a default. */
export type ValueSchema<T> = z.ZodType<T, string>;

/**
 * @param expected completes the sentence "expected ...".
 * @param label name of the value in help, if its field has no better one.
 */
export function define<T>(expected: string, label: string, read: (text: string) => T | undefined): ValueSchema<T> {
  const schema = z.string().transform((text, context) => {
    const value = read(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: `expected ${expected}` });
    return z.NEVER;
  });
  return schema.meta({ label });
}

export const labelOf = (schema: z.ZodType): string => String(schema.meta()?.label ?? '<value>');

export const text = define('some text', '<text>', (value) => (value.length > 0 ? value : undefined));

const TRUTHS: Readonly<Record<string, boolean>> = {
  true: true,
  1: true,
  yes: true,
  on: true,
  false: false,
  0: false,
  no: false,
  off: false,
};
export const boolean = define('true or false', '<true|false>', (value) => TRUTHS[value.toLowerCase()]);

const describeRange = (min: number, max: number): string =>
  max === Number.MAX_SAFE_INTEGER || max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `from ${min} to ${max}`;

export function integer({ min = 0, max = Number.MAX_SAFE_INTEGER } = {}): ValueSchema<number> {
  return define(`a whole number ${describeRange(min, max)}`, '<n>', (value) => {
    const number = /^-?\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    return Number.isSafeInteger(number) && number >= min && number <= max ? number : undefined;
  });
}

export function decimal({ min = 0, max = Number.POSITIVE_INFINITY } = {}): ValueSchema<number> {
  return define(`a number ${describeRange(min, max)}`, '<x>', (value) => {
    const number = /^-?(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(value) ? Number(value) : Number.NaN;
    return number >= min && number <= max ? number : undefined;
  });
}

const U64_MAX = 2n ** 64n - 1n;

/** Ends the description of a setting with an amount. */
export const amountForm = 'in tokens with a point or a unit (0.001), in atomic units as a bare whole number';

const AMOUNT = 'an amount, such as 0.001, "1 OGONG" or "1000 atomic" (a whole number without a unit: atomic units)';

/**
 * Amount of a daemon's setting. A point or a unit means tokens; a whole number without a unit counts atomic units, as in earlier
 * settings (docs/money.md).
 */
const createAmount = (most: bigint, limit: string) =>
  define(`${AMOUNT}, at most ${limit}`, '<amount>', (value) => {
    const amount = parseAmount(value, { bare: 'atomic' });
    return amount !== undefined && amount <= most ? amount : undefined;
  });

/** A u64 of atomic units, as orders name prices. */
export const atomicAmount = createAmount(U64_MAX, '18.44 tokens');

/** As many atomic units as an escrow holds. */
export const escrowAmount = createAmount(10n ** 38n - 1n, '10^20 tokens');

/** The same for one that may be taken back. */
export const signedAmount = define(`${AMOUNT}, with - before it to take back`, '<amount>', (value) => {
  const amount = escrowAmount.safeParse(value.replace(/^-/, ''));
  if (!amount.success) return undefined;
  return value.startsWith('-') ? -amount.data : amount.data;
});

/** Whole tokens. */
export const wholeTokens = define('a whole number of tokens, at most 2^64 - 1', '<tokens>', (value) => {
  const tokens = /^\d{1,20}$/.test(value) ? BigInt(value) : undefined;
  return tokens !== undefined && tokens <= U64_MAX ? tokens : undefined;
});

export function oneOf<const T extends string>(choices: readonly T[]): ValueSchema<T> {
  return define(`one of ${choices.join(', ')}`, `<${choices.join('|')}>`, (value) =>
    choices.find((choice) => choice === value),
  );
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Port 0 asks for any free port, which only makes sense for a port that is bound. */
export const hostPort = define('host:port, such as 127.0.0.1:4544 or [::1]:4544', '<host:port>', readHostPort);

export function readHostPort(value: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9_.-]{1,253})):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An absolute http or https address, without a trailing slash, so that paths can be appended. */
export const httpUrl = define('an http:// or https:// address', '<url>', (value) => {
  const url = URL.parse(value);
  return url && /^https?:$/.test(url.protocol) ? url.href.replace(/\/+$/, '') : undefined;
});

const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** In ms. A bare number is refused: the unit of a flag is easily forgotten. */
export const duration = define('a duration, such as 500ms, 30s, 5m or 2h', '<duration>', (value) =>
  scale(value, DURATION_MS),
);

const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** In bytes. */
export const size = define('a size, such as 512KiB, 4MiB or 20GB', '<size>', (value) => scale(value, SIZE_BYTES));

function scale(value: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)\s?([A-Za-z]+)$/.exec(value);
  const unit = match ? units[match[2] as string] : undefined;
  if (!match || unit === undefined) return undefined;
  const result = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(result) ? result : undefined;
}

/** Lower-case hexadecimal, with or without 0x, of a given number of bytes. */
export function hex(sizeBytes: number): ValueSchema<string> {
  return define(`${sizeBytes * 2} hexadecimal digits`, '<hex>', (value) => {
    const digits = value.replace(/^0x/i, '').toLowerCase();
    return digits.length === sizeBytes * 2 && /^[0-9a-f]*$/.test(digits) ? digits : undefined;
  });
}
