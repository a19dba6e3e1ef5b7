import { RequestError } from '@ogong/protocol/modality/shared/request-error';

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const PART = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)/gy;

/**
 * How long a model stays loaded after its last answer: seconds, or a text such as `5m` or `1h30m`; below zero for ever.
 * @returns ms; Infinity for ever.
 * @throws RequestError
 */
export function parseKeepAlive(value: unknown): number {
  const ms = typeof value === 'number' ? value * 1000 : typeof value === 'string' ? parseDuration(value) : Number.NaN;
  if (Number.isNaN(ms)) {
    const message = 'keep_alive must be a number of seconds or a duration such as "5m"; -1 keeps the model loaded';
    throw new RequestError(message, 'keep_alive');
  }
  return ms < 0 ? Number.POSITIVE_INFINITY : ms;
}

function parseDuration(text: string): number {
  if (text.length > 64) return Number.NaN;
  if (/^-?[0-9]+$/.test(text)) return Number(text) * 1000;
  const isNegative = text.startsWith('-');
  const bare = isNegative ? text.slice(1) : text;
  const parts = [...bare.matchAll(PART)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== bare) return Number.NaN;
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit as string] as number), 0);
  return isNegative ? -ms : ms;
}
