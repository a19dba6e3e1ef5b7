import type { StoreUpgrade } from './upgrade.ts';

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
  validator: [{ from: 27645883 }],
  verifier: [{ from: 2089725931 }],
} as const satisfies Readonly<Record<string, readonly StoreUpgrade[]>>;

export type ReleasedStore = keyof typeof RELEASED;
