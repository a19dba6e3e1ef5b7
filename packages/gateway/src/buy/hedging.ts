import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { MAX_REQUEST_BYTES } from '@ogong/protocol/exchange/limits';
import type { StandbyPriceLimits, StandbyPrices } from './match/standby-prices.ts';
import type { OrderedPrompt } from './reply.ts';

export interface HedgingOptions extends Pick<StandbyPriceLimits, 'standbyPercent'> {
  /** Whether a request without a preference is hedged. */
  readonly isDefault: boolean;
  /** Largest share of hedgeable requests that is hedged: 0..1. */
  readonly share: number;
  /** Wait for the first token of a model with too few measurements. */
  readonly patienceMs: number;
}

/**
 * Orders from a second provider if the first is slower than nearly all others were (docs/spec/progress.md#standby-orders). Users
 * remember the slow tail. It is short, so few requests need a second order.
 */
export interface Hedging {
  /**
   * Prepares a prompt for its order. If it may be hedged, its body names the price of an untaken reply.
   * @param read parses a changed body.
   */
  prepare(
    prompt: OrderedPrompt,
    given: {
      readonly isChecked: boolean;
      /** Whether the caller names its provider. */
      readonly isNamed: boolean;
      readonly read: (body: Uint8Array) => OrderedPrompt['request'];
    },
  ): Promise<OrderedPrompt>;
  /** Begins a request that may be hedged. @returns the wait for its first token, ms. */
  begin(model: string): number;
  /** @returns whether one more request may be hedged now. */
  take(): boolean;
  /** Notes the time of a first token after its order, or the time until another provider's came first. */
  note(model: string, tookMs: number): void;
}

/** With a shorter wait, the second order is hardly sooner than the first answer. */
const LEAST_PATIENCE_MS = 25;
const LEAST_MEASURED = 20;
const MOST_MEASURED = 200;
const MAX_MODELS = 256;
/** Saved shares of requests that were not hedged. A burst of slow requests is hedged, a slow hour is not. */
const MOST_SAVED = 20;

export function createHedging(
  { isDefault, share, patienceMs }: HedgingOptions,
  { prices }: { readonly prices: StandbyPrices },
): Hedging {
  const times = new Map<string, number[]>();
  let saved = 1;

  return {
    async prepare(prompt, { isChecked, isNamed, read }) {
      const { body, request } = prompt;
      const { demands, preference, model } = request;
      if (isNamed || share === 0 || !(preference?.hedge ?? isDefault)) return prompt;
      if (demands.standbyPer1kAtomic !== undefined) return { ...prompt, isHedged: true };
      // A client that checks the answer gets its own body unchanged, so it names the price itself.
      const price = isChecked ? undefined : await prices.find(model);
      if (price === undefined) return prompt;
      const priced = nameStandby(body, price);
      // The network accepts a body of this size at most. Send the unpriced one instead.
      if (priced.length > MAX_REQUEST_BYTES) return prompt;
      return { body: priced, request: read(priced), isHedged: true, plain: prompt };
    },
    begin(model) {
      saved = Math.min(MOST_SAVED, saved + share);
      const known = times.get(model) ?? [];
      if (known.length < LEAST_MEASURED) return patienceMs;
      const sorted = [...known].sort((a, b) => a - b);
      return Math.max(LEAST_PATIENCE_MS, sorted[Math.ceil(0.95 * sorted.length) - 1] as number);
    },
    take() {
      if (saved < 1) return false;
      saved -= 1;
      return true;
    },
    note(model, tookMs) {
      const known = times.get(model) ?? [];
      known.push(tookMs);
      if (known.length > MOST_MEASURED) known.shift();
      times.delete(model);
      times.set(model, known);
      if (times.size > MAX_MODELS) times.delete(times.keys().next().value as string);
    },
  };
}

/** Adds the price to the body. If a key occurs twice, the last one counts (docs/spec/request.md). */
function nameStandby(body: Uint8Array, price: bigint): Uint8Array {
  const text = utf8Decode(body).trimEnd();
  const { ogong } = JSON.parse(text) as { readonly ogong?: object | null };
  const named = JSON.stringify({ ...ogong, standby: price.toString() });
  return utf8Encode(`${text.slice(0, -1)},"ogong":${named}}`);
}
