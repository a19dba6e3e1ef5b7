import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { hashRecord, parseRecordV2, type RecordV2 } from '@ogong/protocol/commitment/record';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { type PublicApi, ReadError } from './api.ts';
import { type LoggedReply, UNKNOWN_ROOT } from './standing.ts';

/** A record has about ten kilobytes with its signatures. Limits of records for a page, in all and at once. */
const [MOST, AT_ONCE] = [100, 4];

type RecordApi = Pick<PublicApi, 'record'>;

interface Reading<T> {
  /** Values by reply id; a reply that is here is not read again. */
  readonly known: Map<string, T>;
  /** Called with each part that was read. */
  readonly show: () => void;
  readonly signal: AbortSignal;
}

/**
 * Reads the models of the newest replies. A log names no model. Its entries have hashes of records, and a record names the weights. So a
 * reader of the record knows them without trust. A gateway with keys shows records to the key that ordered them.
 * @returns why no more were read; undefined if all of the newest were read.
 */
export const readReplyModels = (
  api: RecordApi,
  replies: readonly LoggedReply[],
  reading: Reading<string>,
): Promise<string | undefined> =>
  readRecords(api, replies, {
    ...reading,
    take: (record) => (record === undefined ? UNKNOWN_ROOT : toHex(record.modelRoot)),
  });

/** Time that a provider took, by its signed record. */
export interface RecordTimes {
  readonly durationMs: number;
}

/** Reads the times in the records of the newest replies. @returns why no more were read; undefined if all of the newest were read. */
export const readReplyTimes = (
  api: RecordApi,
  replies: readonly LoggedReply[],
  reading: Reading<RecordTimes | undefined>,
): Promise<string | undefined> =>
  readRecords(api, replies, {
    ...reading,
    take: (record) => record && { durationMs: Number(record.endNs - record.startNs) / 1e6 },
  });

/** @param take receives undefined if another gateway ordered the reply, or if the record is not the judged one. */
async function readRecords<T>(
  api: RecordApi,
  replies: readonly LoggedReply[],
  { known, show, signal, take }: Reading<T> & { readonly take: (record: RecordV2 | undefined) => T },
): Promise<string | undefined> {
  const open = replies.slice(0, MOST).filter(({ id }) => !known.has(id));
  for (let at = 0; at < open.length && !signal.aborted; at += AT_ONCE) {
    try {
      await Promise.all(
        open.slice(at, at + AT_ONCE).map(async ({ id, entry }) => {
          known.set(id, take(await readRecord(api, id, entry.recordHash)));
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

async function readRecord(api: RecordApi, id: string, recordHash: Uint8Array): Promise<RecordV2 | undefined> {
  try {
    const record = await api.record(id);
    return equalBytes(hashRecord(crypto, record), recordHash) ? parseRecordV2(record) : undefined;
  } catch (error) {
    if (error instanceof ReadError && error.status !== 404 && error.status !== 200) throw error;
    return undefined;
  }
}
