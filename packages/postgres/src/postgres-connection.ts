import type { Secret } from '@ogong/host/crypto/secret';
import type { DatabaseUpgrade } from '@ogong/host/store/releases';
import pg from 'pg';
import { toPostgresError } from './postgres-error.ts';

export interface PostgresOptions {
  /** `postgres://user@host:5432/database`, without a password. */
  readonly url: string;
  readonly password?: Secret<string> | undefined;
  /** SQL that makes a SQLite file of the same tables. */
  readonly schema: string;
  /**
   * Schema of PostgreSQL that holds the tables, so that stores of several kinds share a database. It is made if it is missing. Default:
   * the user's own, which is `public` in most databases.
   */
  readonly namespace?: string;
  /** Earlier schemas from which rows are moved. Default: none. */
  readonly upgrades?: readonly DatabaseUpgrade[];
  /**
   * Facts about the owner of the database, such as its payer. The first program that opens it stores them. Later programs must
   * have the same.
   */
  readonly facts?: Readonly<Record<string, string>>;
  readonly maxConnections?: number;
  /** Called for each round trip to the database, with its number of statements. */
  readonly onTrip?: (statements: number) => void;
  /** Called for each transaction that wrote: its wait for the lock, and the time that it held the lock. */
  readonly onTurn?: (waitedMs: number, heldMs: number) => void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const LOCK_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;

/** A write waits only for its own statements. A process that stands still loses its connection. */
const IDLE_TIMEOUT_MS = 10_000;

/** A machine without power loses its locks within half a minute. */
const KEEPALIVE = '-c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3';

/**
 * A transaction waits for its locks and then reads. With another isolation it would read the state from before the wait. So no default of
 * the server, the database or the user counts.
 */
const SETTINGS = `${KEEPALIVE} -c default_transaction_isolation=read\\ committed`;

/** Name of the connections to a namespace, by which an upgrade knows other programs. */
export const nameConnections = ({ namespace }: Pick<PostgresOptions, 'namespace'>): string => namespace ?? 'ogong';

/** Returns the options of each connection. */
export function connectionOf(options: Pick<PostgresOptions, 'url' | 'password' | 'namespace'>): pg.ClientConfig {
  const { url, password, namespace } = options;
  return {
    connectionString: addPassword(url, password),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_TIMEOUT_MS,
    options: namespace === undefined ? SETTINGS : `${SETTINGS} -c search_path=${namespace}`,
    application_name: nameConnections(options),
    types: { getTypeParser },
  };
}

/** @param verify checks each new connection first. */
export function openPool(options: PostgresOptions, verify: (client: pg.PoolClient) => Promise<void>): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOf(options),
    verify: (client, done) => void verify(client as pg.PoolClient).then(() => done(), done),
    max: options.maxConnections ?? 10,
    // Independent statements are one round trip.
    pipeline: true,
  });
  // An idle connection that ends is replaced. A query on a connection that ends reports it.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** The password stays in memory: logs have the URL without it. */
function addPassword(url: string, password: Secret<string> | undefined): string {
  const full = new URL(url);
  if (password) full.password = encodeURIComponent(password.reveal());
  return full.href;
}

const { BYTEA, INT8 } = pg.types.builtins;

function getTypeParser(id: number, format?: 'text' | 'binary'): (value: never) => unknown {
  const parse = pg.types.getTypeParser(id, format as 'text');
  if (id === INT8) return Number;
  if (id === BYTEA) return (value) => new Uint8Array(parse(value) as Buffer);
  return parse as (value: never) => unknown;
}

export async function withClient<T>(pool: pg.Pool, run: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    return await run(client);
  } catch (error) {
    failure = error as Error;
    throw error;
  } finally {
    client.release(failure);
  }
}

export async function withTransaction<T>(
  pool: pg.Pool,
  begin: string,
  run: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let failure: unknown;
  try {
    await client.query(begin);
    const result = await run(client);
    const { command } = await client.query('COMMIT');
    // After a statement that failed, COMMIT undoes everything and reports no error.
    if (command !== 'COMMIT') throw new Error('the transaction could not be committed');
    return result;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    await endTransaction(client, failure);
  }
}

/** A connection that cannot roll back is not used again. */
export async function endTransaction(client: pg.PoolClient, failure: unknown): Promise<void> {
  const broken =
    failure === undefined
      ? undefined
      : await client.query('ROLLBACK').then(
          () => undefined,
          (cause: Error) => cause,
        );
  client.release(broken);
}

export async function guard<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw toPostgresError(error, path);
  }
}

/** Returns the place for a log, without secrets. */
export function describePlace(url: string): string {
  const { host, pathname, searchParams } = new URL(url);
  return `postgres://${host || (searchParams.get('host') ?? 'localhost')}${pathname}`;
}
