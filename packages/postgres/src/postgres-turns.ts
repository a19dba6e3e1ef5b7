import { setTimeout as delay } from 'node:timers/promises';
import { StoreError } from '@ogong/host/store/store-error';
import { monotonicClock } from '@ogong/host/time/clock';
import pg from 'pg';
import { connectionOf, guard, nameConnections, type PostgresOptions } from './postgres-connection.ts';
import { toLockKey } from './postgres-locks.ts';

/** Long work of which one process at a time runs that of a name. */
export interface SessionTurns {
  /** @throws StoreError `busy` if another process keeps its turn, `io` if the connection broke: then another one may have run too. */
  take<T>(name: string, run: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Other processes keep a turn for as long as a model answers. */
const PATIENCE_MS = 60_000;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;

const UNLOCK = 'SELECT pg_advisory_unlock($1)';

/**
 * One connection holds the locks of all turns of this process, so their number has no limit and no pool is used up. It asks again
 * instead of waiting, because a statement that waits would hold the others up. The server frees the locks when the process is gone.
 */
export function createTurns(options: PostgresOptions, path: string): SessionTurns {
  let connecting: Promise<pg.Client> | undefined;
  let isClosed = false;
  /** By name, the end of the newest turn of this process: a session gets a lock again that it has. */
  const ends = new Map<string, Promise<void>>();

  function connect(): Promise<pg.Client> {
    // Turns of several names ask at once.
    const client = new pg.Client({ ...connectionOf(options), pipeline: true });
    const connected = client.connect().then(() => client);
    const leave = (): void => {
      if (connecting === connected) connecting = undefined;
    };
    client.on('error', leave).on('end', leave);
    connected.catch(leave);
    return connected;
  }

  async function lock(key: bigint): Promise<pg.Client> {
    const endMs = monotonicClock.nowMs() + PATIENCE_MS;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      if (isClosed) throw new StoreError('closed', `the database ${path} is being closed`);
      connecting ??= connect();
      const client = await connecting;
      const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [key]);
      if (rows[0]?.got) return client;
      if (monotonicClock.nowMs() > endMs) throw new StoreError('busy', `another program works on the same in ${path}`);
      await delay(pauseMs);
    }
  }

  async function runLocked<T>(name: string, run: () => Promise<T>): Promise<T> {
    const key = toLockKey(nameConnections(options), name);
    const client = await guard(path, () => lock(key));
    let result: T;
    try {
      result = await run();
    } catch (error) {
      // A connection that broke has no lock any more.
      await client.query(UNLOCK, [key]).catch(() => undefined);
      throw error;
    }
    await guard(path, () => client.query(UNLOCK, [key]));
    return result;
  }

  return {
    async take(name, run) {
      const before = ends.get(name);
      const mine = (before ?? Promise.resolve()).then(() => runLocked(name, run));
      const end = mine.then(
        () => {},
        () => {},
      );
      ends.set(name, end);
      try {
        return await mine;
      } finally {
        if (ends.get(name) === end) ends.delete(name);
      }
    },
    async close() {
      isClosed = true;
      const client = await connecting?.catch(() => undefined);
      await client?.end();
    },
  };
}
