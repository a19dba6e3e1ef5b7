import type { Crypto } from '../crypto/crypto.ts';
import { findEndProblem, parseEnd, type SignedEnd } from '../exchange/ending/order-end.ts';
import { CLOCK_TOLERANCE_MS } from '../exchange/limits.ts';
import type { NamedOrder } from '../exchange/order.ts';
import type { VerdictEntry } from '../settlement/verdict-log.ts';
import { demand } from './verdict-anchors.ts';

/**
 * Asserts that the order's provider ended it, before the entry. No witness is needed: the provider signed that it makes no record.
 * @throws VerdictError, ProtocolError
 */
export function assertEnded(
  crypto: Crypto,
  { index, verdict, timeMs }: Pick<VerdictEntry, 'index' | 'verdict' | 'timeMs'>,
  order: Pick<NamedOrder, 'providerId' | 'orderHash'>,
  end: SignedEnd,
): void {
  const at = `entry ${index}`;
  demand(verdict === 'unjudged', `${at}: an order that its provider ended is unjudged, not ${verdict}`);
  demand(parseEnd(end.end).timeMs <= timeMs + CLOCK_TOLERANCE_MS, `${at} is older than the end that it rests on`);
  const problem = findEndProblem(crypto, end, order);
  demand(problem === undefined, `${at}: ${problem}`);
}
