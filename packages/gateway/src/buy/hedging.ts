import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { MAX_REQUEST_BYTES } from '@ogong/protocol/exchange/limits';
import type { StandbyPriceLimits, StandbyPrices } from './match/standby-prices.ts';
import type { OrderedPrompt } from './reply.ts';

export interface HedgingOptions extends Pick<StandbyPriceLimits, 'standbyPercent'> {
  /** Whether a request is hedged that does not say. */
  readonly isDefault: boolean;
  /** Of the requests that may be hedged, how many are: 0..1. */
  readonly share: number;
  /** How long a first token is waited for, of a model of which too few were measured. */
  readonly patienceMs: number;
}

/**
 * Asks a second provider where the first is slower than nearly all others were (docs/spec/progress.md#standby-orders). The slow tail is what
 * users remember, and it is short: few requests need a second order.
 */
export interface Hedging {
  /**
   * A prompt as it is ordered: where it may be hedged its body names what a reply costs that is not taken.
   * @param read of a changed body.
   */
  prepare(
    prompt: OrderedPrompt,
    given: {
      readonly isChecked: boolean;
      /** Its caller names who is to answer. */
      readonly isNamed: boolean;
      readonly read: (body: Uint8Array) => OrderedPrompt['request'];
    },
  ): Promise<OrderedPrompt>;
  /** A request begins that may be hedged. @returns how long its first token is waited for, ms. */
  begin(model: string): number;
  /** @returns whether one more may be hedged now. */
  take(): boolean;
  /** A first token came so long after its order, or had not come by then when another provider's did. */
  note(model: string, tookMs: number): void;
}

/** Below it a second order is hardly sooner than the first answer. */
const LEAST_PATIENCE_MS = 25;
const LEAST_MEASURED = 20;
const MOST_MEASURED = 200;
const MAX_MODELS = 256;
/** What requests that were not hedged have left for others: a burst of slow ones is hedged, not a slow hour. */
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
      // Whoever checks the answer gets no other body than its own, and names the price itself.
      const price = isChecked ? undefined : await prices.find(model);
      if (price === undefined) return prompt;
      const priced = nameStandby(body, price);
      // The network takes it as its caller sent it, and no longer.
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

/** Of a key that stands twice the last counts (docs/spec/request.md). */
function nameStandby(body: Uint8Array, price: bigint): Uint8Array {
  const text = utf8Decode(body).trimEnd();
  const { ogong } = JSON.parse(text) as { readonly ogong?: object | null };
  const named = JSON.stringify({ ...ogong, standby: price.toString() });
  return utf8Encode(`${text.slice(0, -1)},"ogong":${named}}`);
}
