import type { StoreUpgrade } from './upgrade.ts';

/**
 * The schemas of released stores, and the step from each to the present schema. Nothing is released yet. After a release, a changed schema
 * gets a row here; columns of the same name then keep their meaning, and new columns have a default.
 */
export const RELEASED: Readonly<Record<ReleasedStore, readonly StoreUpgrade[]>> = {
  accounts: [],
  gateway: [],
  provider: [],
  router: [],
  signer: [],
  validator: [],
  verifier: [],
};

/** A released schema of a database that several daemons share, and the parts that the present schema no longer has. */
export interface DatabaseUpgrade {
  /** The beginning of a hash of the schema, see postgres-version.ts. */
  readonly from: string;
  /** Tables, and columns as `table.column`. */
  readonly drops?: readonly string[];
}

/** The same as `RELEASED` for stores that daemons share in a database. */
export const RELEASED_DATABASES: Readonly<Record<'gateway' | 'memory', readonly DatabaseUpgrade[]>> = {
  gateway: [],
  memory: [],
};

export type ReleasedStore = 'accounts' | 'gateway' | 'provider' | 'router' | 'signer' | 'validator' | 'verifier';
