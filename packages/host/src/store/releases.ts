import { BATCH_TAG } from '@ogong/protocol/settlement/batch';
import { EARLIER_ENTRY_TAG, VERDICT_ENTRY_TAG } from '@ogong/protocol/settlement/verdict-log';
import { EVIDENCE_TAG } from '@ogong/protocol/verdict/evidence';
import type { StoreUpgrade } from './upgrade.ts';

const begins = (tag: string, column = 'entry'): string =>
  `substr(${column}, 1, ${tag.length + 1}) = CAST('${tag}' || char(10) AS BLOB)`;

const SETTLED = "(SELECT coalesce(max(to_position), 0) FROM batches WHERE state = 'settled')";

/**
 * What has settled stays as it is, and the log goes on behind it. Of what has not, no other validator could sign an earlier format, of entry or
 * evidence. Nor could this one go on with audits that have asked verifiers: whom a later round draws has changed.
 */
const OWN_LOG = {
  rows: `SELECT 1 FROM log WHERE NOT (${begins(VERDICT_ENTRY_TAG)}) AND NOT (
    ${begins(EARLIER_ENTRY_TAG)}
    AND position < ${SETTLED}
  )
  UNION ALL SELECT 1 FROM log JOIN replies USING (reply_id)
    WHERE position >= ${SETTLED} AND length(evidence) > 0 AND NOT (${begins(EVIDENCE_TAG, 'evidence')})
  UNION ALL SELECT 1 FROM attempts JOIN replies USING (reply_id) WHERE state IN ('auditing', 'waiting')
  UNION ALL SELECT 1 FROM batches WHERE state = 'proposed' AND NOT (${begins(BATCH_TAG, 'batch')})`,
  why: 'its log has entries, or a batch, of an older version that have not settled, or audits are going on. Let the program that made it finish and settle them first, without new orders',
} as const;

/**
 * The schemas that releases had, and what leads from each to the present one. Whoever changes a schema after a release has nothing to add
 * here while columns of the same name mean the same and new ones have a default; `packages/testing/src/operators/upgrade.test.ts` says so.
 */
export const RELEASED = {
  // 0.1.0
  accounts: [{ from: 864379279 }],
  gateway: [{ from: 2021615517 }],
  provider: [{ from: 319342747 }],
  router: [{ from: 457032759 }],
  signer: [{ from: 372611707 }],
  // Honeypots are made of replies that an audit asks about, and their answers follow from its evidence.
  validator: [{ from: 27645883, drops: ['reserve', 'known_answers'], unreadable: OWN_LOG }],
  verifier: [{ from: 2089725931 }],
} as const satisfies Readonly<Record<string, readonly StoreUpgrade[]>>;

/** A schema that a database of several gateways had, and what the present one does not have any more. */
export interface DatabaseUpgrade {
  /** The beginning of a hash of the schema, see postgres-books.ts. */
  readonly from: string;
  /** Tables, and columns as `table.column`. */
  readonly drops?: readonly string[];
}

/** As RELEASED, of the database that gateways share. */
export const RELEASED_DATABASES: readonly DatabaseUpgrade[] = [
  // Of 2026-11-25, before transfers that payers sign.
  { from: 'e8207ab7cb83743e' },
];

export type ReleasedStore = keyof typeof RELEASED;
