import { bytes, columns } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { isTextHeader } from '@ogong/protocol/modality/text/commitment/header';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { type ReplyRow, readReply, toClaim } from './reply-store.ts';

const workColumns = columns({ replyId: bytes, entry: bytes });

/** Whom work is for. */
export interface TimedSubject {
  readonly providerId: Uint8Array;
  readonly modelRoot: Uint8Array;
  /** Names under which an entry may have it as a verifier. */
  readonly verifierIds: readonly Uint8Array[];
}

/** A reply that may be scored again. */
export interface TimedReply {
  readonly row: ReplyRow;
  /** This verifier was asked in its audit: it may have kept its report. */
  readonly isKnown: boolean;
}

/**
 * The newest accepted texts of a model that somebody else served and whose request is still kept: their right reports are known.
 * @param limit how many are looked at; those of other models among them are left out.
 */
export function listTimedWork(
  store: Store,
  { providerId, modelRoot, verifierIds }: TimedSubject,
  limit: number,
): TimedReply[] {
  const sql = `SELECT log.reply_id, log.entry FROM log JOIN replies ON replies.reply_id = log.reply_id
    WHERE verdict = 'accept' AND request IS NOT NULL AND provider_id <> ? ORDER BY log.position DESC LIMIT ?`;
  return workColumns.all(store.prepare(sql), providerId, limit).flatMap(({ replyId, entry }) => {
    const { verifiers } = parseVerdictEntry(entry);
    const isKnown = verifiers.some((asked) => verifierIds.some((id) => equalBytes(id, asked.verifierId)));
    const row = readReply(store, replyId);
    if (row?.submission === undefined) return [];
    const { header, record } = toClaim(row);
    return isTextHeader(header) && equalBytes(record.modelRoot, modelRoot) ? [{ row, isKnown }] : [];
  });
}
