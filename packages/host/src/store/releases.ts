import { VERDICT_ENTRY_TAG } from '@ogong/protocol/settlement/verdict-log';
import type { StoreUpgrade } from './upgrade.ts';

/** Entries of another version would be in a log that no validator can read: nothing of it would settle. */
const OWN_LOG = {
  rows: `SELECT 1 FROM log WHERE substr(entry, 1, ${VERDICT_ENTRY_TAG.length + 1}) <> CAST('${VERDICT_ENTRY_TAG}' || char(10) AS BLOB)`,
  why: 'its log has entries of an older version. Let the program that made it settle them, take the bond back, and register another account',
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
  // Replies that no audit asks about are not kept for honeypots any more.
  validator: [{ from: 27645883, drops: ['reserve'], unreadable: OWN_LOG }],
  verifier: [{ from: 2089725931 }],
} as const satisfies Readonly<Record<string, readonly StoreUpgrade[]>>;

export type ReleasedStore = keyof typeof RELEASED;
