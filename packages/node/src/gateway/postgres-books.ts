import { createHash, randomBytes } from 'node:crypto';
import type { SQLInputValue } from 'node:sqlite';
import type { Secret } from '@ogong/host/crypto/secret';
import type { DatabaseUpgrade } from '@ogong/host/store/releases';
import { StoreError } from '@ogong/host/store/store-error';
import type { StepResult, Work, WorkStep } from '@ogong/host/store/work';
import { toQueryStatement, toWriteStatement, type WorkStatement } from '@ogong/host/store/work-rows';
import type { WorkOptions, WorkStore } from '@ogong/host/store/work-store';
import { monotonicClock } from '@ogong/host/time/clock';
import pg from 'pg';
import { runTogether, StatementError, type WorkOutcome } from './postgres-batch.ts';
import { toPostgresError } from './postgres-error.ts';
import { toPostgresSchema } from './postgres-schema.ts';
import { moveTables } from './postgres-upgrade.ts';

export interface PostgresOptions {
  /** `postgres://user@host:5432/database`, without a password. */
  readonly url: string;
  readonly password?: Secret<string> | undefined;
  /** SQL that makes a SQLite file of the same tables. */
  readonly schema: string;
  /** From which earlier schemas rows are taken over. Default: none. */
  readonly upgrades?: readonly DatabaseUpgrade[];
  /** What the database belongs to, such as a payer. The first program that opens it says so; later ones have to agree. */
  readonly facts?: Readonly<Record<string, string>>;
  readonly maxConnections?: number;
  /** Told of each time that the database is asked and waited for, with how many statements. */
  readonly onTrip?: (statements: number) => void;
  /** Told of each transaction that wrote: how long it waited until nobody else wrote, and how long others then waited for it. */
  readonly onTurn?: (waitedMs: number, heldMs: number) => void;
}

interface PendingWrite {
  readonly touches: WorkOptions['touches'];
  readonly work: () => Work<unknown>;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_BATCH = 128;
const MAX_QUEUE = 16_384;
const CONNECT_TIMEOUT_MS = 5_000;
const LOCK_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** A write never waits for anything but its own statements. A process that stands still loses its turn. */
const IDLE_TIMEOUT_MS = 10_000;
/** A machine that lost its power gives up what it locked within half a minute. */
const KEEPALIVE = '-c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3';

/** SQL of a schema by its words alone, without its layout. */
export const nameSchema = (schema: string): string =>
  createHash('sha256').update(schema.replace(/\s+/g, ' ').trim()).digest('hex').slice(0, 16);

/**
 * One database for several gateways. Writes that touch the same thing take turns by locks, so that each of them finds what the one before
 * left, as with one SQLite file. A process that dies loses its connection, and with it the lock and what it had not committed.
 * @throws StoreError `version` where the database belongs to something else.
 */
export async function openPostgresBooks(options: PostgresOptions): Promise<WorkStore> {
  const path = describe(options.url);
  let isPrepared = false;
  const pool = openPool(options, async (client) => {
    if (isPrepared) await assertVersion(client, path, nameSchema(options.schema));
  });
  try {
    await prepareDatabase(pool, path, options);
    isPrepared = true;
  } catch (error) {
    await pool.end();
    throw toPostgresError(error, path);
  }
  const peers = createPeerList(options);
  return createPostgresBooks({ pool, path, send: createSend(options.onTrip), onTurn: options.onTurn, peers });
}

interface BooksParts extends BatchContext {
  readonly peers: PeerList;
}

function createPostgresBooks({ peers, ...context }: BooksParts): WorkStore {
  const { pool, path, send } = context;
  const queue: PendingWrite[] = [];
  let running: Promise<void> | undefined;
  let isClosed = false;
  /** By name, the end of what runs alone or waits for that. */
  const turns = new Map<string, Promise<void>>();

  async function flush(): Promise<void> {
    // Writes that come while a batch is committed go together into the next one.
    for (let batch = queue.splice(0, MAX_BATCH); batch.length > 0; batch = queue.splice(0, MAX_BATCH)) {
      await commitBatch(batch, context);
    }
    running = undefined;
  }

  const waitAlone = <T>(name: string, run: () => Promise<T>): Promise<T> =>
    guard(path, () => {
      const begin = `BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 60000;
        ${lock(name)}`;
      return withTransaction(pool, begin, run);
    });

  return {
    path,
    isShared: true,
    read: (work) => guard(path, () => withClient(pool, (client) => follow(client, work(), send))),
    snapshot: (work) =>
      guard(path, () =>
        withTransaction(pool, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', (client) =>
          follow(client, work(), send),
        ),
      ),
    write<T>(work: () => Work<T>, { touches }: WorkOptions = {}) {
      if (isClosed) return Promise.reject(new StoreError('closed', `the database ${path} is being closed`));
      if (queue.length >= MAX_QUEUE)
        return Promise.reject(new StoreError('busy', `${queue.length} writes to ${path} are waiting already`));
      return new Promise<T>((resolve, reject) => {
        queue.push({ work, touches, resolve: resolve as PendingWrite['resolve'], reject });
        running ??= Promise.resolve().then(flush);
      });
    },
    alone<T>(name: string, run: () => Promise<T>): Promise<T> {
      // Whoever waits for another one in this process holds no connection meanwhile.
      const mine = (turns.get(name) ?? Promise.resolve()).then(() => waitAlone(name, run));
      turns.set(
        name,
        mine.then(
          () => {},
          () => {},
        ),
      );
      return mine;
    },
    listPeers: () => guard(path, peers.list),
    eraseDeleted() {},
    async close() {
      isClosed = true;
      while (running) await running;
      await peers.close();
      await pool.end();
    },
  };
}

interface PeerList {
  list: WorkStore['listPeers'];
  close(): Promise<void>;
}

/** The first number of the locks that say who is here: `ogon` in ASCII. */
const PEER_CLASS = 0x6f676f6e;
const PEER_TIMEOUT_MS = 30_000;

/**
 * Each process holds a lock with a number of its own, by a connection that it keeps for that. The server frees it when the process is gone,
 * so there is no clock that has to be right, and no row that has to be removed.
 */
function createPeerList(options: PostgresOptions): PeerList {
  const own = randomBytes(4).readUInt32BE() >>> 1;
  let connecting: Promise<pg.Client> | undefined;

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client(connectionOf(options));
    const leave = (): void => {
      connecting = undefined;
    };
    client.on('error', leave).on('end', leave);
    try {
      await client.connect();
      // A process that stands still asks nothing, and is not here then.
      await client.query(`SET idle_session_timeout = ${PEER_TIMEOUT_MS}`);
      await client.query('SELECT pg_advisory_lock($1, $2)', [PEER_CLASS, own]);
      return client;
    } catch (error) {
      leave();
      await client.end().catch(() => undefined);
      throw error;
    }
  }

  return {
    async list() {
      connecting ??= connect();
      const client = await connecting;
      const { rows } = await client.query<{ peer: string }>(
        `SELECT objid::bigint AS peer FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1`,
        [PEER_CLASS],
      );
      return { own, all: rows.map(({ peer }) => Number(peer)) };
    },
    async close() {
      const client = await connecting?.catch(() => undefined);
      await client?.end();
    },
  };
}

/** Of each connection. */
function connectionOf({ url, password }: Pick<PostgresOptions, 'url' | 'password'>): pg.ClientConfig {
  return {
    connectionString: addPassword(url, password),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_TIMEOUT_MS,
    options: KEEPALIVE,
    application_name: 'ogong-gatewayd',
    types: { getTypeParser },
  };
}

/** @param verify is asked about each new connection, before anything else is. */
function openPool(options: PostgresOptions, verify: (client: pg.PoolClient) => Promise<void>): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOf(options),
    verify: (client, done) => void verify(client as pg.PoolClient).then(() => done(), done),
    max: options.maxConnections ?? 10,
    // Statements that wait for nothing of each other are one round trip.
    pipeline: true,
  });
  // A connection that ends while nobody uses it is replaced; whoever uses it is told by the query.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** In memory alone: what is logged has the URL without it. */
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

const locks = new Map<string, string>();

/** Takes the lock of this name until the transaction ends. */
function lock(name: string): string {
  const known =
    locks.get(name) ??
    `SELECT pg_advisory_xact_lock(${createHash('sha256').update(`ogong ${name}`).digest().readBigInt64BE()})`;
  locks.set(name, known);
  return known;
}

/** A transaction has at most so many locks of names; the database has room for thousands. Names that share one wait in vain, and no more. */
const NAME_LOCKS = 128;
const NAME_CLASS = 0x6f676f77;

/**
 * What a batch waits for until its transaction ends. Work that may touch everything has the lock of all writes for itself. Other work shares
 * it, and has a lock for each of its names, in one order everywhere, so that no two transactions wait for each other.
 */
function lockAll(batch: readonly PendingWrite[]): string {
  const slots = new Set<number>();
  for (const { touches } of batch) {
    if (touches === undefined) return lock('write');
    for (const name of touches) slots.add(createHash('sha256').update(name).digest().readUInt32BE() % NAME_LOCKS);
  }
  const shared = lock('write').replace('xact_lock', 'xact_lock_shared');
  if (slots.size === 0) return shared;
  const sorted = [...slots].sort((a, b) => a - b).join(',');
  return `${shared}; SELECT pg_advisory_xact_lock(${NAME_CLASS}, slot) FROM unnest(ARRAY[${sorted}]) AS slot`;
}

async function prepareDatabase(
  pool: pg.Pool,
  path: string,
  { schema, facts = {}, upgrades = [] }: PostgresOptions,
): Promise<void> {
  const version = nameSchema(schema);
  await withTransaction(pool, `BEGIN; ${lock('schema')}`, async (client) => {
    await client.query('CREATE TABLE IF NOT EXISTS ogong_facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)');
    const { rows } = await client.query<{ name: string; value: string }>('SELECT name, value FROM ogong_facts');
    const known = new Map(rows.map(({ name, value }) => [name, value]));
    if (known.size === 0) await client.query(toPostgresSchema(schema));
    const upgrade = upgrades.find(({ from }) => from !== version && from === known.get('version'));
    if (upgrade) {
      await moveTables(client, { path, schema, upgrade });
      await client.query("UPDATE ogong_facts SET value = $1 WHERE name = 'version'", [version]);
      known.set('version', version);
    }
    for (const [name, value] of Object.entries({ version, ...facts })) {
      const found = known.get(name);
      if (found === undefined) await client.query('INSERT INTO ogong_facts VALUES ($1, $2)', [name, value]);
      else if (found !== value) throw explainOther(path, { name, found, value });
    }
  });
}

/**
 * A pool without connections is not seen by whoever upgrades the database meanwhile: a program of before is refused when it comes back.
 * It waits for an upgrade that is under way.
 */
async function assertVersion(client: pg.PoolClient, path: string, version: string): Promise<void> {
  await client.query(`BEGIN; ${lock('schema').replace('xact_lock', 'xact_lock_shared')}`);
  const { rows } = await client.query<{ value: string }>("SELECT value FROM ogong_facts WHERE name = 'version'");
  await client.query('COMMIT');
  const found = rows[0]?.value;
  if (found !== version) throw explainOther(path, { name: 'version', found: `${found}`, value: version });
}

function explainOther(
  path: string,
  { name, found, value }: { readonly name: string; readonly found: string; readonly value: string },
): StoreError {
  if (name === 'version')
    return new StoreError(
      'version',
      `the database ${path} was made by another version of this program: let that one settle open orders, then use another database`,
    );
  return new StoreError(
    'version',
    `the database ${path} belongs to the ${name} ${found}, and this gateway has the ${name} ${value}: ` +
      'gateways with one database have the same ledger.key and the same network',
  );
}

async function withClient<T>(pool: pg.Pool, run: (client: pg.PoolClient) => Promise<T>): Promise<T> {
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

async function withTransaction<T>(
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

/** A connection that cannot even roll back is not used again. */
async function endTransaction(client: pg.PoolClient, failure: unknown): Promise<void> {
  const broken =
    failure === undefined
      ? undefined
      : await client.query('ROLLBACK').then(
          () => undefined,
          (cause: Error) => cause,
        );
  client.release(broken);
}

interface BatchContext {
  readonly pool: pg.Pool;
  readonly path: string;
  readonly send: SendAll;
  readonly onTurn: PostgresOptions['onTurn'];
}

async function commitBatch(batch: readonly PendingWrite[], context: BatchContext): Promise<void> {
  let outcomes: readonly WorkOutcome[];
  try {
    outcomes = await runBatch(batch, context);
  } catch (cause) {
    const error = toPostgresError(cause instanceof StatementError ? cause.cause : cause, context.path);
    // Nothing of it is stored. Each of them on its own shows which one cannot be.
    if (batch.length > 1 && cause instanceof StatementError && !(error instanceof StoreError))
      for (const one of batch) await commitBatch([one], context);
    else for (const { reject } of batch) reject(error);
    return;
  }
  batch.forEach(({ resolve, reject }, index) => {
    const outcome = outcomes[index] as WorkOutcome;
    if ('error' in outcome) reject(outcome.error);
    else resolve(outcome.value as never);
  });
}

async function runBatch(
  batch: readonly PendingWrite[],
  { pool, send, onTurn = () => {} }: BatchContext,
): Promise<readonly WorkOutcome[]> {
  const client = await pool.connect();
  let turn = { waitedMs: 0, sinceMs: 0 };
  let failure: unknown;
  try {
    const { outcomes, writes } = await runTogether(
      batch.map(({ work }) => work),
      {
        async begin() {
          const askedMs = monotonicClock.nowMs();
          await client.query(`BEGIN; ${lockAll(batch)}`);
          turn = { waitedMs: monotonicClock.nowMs() - askedMs, sinceMs: monotonicClock.nowMs() };
        },
        send: (statements) => send(client, statements),
      },
    );
    const results = await send(client, [...writes, COMMIT]);
    onTurn(turn.waitedMs, monotonicClock.nowMs() - turn.sinceMs);
    // After a statement that failed, COMMIT undoes everything and reports no error.
    if (results.at(-1)?.command !== 'COMMIT') throw new Error('the transaction could not be committed');
    return outcomes;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    await endTransaction(client, failure);
  }
}

const COMMIT: WorkStatement = { sql: 'COMMIT', parameters: [] };

type SendAll = (
  client: pg.PoolClient,
  statements: readonly WorkStatement[],
) => Promise<readonly (StepResult & { readonly command: string })[]>;

/** One round trip. It throws StatementError with what the first statement that failed says. */
const createSend =
  (onTrip: (statements: number) => void = () => {}): SendAll =>
  async (client, statements) => {
    onTrip(statements.length);
    const sent = await Promise.allSettled(
      statements.map(({ sql, parameters }) =>
        client.query({ ...toStatement(sql), values: parameters.map(toParameter) }),
      ),
    );
    return sent.map((each) => {
      if (each.status === 'rejected') throw new StatementError(each.reason);
      const { rows, rowCount, command } = each.value;
      return { rows, changes: rowCount ?? 0, command };
    });
  };

async function guard<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw toPostgresError(error, path);
  }
}

/** Does it, one step after the other; its own writes it reads at once. */
async function follow<T>(client: pg.PoolClient, work: Work<T>, send: SendAll): Promise<T> {
  let next = work.next();
  while (!next.done) {
    const step = next.value;
    // Nobody remembers the rows of a single work.
    if ('queries' in step && step.isAhead) {
      next = work.next(NOTHING);
      continue;
    }
    try {
      const results = await send(client, toStatements(step));
      const [first = { rows: [], changes: 0 }] = results;
      next = work.next('queries' in step ? { ...NOTHING, groups: results.map(({ rows }) => rows) } : first);
    } catch (error) {
      throw error instanceof StatementError ? error.cause : error;
    }
  }
  return next.value;
}

const NOTHING = { rows: [], changes: 0 } as const;

function toStatements(step: WorkStep): readonly WorkStatement[] {
  if ('queries' in step) return step.queries.map(toQueryStatement);
  return ['kind' in step ? toWriteStatement(step) : step];
}

const statements = new Map<string, { readonly name: string; readonly text: string }>();

/** With `$1` for `?`, and a name, by which a connection keeps the statement parsed. */
function toStatement(sql: string): { readonly name: string; readonly text: string } {
  const known = statements.get(sql);
  if (known) return known;
  let index = 0;
  const text = sql.replace(/\?/g, () => `$${++index}`);
  const statement = { name: createHash('sha256').update(text).digest('hex').slice(0, 32), text };
  statements.set(sql, statement);
  return statement;
}

/** Text of PostgreSQL has no NUL, and what providers and validators say may have one. */
const toParameter = (value: SQLInputValue): SQLInputValue =>
  typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;

/** As it may stand in a log. */
function describe(url: string): string {
  const { host, pathname, searchParams } = new URL(url);
  return `postgres://${host || (searchParams.get('host') ?? 'localhost')}${pathname}`;
}
