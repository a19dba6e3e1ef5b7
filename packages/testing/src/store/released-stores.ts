import { ACCOUNTS_SCHEMA } from '@ogong/gateway/books/accounts-schema';
import { GATEWAY_SCHEMA } from '@ogong/gateway/books/schema';
import type { ReleasedStore } from '@ogong/host/store/releases';
import { PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';
import { VERIFIER_SCHEMA } from '@ogong/provider/verifier/report-store';
import { ROUTER_SCHEMA } from '@ogong/router/router-store';
import { GUARD_SCHEMA } from '@ogong/validator/signer/signing-guard';
import { VALIDATOR_SCHEMA } from '@ogong/validator/store/schema';

/** The stores of all daemons, as they are now. */
export const PRESENT_SCHEMAS: Readonly<Record<ReleasedStore, string>> = {
  accounts: ACCOUNTS_SCHEMA,
  gateway: GATEWAY_SCHEMA,
  provider: PROVIDER_SCHEMA,
  router: ROUTER_SCHEMA,
  signer: GUARD_SCHEMA,
  validator: VALIDATOR_SCHEMA,
  verifier: VERIFIER_SCHEMA,
};

/** A value of SQLite in JSON: bytes as `{ hex }`. */
export type StoredValue = string | number | null | { readonly hex: string };
export type StoredRow = Readonly<Record<string, StoredValue>>;

/** What a release left in one store, of a network that had answered; long values are cut. */
export interface ReleasedRows {
  readonly schema: string;
  readonly tables: Readonly<Record<string, readonly StoredRow[]>>;
}
export type ReleasedStores = Readonly<Record<ReleasedStore, ReleasedRows>>;

/** By release. The first one has the stores of all daemons. */
export const RELEASES = ['0.1.0'] as const;
export const releaseFile = (release: string): URL => new URL(`../../releases/stores-${release}.json`, import.meta.url);
