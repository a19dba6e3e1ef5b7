import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { BLOCK_BYTES } from '../block-size.ts';

/** The SHA-256 of a file whose blocks pass one after another. */
export interface FileDigest {
  /** Resolves once the buffer of the block may be used again. */
  update(block: Uint8Array): Promise<void>;
  /** @returns 32 bytes, or undefined if the thread failed. */
  digest(): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/** Smaller files are hashed sooner than a thread starts. */
const LEAST_THREAD_BYTES = 64 * BLOCK_BYTES;

/** Creates a hash. That of a large file works on another thread: blocks in shared memory are not copied. */
export const createFileDigest = (sizeBytes: number): FileDigest =>
  sizeBytes < LEAST_THREAD_BYTES ? createOwnHash() : createThreadHash();

function createOwnHash(): FileDigest {
  const hash = createHash('sha256');
  return {
    async update(block) {
      hash.update(block);
    },
    digest: async () => new Uint8Array(hash.digest()),
    close: async () => undefined,
  };
}

/** Answers each message in turn: a block with nothing, and the end of the blocks with the digest. */
const SOURCE = `
  const { createHash } = require('node:crypto');
  const { parentPort } = require('node:worker_threads');
  const hash = createHash('sha256');
  parentPort.on('message', (block) => {
    if (block !== undefined) hash.update(block);
    parentPort.postMessage(block === undefined ? hash.digest() : undefined);
  });
`;

type Reply = Uint8Array | undefined;

function createThreadHash(): FileDigest {
  const waiting: ((reply: Reply) => void)[] = [];
  let isUsable = true;
  const worker = new Worker(SOURCE, { eval: true, env: {}, execArgv: [] });
  worker.on('message', (reply: Reply) => waiting.shift()?.(reply));
  const giveUp = (): void => {
    isUsable = false;
    for (const resolve of waiting.splice(0)) resolve(undefined);
  };
  worker.on('error', giveUp);
  worker.on('exit', giveUp);
  const ask = (block?: Uint8Array): Promise<Reply> =>
    new Promise((resolve) => {
      if (!isUsable) return resolve(undefined);
      waiting.push(resolve);
      worker.postMessage(block);
    });
  return {
    async update(block) {
      await ask(block);
    },
    digest: () => ask(),
    async close() {
      await worker.terminate();
    },
  };
}
