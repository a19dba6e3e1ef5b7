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
 * Finds the first reply of the cheat that was rejected for its content. The request is from the demo, or from a validator's unannounced test.
 * The demo knows only its own requests, the cheat knows both.
 * @param readRequest reads the body that the cheat received for a reply.
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

/** A late opening is rejected as withheld, which says nothing about its content. */
const isRejectedForContent = (
  { cheat }: Pick<RunRecord, 'cheat'>,
  { verdict, evidence, verifiers }: VerdictEntry,
): boolean => verdict === 'reject' && (cheat === 'prefill' ? evidence === 'exact' : verifiers.length > 0);
