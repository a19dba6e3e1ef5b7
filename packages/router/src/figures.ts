import {
  MAX_LATENCY_MS,
  MAX_MILLI_TOKENS_PER_SECOND,
  type MeasuredFigures,
  NO_FIGURES,
} from '@ogong/protocol/exchange/preference';
import { nameOffer, type OfferKey } from './outstanding.ts';

/** One whole reply, by the clock of its caller. */
export interface MeasuredReply {
  readonly outputTokens: number;
  readonly durationMs: number;
  /** 0: not measured. */
  readonly firstTokenMs: number;
}

/** Figures of providers, as their callers reported them (docs/spec/match.md#figures). */
export interface Figures {
  /** @param group group of the reporting address, see Outstanding. */
  observe(offer: OfferKey, group: string, reply: MeasuredReply, nowMs: number): void;
  of(offer: OfferKey, nowMs: number): MeasuredFigures;
}

interface Said {
  readonly latencyMs: number;
  readonly milliTokensPerSecond: number;
  readonly atMs: number;
}

/** Weight of the newest observation of one address. */
const SMOOTHING = 0.2;
const FORGET_MS = 3_600_000;
const MAX_OFFERS = 16_384;
const MAX_GROUPS = 64;

/**
 * Keeps a moving average for each reporting address, and takes their median; of two middle ones the worse. So a minority of a
 * provider's callers makes it neither fast nor slow.
 */
export function createFigures(): Figures {
  const byOffer = new Map<string, Map<string, Said>>();

  return {
    observe(offer, group, reply, nowMs) {
      const measured = measure(reply);
      if (measured === undefined) return;
      const name = nameOffer(offer);
      const groups = byOffer.get(name) ?? new Map<string, Said>();
      const before = groups.get(group);
      // The newest report goes last.
      groups.delete(group);
      byOffer.delete(name);
      groups.set(group, { ...smooth(isFresh(before, nowMs) ? before : undefined, measured), atMs: nowMs });
      byOffer.set(name, groups);
      if (groups.size > MAX_GROUPS) groups.delete(groups.keys().next().value as string);
      if (byOffer.size > MAX_OFFERS) byOffer.delete(byOffer.keys().next().value as string);
    },
    of(offer, nowMs) {
      const said = [...(byOffer.get(nameOffer(offer))?.values() ?? [])].filter((one) => isFresh(one, nowMs));
      if (said.length === 0) return NO_FIGURES;
      return {
        latencyMs: takeWorse(
          said.map(({ latencyMs }) => latencyMs).filter((value) => value > 0),
          'high',
        ),
        milliTokensPerSecond: takeWorse(
          said.map(({ milliTokensPerSecond }) => milliTokensPerSecond).filter((value) => value > 0),
          'low',
        ),
      };
    },
  };
}

const isFresh = (said: Said | undefined, nowMs: number): boolean => said !== undefined && nowMs - said.atMs < FORGET_MS;

type Measured = Omit<Said, 'atMs'>;

/** Undefined without a measurement. */
function measure({ outputTokens, durationMs, firstTokenMs }: MeasuredReply): Measured | undefined {
  const rate = durationMs === 0 ? 0 : (outputTokens * 1_000_000) / durationMs;
  const latencyMs = Math.min(firstTokenMs, MAX_LATENCY_MS);
  const milliTokensPerSecond = Math.min(Math.floor(rate), MAX_MILLI_TOKENS_PER_SECOND);
  return latencyMs === 0 && milliTokensPerSecond === 0 ? undefined : { latencyMs, milliTokensPerSecond };
}

function smooth(before: Said | undefined, now: Measured): Measured {
  const mix = (old: number, next: number): number =>
    old === 0 ? next : next === 0 ? old : old + SMOOTHING * (next - old);
  if (before === undefined) return now;
  return {
    latencyMs: mix(before.latencyMs, now.latencyMs),
    milliTokensPerSecond: mix(before.milliTokensPerSecond, now.milliTokensPerSecond),
  };
}

/** Returns the middle value as a whole number, at least 1; 0 for an empty list. */
function takeWorse(values: readonly number[], worse: 'high' | 'low'): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = worse === 'high' ? Math.floor(sorted.length / 2) : Math.floor((sorted.length - 1) / 2);
  return Math.max(1, Math.round(sorted[middle] as number));
}
