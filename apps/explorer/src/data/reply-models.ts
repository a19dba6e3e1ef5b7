import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { hashRecord, parseRecordV2 } from '@ogong/protocol/commitment/record';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { type PublicApi, ReadError } from './api.ts';
import { type LoggedReply, UNKNOWN_ROOT } from './standing.ts';

/** A record has about ten kilobytes with its signatures. Limits of records for a page, in all and at once. */
const [MOST, AT_ONCE] = [100, 4];

/**
 * A log names no model. Its entries have hashes of records, and a record names the weights. So a reader of the record knows them without
 * trust. A gateway with keys shows records to the key that ordered them.
 * @param show called with the roots found so far. @returns why no more were read; undefined if all of the newest were read.
 */
export async function readReplyModels(
  api: Pick<PublicApi, 'record'>,
  replies: readonly LoggedReply[],
  { known, show, signal }: { known: Map<string, string>; show: () => void; signal: AbortSignal },
): Promise<string | undefined> {
  const open = replies.slice(0, MOST).filter(({ id }) => !known.has(id));
  for (let at = 0; at < open.length && !signal.aborted; at += AT_ONCE) {
    try {
      await Promise.all(
        open.slice(at, at + AT_ONCE).map(async ({ id, entry }) => {
          known.set(id, await readRoot(api, id, entry.recordHash));
        }),
      );
    } catch (error) {
      if (!(error instanceof ReadError)) throw error;
      return error.message;
    } finally {
      show();
    }
  }
  return undefined;
}

/** @returns UNKNOWN_ROOT if another gateway ordered it, or the record is not the judged one. */
async function readRoot(api: Pick<PublicApi, 'record'>, id: string, recordHash: Uint8Array): Promise<string> {
  try {
    const record = await api.record(id);
    return equalBytes(hashRecord(crypto, record), recordHash) ? toHex(parseRecordV2(record).modelRoot) : UNKNOWN_ROOT;
  } catch (error) {
    if (error instanceof ReadError && error.status !== 404 && error.status !== 200) throw error;
    return UNKNOWN_ROOT;
  }
}
