import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { describeEnd, findEndProblem, parseEnd, type SignedEnd } from '@ogong/protocol/exchange/ending/order-end';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { readOrder } from '../outbox/read-order.ts';
import type { ProviderAttempt } from './reply.ts';

/** The provider's stream ended with a statement that it makes no record. The statement is not checked yet. */
export class EndedStream extends ApiError {
  readonly end: SignedEnd;
  /** The provider had begun its answer. */
  readonly hasBegun: boolean;

  constructor(end: SignedEnd, { hasBegun }: Pick<EndedStream, 'hasBegun'>) {
    super('provider_failed', 'The provider ended the stream without a record.');
    this.end = end;
    this.hasBegun = hasBegun;
  }
}

/** Returns whether the provider signed that it ended the order. */
export const isEnded = (error: unknown): boolean => error instanceof ApiError && error.code === 'provider_ended';

/**
 * Reads the error of a stream. A provider that signed the end of this order has answered, so nobody accuses it. Where no validator
 * admitted the order, that is a refusal, unless the answer has begun: nothing is computed before an admission. A false end is a failure
 * like any other.
 */
export function readEnded(ledger: LedgerDomain, { order }: Pick<ProviderAttempt, 'order'>, error: unknown): unknown {
  if (!(error instanceof EndedStream)) return error;
  const { end, hasBegun } = error;
  try {
    if (findEndProblem(crypto, end, readOrder(ledger, order)) !== undefined) return error;
    const { code } = parseEnd(end.end);
    const said = describeEnd(code);
    const apiCode = code === 'not-admitted' && !hasBegun ? 'order_not_admitted' : 'provider_ended';
    return new ApiError(apiCode, `${said[0]?.toUpperCase()}${said.slice(1)}.`, { cause: error });
  } catch (cause) {
    if (cause instanceof ProtocolError) return error;
    throw cause;
  }
}
