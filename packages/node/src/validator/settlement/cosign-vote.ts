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

export function readVote(store: Store, validator: Uint8Array, sequence: bigint): Vote | undefined {
  const row = store
    .prepare('SELECT digest, log_head, uncollectable FROM cosigned WHERE validator = ? AND sequence = ?')
    .get(validator, sequence);
  if (row === undefined) return undefined;
  const payers = (row.uncollectable as Uint8Array | null) ?? new Uint8Array(0);
  return {
    digest: row.digest as Uint8Array,
    logHead: row.log_head as Uint8Array,
    uncollectable: Array.from({ length: payers.length / 20 }, (_, i) => payers.slice(i * 20, i * 20 + 20)),
  };
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
  store
    .prepare(
      `INSERT OR REPLACE INTO cosigned (validator, sequence, digest, log_head, uncollectable) VALUES (?, ?, ?, ?, ?)`,
    )
    .run(validator, sequence, digest, logHead, concatBytes(...uncollectable));
  for (const { replyId, index } of entries) {
    const other = store.prepare('SELECT validator, sequence FROM cosigned_replies WHERE reply_id = ?').get(replyId);
    if (other === undefined) {
      store
        .prepare('INSERT INTO cosigned_replies (reply_id, validator, sequence) VALUES (?, ?, ?)')
        .run(replyId, validator, sequence);
    } else if (!equalBytes(other.validator as Uint8Array, validator) || BigInt(other.sequence as number) !== sequence) {
      throw new CosignError('conflict', `entry ${index}: the reply was settled in another batch`);
    }
  }
}
