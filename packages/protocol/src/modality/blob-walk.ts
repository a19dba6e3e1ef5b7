import type { Check } from '../base/checks.ts';
import type { BlobRef } from '../commitment/blob.ts';

/**
 * A replay that holds few blobs at a time. It yields the reference of each blob that it reads next, and gets the bytes, which must be
 * checked against the root. It yields nothing where it has computed for a while, so that its driver can pause.
 */
export type BlobWalk = Generator<BlobRef | undefined, WalkedBlobs, Uint8Array | undefined>;

/** The result of a walk. `ReplayOptions.walked` takes it in place of the blobs. */
export interface WalkedBlobs {
  /** Root of the commitment whose blobs were read. */
  readonly commitRoot: Uint8Array;
  readonly checks: readonly Check[];
  /** The values that the wanted job needs. */
  readonly kept: readonly (Float32Array | undefined)[] | undefined;
  /** The blobs that refute the opening, if some do. */
  readonly refutedBy?: readonly Uint8Array[] | undefined;
}

/** The job for which a walk keeps values. */
export interface WantedJob {
  /** Value of the beacon that selected the reply, 32 bytes. */
  readonly draw: Uint8Array;
  /** Seed of the reply's honeypot, 32 bytes, if it has one. */
  readonly plantSeed?: Uint8Array | undefined;
}

export interface WalkMeans {
  /** Fetches a blob and checks it. Its errors end the walk. */
  readonly read: (ref: BlobRef) => Promise<Uint8Array>;
  /** Lets other work run. */
  readonly pause: () => Promise<unknown>;
}

/** Drives a walk to its end. A blob that refutes the opening ends it early. */
export async function driveWalk(walk: BlobWalk, { read, pause }: WalkMeans): Promise<WalkedBlobs> {
  let at = walk.next();
  while (!at.done) {
    const bytes = at.value && (await read(at.value));
    await pause();
    at = walk.next(bytes);
  }
  return at.value;
}
