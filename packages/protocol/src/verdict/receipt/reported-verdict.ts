import { equalBytes, fromHex, ProtocolError } from '../../base/bytes.ts';
import { type Check, fail, pass, skip } from '../../base/checks.ts';
import { hashRecord } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { CommonRequest } from '../../modality/modality.ts';
import type { Verdict } from '../../settlement/verdict-log.ts';
import { isPaidFor } from '../reply-fee.ts';

/** A verdict as its validator reports it. */
interface ReportedVerdict {
  /** Empty before the verdict. */
  readonly verdict: string;
  /** Hash of the record of the verdict; undefined without a record. */
  readonly recordHash: Uint8Array | undefined;
  readonly feeAtomic: bigint;
}

const AMOUNT = /^(?:0|[1-9][0-9]{0,38})$/;
const HASH = /^[0-9a-f]{64}$/;

/** Parses the `status` that a gateway adds to a receipt (docs/spec/receipt.md). @throws ProtocolError */
function parseStatus(status: unknown): ReportedVerdict {
  if (typeof status !== 'object' || status === null) throw new ProtocolError('malformed', 'status: expected an object');
  const { verdict, record_hash: hash, fee_atomic: fee } = status as Readonly<Record<string, unknown>>;
  if (typeof verdict !== 'string') throw new ProtocolError('malformed', 'status.verdict: expected a string');
  if (hash !== null && (typeof hash !== 'string' || !HASH.test(hash))) {
    throw new ProtocolError('malformed', 'status.record_hash: expected 64 hex digits or null');
  }
  if (fee !== null && (typeof fee !== 'string' || !AMOUNT.test(fee))) {
    throw new ProtocolError('malformed', 'status.fee_atomic: expected a decimal integer or null');
  }
  return { verdict, recordHash: hash === null ? undefined : fromHex(hash, 32), feeAtomic: BigInt(fee ?? 0) };
}

/**
 * Checks that the verdict is about the consumer's record, and that the fee is at most that of its tokens. A reply in doubt may
 * cost nothing, by the audit balance of its key. A provider could sign
 * one record for each reader.
 * @param held the consumer's record, with its fee if the opening is there.
 */
export function checkJudgedRecord(
  crypto: Crypto,
  status: unknown,
  held: {
    readonly record: Uint8Array;
    readonly feeAtomic: bigint | undefined;
    readonly request: Pick<CommonRequest, 'demands'>;
  },
): Check {
  const id = 'judged-record';
  let reported: ReportedVerdict;
  try {
    reported = parseStatus(status);
  } catch (error) {
    if (error instanceof ProtocolError) return fail(id, error.message);
    throw error;
  }
  const { verdict, recordHash, feeAtomic } = reported;
  if (verdict === '') return skip(id, 'no verdict on the reply is known yet');
  if (recordHash === undefined && feeAtomic === 0n) return pass(id, `${verdict}: nothing was judged, nothing is owed`);
  if (recordHash === undefined || !equalBytes(recordHash, hashRecord(crypto, held.record))) {
    return fail(id, `${verdict}: about another record than the one of this receipt`);
  }
  const owed = isPaidFor(verdict as Verdict, held.request) ? held.feeAtomic : 0n;
  if (owed !== undefined && feeAtomic > owed) return fail(id, `${verdict}: a fee of ${feeAtomic}, owed are ${owed}`);
  return pass(id, `${verdict}: about this record, for ${feeAtomic} atomic units`);
}
