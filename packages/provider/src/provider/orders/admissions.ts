import { bigInteger, bytes, columns, integer } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { OrderAdmission } from '@ogong/protocol/exchange/over-admission';

export const ADMISSION_SCHEMA = `
   CREATE TABLE admission (
     order_hash BLOB PRIMARY KEY,
     validator BLOB NOT NULL,
     payer BLOB NOT NULL,
     order_bytes BLOB NOT NULL,
     signature BLOB NOT NULL,
     epoch INTEGER NOT NULL,
     time_ms INTEGER NOT NULL,
     admission BLOB NOT NULL,
     expires_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX admission_by_channel ON admission (validator, payer, time_ms);
   CREATE INDEX admission_by_age ON admission (expires_at_ms);`;

const row = columns({
  orderHash: bytes,
  validator: bytes,
  payer: bytes,
  orderBytes: bytes,
  signature: bytes,
  epoch: bigInteger,
  timeMs: integer,
  admission: bytes,
  expiresAtMs: integer,
});

const signedRow = columns({ orderBytes: bytes, signature: bytes });

/** Signed admissions of validators: evidence if they admitted more than a channel holds (docs/spec/over-admission.md). */
export interface Admissions {
  keep(
    order: NamedOrder,
    signedOrder: { readonly order: Uint8Array; readonly signature: Uint8Array },
    said: SignedAdmission,
  ): Promise<void>;
  /** Forgets orders that expired before. */
  sweep(beforeMs: number): Promise<void>;
}

export function createAdmissions(commits: GroupCommit): Admissions {
  return {
    keep({ orderHash, validator, payer, expiresAtMs }, { order, signature }, said) {
      const entry = {
        ...{ orderHash, validator, payer, orderBytes: order, signature },
        ...{
          epoch: said.epoch,
          timeMs: Number(said.timeMs),
          admission: said.signature,
          expiresAtMs: Number(expiresAtMs),
        },
      };
      // The first token is about to leave, and would wait for the disk.
      return commits.write((db) => void row.insert(db, 'INSERT OR IGNORE INTO admission', entry), { mayWait: true });
    },
    sweep: (beforeMs) =>
      commits.write(({ prepare }) => {
        prepare('DELETE FROM admission WHERE expires_at_ms < ?').run(beforeMs);
      }),
  };
}

/** Lists admitted orders that expire after then. */
export function listAdmitted({ prepare }: Store, sinceMs: number): { orderBytes: Uint8Array; signature: Uint8Array }[] {
  return signedRow.all(prepare(`SELECT ${signedRow.list} FROM admission WHERE expires_at_ms > ?`), sinceMs);
}

/** Lists the newest orders of each channel, at most `limit`. */
export function listAdmissions({ prepare }: Store, limit: number): ReadonlyMap<string, readonly OrderAdmission[]> {
  const channels = columns({ validator: bytes, payer: bytes });
  const select = prepare(
    `SELECT ${row.list} FROM admission WHERE validator = ? AND payer = ? ORDER BY time_ms DESC LIMIT ?`,
  );
  const found = channels.all(prepare(`SELECT DISTINCT ${channels.list} FROM admission`)).map(({ validator, payer }) => {
    const orders = row
      .all(select, validator, payer, limit)
      .map(({ orderBytes, signature, epoch, timeMs, admission }) => ({
        ...{ order: orderBytes, signature },
        admission: { epoch, timeMs: BigInt(timeMs), signature: admission },
      }));
    return [nameChannel({ validator, payer }), orders] as const;
  });
  return new Map(found);
}

/** Validator and payer, in hex. */
export const nameChannel = ({
  validator,
  payer,
}: {
  readonly validator: Uint8Array;
  readonly payer: Uint8Array;
}): string => `${toHex(validator)}-${toHex(payer)}`;
