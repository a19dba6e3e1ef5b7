import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Secret } from '@ogong/host/crypto/secret';
import { bindLedger } from '@ogong/host/store/ledger-binding';
import { createLogSync } from '@ogong/host/store/log-sync';
import { RELEASED, RELEASED_DATABASES } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { StoreError } from '@ogong/host/store/store-error';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { monotonicClock, systemClock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { type Accounts, createAccounts, openAccounts } from './accounts.ts';
import { ACCOUNTS_SCHEMA } from './accounts-schema.ts';
import { BUCKET_TABLE } from './rate-buckets.ts';
import { GATEWAY_SCHEMA } from './schema.ts';

export interface BooksPlace {
  readonly dataDir: string;
  readonly accounts: string | undefined;
  /** A database of PostgreSQL. */
  readonly database: string | undefined;
  readonly databasePassword: Secret<string> | undefined;
}

/** The owner of the gateway's store. Default: the owner is not checked. */
export interface BooksOwner {
  /** Hex address. */
  readonly payer: string;
  readonly ledger: LedgerDomain;
}

export interface OpenedBooks {
  readonly books: WorkStore;
  readonly accounts: Accounts;
  /** Rejects once a file of the gateway's store could not be synced. */
  readonly failed?: Promise<never>;
  close(): Promise<void>;
}

/** All that gateways with one database share. */
export const SHARED_SCHEMA = `${GATEWAY_SCHEMA}${ACCOUNTS_SCHEMA}${BUCKET_TABLE}`;

export const BOOKS_FILE = 'gateway.db';
export const ACCOUNTS_FILE = 'accounts.db';
/** Suffix of files whose rows were moved into a database. */
export const MOVED = '.moved';

/** Two files of SQLite, or one database of PostgreSQL that several gateways share. @throws StoreError */
export async function openBooks(place: BooksPlace, owner?: BooksOwner): Promise<OpenedBooks> {
  if (place.database === undefined) return openFiles(place, owner);
  const { ledger, payer } = owner ?? {};
  // The PostgreSQL client is loaded only for a database.
  const { openPostgresStore } = await import('@ogong/postgres/postgres-store');
  const books = await openPostgresStore({
    url: place.database,
    password: place.databasePassword,
    schema: SHARED_SCHEMA,
    upgrades: RELEASED_DATABASES.gateway,
    facts: {
      ...(payer === undefined ? {} : { payer }),
      ...(ledger && { network: `0x${toHex(ledger.verifyingContract)} on chain ${ledger.chainId}` }),
    },
  });
  return { books, accounts: createAccounts(books, systemClock.nowMs), close: books.close };
}

function openFiles({ dataDir, accounts: path }: BooksPlace, owner: BooksOwner | undefined): OpenedBooks {
  if (existsSync(join(dataDir, `${BOOKS_FILE}${MOVED}`))) {
    throw new StoreError(
      'version',
      `the data of ${dataDir} was moved into a database, and a second store of one payer would contradict it: name the database by --database`,
    );
  }
  const store = openStore(join(dataDir, BOOKS_FILE), { schema: GATEWAY_SCHEMA, upgrades: RELEASED.gateway });
  if (owner) bindLedger(store, owner.ledger);
  // A process that only reads makes no promise about durability.
  const log = createLogSync(store);
  const books = createWorkStore(store, { clock: monotonicClock, log });
  const accounts = openAccounts(path ?? join(dataDir, ACCOUNTS_FILE), systemClock.nowMs);
  return {
    books,
    accounts,
    failed: log.failed,
    async close() {
      await books.close();
      store.close();
      await accounts.close();
    },
  };
}
