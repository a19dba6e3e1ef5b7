import type { ChildProcess } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { startConfinedChild } from '@ogong/host/lifecycle/confined-child';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { Trust } from '@ogong/protocol/stage1/trust';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';
import type { HeldBlob } from '../fetch-blobs.ts';
import type { AdmissionSigner } from './ordered-crypto.ts';
import { createWalkTurns, type ReadBlob } from './walk-receipt.ts';

export interface CheckJob {
  readonly receipt: Receipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  /** Blobs that stage 1 reads, checked against their roots. Default: none. */
  readonly heldBlobs?: readonly HeldBlob[] | undefined;
  /** Reads the blobs of a reply whose modality replays one after another. Its error becomes that of the check. Default: none is read. */
  readonly readBlob?: ReadBlob | undefined;
  readonly trust: Trust;
  readonly nowMs: number;
  /** Whether this gateway signed the order itself, and checked the ticket's signatures when it arrived. Default: false. */
  readonly isOrdered?: boolean;
  /** For the receipt of such a reply. Default: the checker's process recovers the signer itself. */
  readonly admitted?: AdmissionSigner | undefined;
  /** Policy of tier `tee`. Without it no machine is believed. */
  readonly machinePolicy?: MachinePolicy | undefined;
}

/** A job as it goes to the checker's process. */
export interface SentJob extends Omit<CheckJob, 'readBlob'> {
  /** Whether the process may ask for blobs. */
  readonly readsBlobs: boolean;
}

/** Message to the checker's process: a job, or a blob that it wants. */
export type CheckMessage =
  | { readonly id: number; readonly job: SentJob }
  /** Undefined if the blob does not come. Then nobody waits for the verdict any more. */
  | { readonly id: number; readonly blob: Uint8Array | undefined };

/** Message of the checker's process: a verdict, or the blob that it reads next. */
export type CheckAnswer =
  | { readonly id: number; readonly verdict: ReceiptVerdict }
  | { readonly id: number; readonly wants: BlobRef };

/**
 * Stage 1 in a process of its own: a long reply takes a while to replay, and other streams must not wait for it. That process
 * reads a stranger's receipt. So it has none of the gateway's secrets, can read only its own code, can write no file and start no
 * process.
 */
export interface ReceiptChecker {
  /** Starts the process now, so that the first reply need not wait for it. */
  start(): void;
  check(job: CheckJob): Promise<ReceiptVerdict>;
  stop(): Promise<void>;
}

interface Waiting {
  readonly readBlob: ReadBlob | undefined;
  readonly resolve: (verdict: ReceiptVerdict) => void;
  readonly reject: (error: Error) => void;
}

// A worker thread would be lighter. But V8 13.6 aborts the whole process when threads that use WebAssembly come and go
// (nodejs/node issue 64500), and Node strips types with WebAssembly.
const CHILD = fileURLToPath(new URL('./receipt-checker.child.ts', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url));

const MAX_HEAP_MIB = 1_024;
/** With 64 MiB, as Node has it, the process keeps 85 MiB of garbage from its start. */
const SEMI_SPACE_MIB = 4;

/** Lists the folders of other packages whose code the process loads. */
const listCodeFolders = (): string[] =>
  [
    '@ogong/protocol/verdict/receipt/verify-receipt',
    '@ogong/host/crypto/node-crypto',
    '@ogong/attestation/machine-check',
  ]
    .map((entry) => findPackageJSON(entry, import.meta.url))
    .filter((path) => path !== undefined)
    .map((path) => realpathSync(dirname(path)));

/** @param modulePath module of the process; tests use another one. */
export function createReceiptChecker(modulePath = CHILD): ReceiptChecker {
  const waiting = new Map<number, Waiting>();
  const turns = createWalkTurns();
  let child: ChildProcess | undefined;
  let next = 0;

  function open(): ChildProcess {
    const started = startConfinedChild(modulePath, {
      ...{ home: PACKAGE, folders: listCodeFolders(), stderr: 'inherit' },
      ...{ maxHeapMib: MAX_HEAP_MIB, maxSemiSpaceMib: SEMI_SPACE_MIB },
    });
    const release = () => {
      started.unref();
      started.channel?.unref();
    };
    release();
    const end = (id: number): void => {
      waiting.delete(id);
      if (waiting.size === 0) release();
    };
    const fetch = async (id: number, wants: BlobRef): Promise<void> => {
      const { readBlob, reject } = waiting.get(id) ?? {};
      let blob: Uint8Array | undefined;
      try {
        blob = await readBlob?.(wants);
      } catch (error) {
        reject?.(error as Error);
        end(id);
      }
      const message: CheckMessage = { id, blob };
      started.send(message, () => undefined);
    };
    started.on('message', (answer: CheckAnswer) => {
      if ('wants' in answer) return void fetch(answer.id, answer.wants);
      waiting.get(answer.id)?.resolve(answer.verdict);
      end(answer.id);
    });
    const fail = (error: Error) => {
      if (child !== started) return;
      child = undefined;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    };
    started.on('error', fail);
    started.on('exit', (code, signal) => fail(new Error(`the receipt checker ended with ${signal ?? `code ${code}`}`)));
    return started;
  }

  return {
    start() {
      child ??= open();
    },
    async check({ readBlob, ...job }) {
      const endTurn = readBlob && (await turns.take());
      child ??= open();
      const current = child;
      const message: CheckMessage = { id: next++, job: { ...job, readsBlobs: readBlob !== undefined } };
      return new Promise<ReceiptVerdict>((resolve, reject) => {
        waiting.set(message.id, { readBlob, resolve, reject });
        current.ref();
        current.channel?.ref();
        // If the message cannot be sent, the process has ended, and `exit` reports that.
        current.send(message, () => undefined);
      }).finally(endTurn);
    },
    async stop() {
      const current = child;
      if (current === undefined) return;
      // A process that could not be started emits only an error.
      const ended = new Promise((resolve) => current.once('exit', resolve).once('error', resolve));
      current.ref();
      current.kill('SIGKILL');
      await ended;
    },
  };
}
