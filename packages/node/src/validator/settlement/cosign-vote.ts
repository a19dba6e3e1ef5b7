import { bigInteger, bytes, columns, mapped } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';
import type { Settlement } from '@ogong/protocol/settlement/batch';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { CosignError } from './cosign-error.ts';

/** What this validator has signed for a peer's batch of one sequence. */
export interface Vote {
  readonly digest: Uint8Array;
  readonly logHead: Uint8Array;
  readonly uncollectable: readonly Uint8Array[];
}

export interface Ballot extends Vote {
  readonly validator: Uint8Array;
  readonly sequence: bigint;
  readonly entries: readonly Pick<VerdictEntry, 'replyId' | 'index'>[];
  /** Digest of the vote that this one was checked against. */
  readonly replaces: Uint8Array | undefined;
}

/** Addresses of 20 bytes each, one after another. */
const addresses = mapped(bytes, splitAddresses, (list: readonly Uint8Array[]) => concatBytes(...list));
const voteFields = { digest: bytes, logHead: bytes, uncollectable: addresses } as const;
const voteColumns = columns(voteFields);
const batchKey = { validator: bytes, sequence: bigInteger } as const;
const keptVote = columns({ ...batchKey, ...voteFields });
const sequenceColumn = columns({ sequence: bigInteger });
const keptReply = columns({ replyId: bytes, ...batchKey });

function splitAddresses(joined: Uint8Array): readonly Uint8Array[] {
  if (joined.length % 20 !== 0) throw new RangeError(`${joined.length} bytes are no list of addresses`);
  return Array.from({ length: joined.length / 20 }, (_, i) => joined.slice(i * 20, i * 20 + 20));
}

export function readVote(store: Store, validator: Uint8Array, sequence: bigint): Vote | undefined {
  const sql = `SELECT ${voteColumns.list} FROM cosigned WHERE validator = ? AND sequence = ?`;
  return voteColumns.get(store.prepare(sql), validator, sequence);
}

/** @throws CosignError unless the batch settles the log that was signed. Its debits and their orders may differ. */
export function assertReplaces({ logHead }: Pick<Vote, 'logHead'>, { batch }: Pick<Settlement, 'batch'>): void {
  if (equalBytes(logHead, batch.logHead)) return;
  throw new CosignError('conflict', `another batch was signed as number ${batch.sequence}`);
}

/** Call it inside one transaction. @throws CosignError if an earlier vote contradicts it. */
export function castVote(store: Store, ballot: Ballot): void {
  const { validator, sequence, digest, logHead, uncollectable, entries, replaces } = ballot;
  const known = readVote(store, validator, sequence)?.digest;
  if (known !== undefined && !equalBytes(known, digest) && !(replaces && equalBytes(known, replaces))) {
    throw new CosignError('conflict', `another batch was signed as number ${sequence}`);
  }
  keptVote.insert(store, 'INSERT OR REPLACE INTO cosigned', { validator, sequence, digest, logHead, uncollectable });
  const findBatch = store.prepare(
    `SELECT ${sequenceColumn.list} FROM cosigned_replies WHERE validator = ? AND reply_id = ?`,
  );
  for (const { replyId, index } of entries) {
    const other = sequenceColumn.get(findBatch, validator, replyId);
    if (other === undefined) {
      keptReply.insert(store, 'INSERT INTO cosigned_replies', { validator, replyId, sequence });
    } else if (other.sequence !== sequence) {
      throw new CosignError('conflict', `entry ${index}: the reply was settled in another batch`);
    }
  }
}
