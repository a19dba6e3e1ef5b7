import { StoreError } from '@ogong/host/store/store-error';
import type { Work } from '@ogong/host/store/work';
import type { WorkStatement } from '@ogong/host/store/work-rows';
import type { WorkOptions, WorkStore } from '@ogong/host/store/work-store';
import { monotonicClock } from '@ogong/host/time/clock';
import type pg from 'pg';
import { runTogether, StatementError, type WorkOutcome } from './postgres-batch.ts';
import {
  describePlace,
  endTransaction,
  guard,
  nameConnections,
  openPool,
  type PostgresOptions,
  withClient,
  withTransaction,
} from './postgres-connection.ts';
import { toPostgresError } from './postgres-error.ts';
import { createLockStatements, type LockStatements } from './postgres-locks.ts';
import { createPeerList, type PeerList } from './postgres-peers.ts';
import { createSend, follow, type SendAll } from './postgres-statements.ts';
import { createTurns, type SessionTurns } from './postgres-turns.ts';
import { assertVersion, prepareDatabase } from './postgres-version.ts';

interface PendingWrite {
  readonly touches: WorkOptions['touches'];
  readonly work: () => Work<unknown>;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_BATCH = 128;
const MAX_QUEUE = 16_384;

/**
 * One database for several programs. Writes that touch the same thing take turns by locks. So each of them reads the result of
 * the one before, as with one SQLite file. A process that dies loses its connection, and with it the lock and what it had not
 * committed.
 * @throws StoreError `version` where the database belongs to something else.
 */
export async function openPostgresStore(options: PostgresOptions): Promise<WorkStore> {
  const path = describePlace(options.url);
  let isPrepared = false;
  const pool = openPool(options, async (client) => {
    if (isPrepared) await assertVersion(client, path, options);
  });
  try {
    await prepareDatabase(pool, path, options);
    isPrepared = true;
  } catch (error) {
    await pool.end();
    throw toPostgresError(error, path);
  }
  const locks = createLockStatements(nameConnections(options));
  return createPostgresStore({
    ...{ pool, path, locks, send: createSend(options.onTrip), onTurn: options.onTurn },
    ...{ peers: createPeerList(options), turns: createTurns(options, path) },
  });
}

interface StoreParts extends BatchContext {
  readonly peers: PeerList;
  readonly turns: SessionTurns;
}

function createPostgresStore({ peers, turns, ...context }: StoreParts): WorkStore {
  const { pool, path, send } = context;
  const queue: PendingWrite[] = [];
  let running: Promise<void> | undefined;
  let isClosed = false;

  async function flush(): Promise<void> {
    // Writes that come while a batch is committed go together into the next one.
    for (let batch = queue.splice(0, MAX_BATCH); batch.length > 0; batch = queue.splice(0, MAX_BATCH)) {
      await commitBatch(batch, context);
    }
    running = undefined;
  }

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
    alone: turns.take,
    listPeers: () => guard(path, peers.list),
    eraseDeleted: async () => true,
    async close() {
      isClosed = true;
      while (running) await running;
      await Promise.all([peers.close(), turns.close()]);
      await pool.end();
    },
  };
}

interface BatchContext {
  readonly pool: pg.Pool;
  readonly path: string;
  readonly locks: LockStatements;
  readonly send: SendAll;
  readonly onTurn: PostgresOptions['onTurn'];
}

async function commitBatch(batch: readonly PendingWrite[], context: BatchContext): Promise<void> {
  let outcomes: readonly WorkOutcome[];
  try {
    outcomes = await runBatch(batch, context);
  } catch (cause) {
    const error = toPostgresError(cause instanceof StatementError ? cause.cause : cause, context.path);
    // The whole batch is undone. Run its works one by one, so that only the faulty one fails.
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
  { pool, locks, send, onTurn = () => {} }: BatchContext,
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
          await client.query(`BEGIN; ${locks.takeAll(batch)}`);
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
