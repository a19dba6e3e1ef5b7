import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { Store } from './store.ts';

/** Brings a store's log into its database while the event loop goes on, so that the log does not grow. */
export interface LogCheckpoints {
  /** Call it now and then after commits: it begins a checkpoint if the log has grown. */
  trigger(): void;
  /** Brings pages over, unless there are few. Then a caller that empties the log has nothing to wait for. */
  bringOver(): Promise<void>;
  /** Once the one that runs is done. */
  close(): Promise<void>;
}

/** Of the log, that are not in the database: as many as SQLite waits for. */
const DUE_PAGES = 1_000;
/** Fewer than these are no reason to start a thread. */
const FEW_PAGES = 64;
/** If the other thread does not keep up, a commit does it again, on the event loop. */
const LAST_PAGES = 16_000;

/**
 * Over a connection of its own, which holds up neither readers nor writers: writes go on in the same log meanwhile. SQLite counts a page as
 * brought over only once log and database are synced. So a failed checkpoint loses nothing, and the next one repeats it.
 */
const SOURCE = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(workerData);
  const checkpoint = database.prepare('PRAGMA wal_checkpoint(PASSIVE)');
  parentPort.on('message', (message) => {
    if (message === 'close') {
      database.close();
      parentPort.close();
      return;
    }
    try {
      checkpoint.get();
    } catch {}
    parentPort.postMessage('done');
  });
`;

/** @throws if the system has no thread left */
export type StartThread = (source: string, options: WorkerOptions) => Worker;

/** A thread that is started once the log has grown. Until it is closed, commits of the store leave checkpoints to it. */
export function createLogCheckpoints(
  { path, database }: Pick<Store, 'path' | 'database'>,
  startThread: StartThread = (source, options) => new Worker(source, options),
): LogCheckpoints {
  database.exec(`PRAGMA wal_autocheckpoint = ${LAST_PAGES}`);
  const measure = database.prepare('PRAGMA wal_checkpoint(NOOP)');
  let worker: Worker | undefined;
  let running: PromiseWithResolvers<void> | undefined;
  let isUsable = true;
  /** Length of the log when the last one began: a rest that a reader needs is no reason to begin at each commit. */
  let triedAt = 0;

  function start(): Worker {
    const started = startThread(SOURCE, {
      ...{ eval: true, workerData: path, env: {}, execArgv: ['--disable-warning=ExperimentalWarning'] },
    });
    started.unref();
    started.on('message', end);
    const giveUp = (): void => {
      isUsable = false;
      end();
    };
    // Commits do it again then, once the log is long.
    started.on('error', giveUp);
    started.on('exit', giveUp);
    return started;
  }

  function end(): void {
    running?.resolve();
    running = undefined;
  }

  /** @returns undefined if another connection is in the way: the next commit tries again. */
  function measureLog() {
    try {
      return measure.get() as { readonly log: number; readonly checkpointed: number };
    } catch {
      return undefined;
    }
  }

  /** It never throws: everything is on the disk already. */
  function begin(leastPages: number, mayPause: boolean): void {
    if (running !== undefined || !isUsable || !database.isOpen) return;
    const measured = measureLog();
    if (measured === undefined) return;
    const { log, checkpointed } = measured;
    if (log < triedAt) triedAt = 0;
    if (log - (mayPause ? Math.max(checkpointed, triedAt) : checkpointed) < leastPages) return;
    try {
      worker ??= start();
    } catch {
      // The system has no thread for it.
      isUsable = false;
      return;
    }
    triedAt = log;
    running = Promise.withResolvers();
    worker.postMessage('checkpoint');
  }

  return {
    trigger: () => begin(DUE_PAGES, true),
    async bringOver() {
      await running?.promise;
      begin(FEW_PAGES, false);
      await running?.promise;
    },
    async close() {
      // Closing waits for it, as for anything else.
      worker?.ref();
      await running?.promise;
      if (worker === undefined || !isUsable) return;
      const ended = new Promise((resolve) => worker?.once('exit', resolve));
      isUsable = false;
      worker.postMessage('close');
      await ended;
    },
  };
}
