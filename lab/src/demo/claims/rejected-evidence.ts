import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { isRequest } from '@ogong/protocol/modality/request-hash';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { ServedEvidence } from '../../attackers/served-evidence.ts';
import type { RunRecord } from '../run-record.ts';
import { cheatOf, entriesOf } from './finding.ts';

/** A rejected reply of the cheat, and the request that it answered. */
export interface RejectedEvidence {
  readonly evidence: ServedEvidence;
  /** Exact body. */
  readonly request: Uint8Array;
}

/**
 * The first reply of the cheat that was rejected for what it says. It may answer a request of the demo, or one that a validator bought
 * unannounced: the demo knows only the former, the cheat both.
 * @param readRequest the body that the cheat was given with a reply.
 */
export function findRejected(
  run: Pick<RunRecord, 'crypto' | 'cheat' | 'members' | 'logs'>,
  kept: readonly ServedEvidence[],
  readRequest: (replyId: Uint8Array) => Uint8Array | undefined,
): RejectedEvidence | undefined {
  const providerId = cheatOf(run)?.providerId;
  const rejected = new Set(
    entriesOf(run).flatMap((entry) =>
      toHex(entry.providerId) === providerId && isRejectedForContent(run, entry) ? [toHex(entry.replyId)] : [],
    ),
  );
  for (const evidence of kept) {
    if (!rejected.has(evidence.replyId)) continue;
    const request = readRequest(fromHex(evidence.replyId));
    if (request === undefined) continue;
    const { endpoint } = parseHeader(parseOpening(evidence.opening).header);
    if (isRequest(run.crypto, parseRecordV2(evidence.record), { endpoint, body: request })) {
      return { evidence, request };
    }
  }
  return undefined;
}

/** An opening that came too late on a busy machine is rejected as withheld: that says nothing about what is in it. */
const isRejectedForContent = (
  { cheat }: Pick<RunRecord, 'cheat'>,
  { verdict, evidence, verifiers }: VerdictEntry,
): boolean => verdict === 'reject' && (cheat === 'prefill' ? evidence === 'exact' : verifiers.length > 0);
