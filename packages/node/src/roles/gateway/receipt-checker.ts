import { Worker } from 'node:worker_threads';
import type { Receipt } from '@ogong/protocol/receipt';
import type { ReceiptVerdict, Trust } from '@ogong/protocol/verify-receipt';

export interface CheckJob {
  readonly receipt: Receipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly trust: Trust;
  readonly nowMs: number;
}

/** Stage 1 on a thread of its own: a long reply takes a while to replay, and other streams must not wait for it. */
export interface ReceiptChecker {
  /** Starts the thread now, so that the first reply need not wait for it. */
  start(): void;
  check(job: CheckJob): Promise<ReceiptVerdict>;
  stop(): Promise<void>;
}

interface Waiting {
  readonly resolve: (verdict: ReceiptVerdict) => void;
  readonly reject: (error: Error) => void;
}

export function createReceiptChecker(): ReceiptChecker {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let next = 0;

  function open(): Worker {
    const started = new Worker(new URL('./receipt-checker.worker.ts', import.meta.url));
    started.unref();
    started.on('message', ({ id, verdict }: { id: number; verdict: ReceiptVerdict }) => {
      waiting.get(id)?.resolve(verdict);
      waiting.delete(id);
      if (waiting.size === 0) started.unref();
    });
    const fail = (error: Error) => {
      if (worker === started) worker = undefined;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    };
    started.on('error', fail);
    started.on('exit', (code) => fail(new Error(`the receipt checker ended with code ${code}`)));
    return started;
  }

  return {
    start() {
      worker ??= open();
    },
    check(job) {
      worker ??= open();
      const thread = worker;
      const id = next++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        thread.ref();
        thread.postMessage({ id, job });
      });
    },
    async stop() {
      await worker?.terminate();
    },
  };
}
