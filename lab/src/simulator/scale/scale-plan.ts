import type { Plan } from '../plan.ts';
import { createDraws } from '../world/draws.ts';

/** How large a network is. */
export interface NetworkSize {
  readonly validators: number;
  readonly providers: number;
  readonly consumers: number;
}

/** Consumers that share a gateway, as clients with keys of their own. */
export const CONSUMERS_A_GATEWAY = 50;
const PROVIDERS_A_ROUTER = 500;
const REQUESTS_A_CONSUMER_A_MINUTE = 0.1;
/** Until the daemons know each other, and have made the key of the beacon. */
const WARM_MS = 30_000;
const EPOCHS_TO_KEY = 5;
const REST_MS = 30_000;

/** How long a run is, and how much is asked in it. */
export interface ScaleTimes {
  /** Begin of the time at rest, without requests. */
  readonly warmMs: number;
  /** Until then nobody asks. */
  readonly idleMs: number;
  readonly askedMs: number;
  readonly settlingMs: number;
  readonly mostRequests: number;
}

type SizeTimes = Omit<ScaleTimes, 'warmMs' | 'idleMs'>;

const USUAL: SizeTimes = {
  askedMs: 60_000,
  settlingMs: 60_000,
  mostRequests: Number.POSITIVE_INFINITY,
};
/** Short times that are enough for figures per reply. At rest each provider announces itself once in thirty seconds. */
const SHORT: SizeTimes = { askedMs: 10_000, settlingMs: 35_000, mostRequests: 60 };
const LARGE = 50;

export interface ScaleWish {
  readonly epochMs: number;
  /** For how long there are requests. Default: as the size has it. */
  readonly spanMs?: number | undefined;
}

/** From order to settlement, and some more. */
const EPOCHS_TO_SETTLE = 12;

/** A virtual minute of a network of a hundred validators takes minutes of one core: it is played for less. */
export function timesOf({ validators }: Pick<NetworkSize, 'validators'>, { epochMs, spanMs }: ScaleWish): ScaleTimes {
  const { settlingMs, ...times } = validators >= LARGE ? SHORT : USUAL;
  const warmMs = Math.max(WARM_MS, EPOCHS_TO_KEY * epochMs);
  const whole = {
    ...times,
    warmMs,
    idleMs: warmMs + REST_MS,
    settlingMs: epochMs > 5_000 ? EPOCHS_TO_SETTLE * epochMs : settlingMs,
  };
  return spanMs === undefined ? whole : { ...whole, askedMs: spanMs };
}

export function describeSize({ validators, providers, consumers }: NetworkSize): string {
  return `${validators}/${providers}/${consumers}`;
}

/** @throws RangeError */
export function parseSize(text: string): NetworkSize {
  const [validators = 0, providers = 0, consumers = 0, ...rest] = text.split('/').map(Number);
  const all = [validators, providers, consumers];
  if (rest.length > 0 || all.some((one) => !Number.isInteger(one) || one < 1)) {
    throw new RangeError(`a size is validators/providers/consumers, not ${text}`);
  }
  return { validators, providers, consumers };
}

/** A network without faults and liars: a while at rest, then a minute of requests, then a minute to settle. */
export function planScale(
  { validators, providers, consumers }: NetworkSize,
  { seed, ...wish }: ScaleWish & { readonly seed: number },
): Plan {
  const { epochMs } = wish;
  const { idleMs, askedMs, settlingMs, mostRequests } = timesOf({ validators }, wish);
  const draws = createDraws(seed);
  const gateways = Math.ceil(consumers / CONSUMERS_A_GATEWAY);
  const wanted = Math.round((consumers * REQUESTS_A_CONSUMER_A_MINUTE * askedMs) / 60_000);
  const count = Math.min(wanted, mostRequests);
  const requests = Array.from({ length: count }, () => ({
    atMs: Math.round(idleMs + draws.next('request at') * askedMs),
    gateway: Math.floor(draws.next('which gateway') * gateways),
  })).sort((a, b) => a.atMs - b.atMs);
  return {
    ...{ seed, validators, providers, gateways, routers: Math.ceil(providers / PROVIDERS_A_ROUTER), epochMs },
    ...{ faultyMs: idleMs + askedMs, healMs: settlingMs, requests, faults: [], liars: [], isProbed: false },
    // The default of a network.
    isThreshold: true,
  };
}
