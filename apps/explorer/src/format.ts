const UNIT = 10n ** 18n;

/** The least amount that is written with digits: a billionth of a token. */
const LEAST = UNIT / 10n ** 9n;

/**
 * Formats an amount of atomic units for a person, with four digits behind the point. An amount below 1 has two digits that matter, and
 * at most nine in all. It is never rounded up. A page shows the exact units beside it.
 */
export function formatAmount(atomic: bigint): string {
  // An amount that was taken back.
  if (atomic < 0n) return `-${formatAmount(-atomic)}`;
  if (atomic > 0n && atomic < LEAST) return '<0.000000001';
  const whole = atomic / UNIT;
  const rest = atomic % UNIT;
  const grouped = whole.toLocaleString('en');
  if (rest === 0n) return grouped;
  const digits = rest.toString().padStart(18, '0');
  const kept = digits.slice(0, whole === 0n ? Math.min(9, Math.max(6, digits.search(/[1-9]/) + 2)) : 4);
  const tail = kept.replace(/0+$/, '');
  return tail === '' ? grouped : `${grouped}.${tail}`;
}

/** Parses a person's input: whole tokens, with at most 18 digits behind the point. @throws Error that explains the format. */
export function parseAmount(text: string): bigint {
  const [, sign, whole = '', rest = ''] = /^(-?)([0-9]{1,20})(?:\.([0-9]{1,18}))?$/.exec(text.trim()) ?? [];
  if (whole === '') throw new Error(`${text.slice(0, 40)} is no amount: write OGONG, as 12.5`);
  const atomic = BigInt(whole) * UNIT + BigInt(rest.padEnd(18, '0'));
  return sign === '-' ? -atomic : atomic;
}

/** At most two digits behind the point. */
export const formatPpm = (ppm: number): string => `${+(ppm / 10_000).toFixed(2)} %`;

export const shorten = (hex: string): string => (hex.length <= 18 ? hex : `${hex.slice(0, 10)}…${hex.slice(-6)}`);

export function formatAge(thenMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - thenMs) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} days ago`;
}

export const formatTime = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').slice(0, 19);

export const plural = (count: number | bigint, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en')} ${BigInt(count) === 1n ? one : many}`;

/** The text that a person reads; undefined if the bytes are no text, such as vectors. */
export function readText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const SIZES = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** At most one digit behind the point. */
export function formatBytes(sizeBytes: number): string {
  const step = Math.min(SIZES.length - 1, Math.floor(Math.log2(Math.max(1, sizeBytes)) / 10));
  return `${+(sizeBytes / 1024 ** step).toFixed(1)} ${SIZES[step]}`;
}
