import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as pause } from 'node:timers/promises';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { driveWalk } from '@ogong/protocol/modality/blob-walk';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { median, type Row } from '../row.ts';
import { commitMadeUp } from './stage-1.ts';

const SIDE = 1024;
const STEPS = 50;
/** As of Stable Diffusion 3 and Flux: a latent of 1 MiB. */
const LATENT_CHANNELS = 16;
const RUNS = 5;

interface Replayed {
  /** Processor time of this thread. */
  readonly ms: number;
  /** The longest time without a turn of the event loop. */
  readonly delayMs: number;
}

/** Stage 1 of a large picture: all outputs at once, and one after another as gateway and validator replay them. */
export async function measureLargeReplay(): Promise<Row[]> {
  const {
    record,
    opening: bytes,
    blobs = [],
  } = await commitMadeUp({
    ...{ side: SIDE, steps: STEPS, latentChannels: LATENT_CHANNELS },
  });
  const opening = parseOpening(bytes);
  const parsed = parseRecordV2(record);
  const held = new Map(blobs.map((blob) => [toHex(blob.ref.root), blob.bytes]));
  const find = (root: Uint8Array): Uint8Array => held.get(toHex(root)) as Uint8Array;
  const mebibytes = blobs.reduce((sum, { ref }) => sum + ref.bytes, 0) / 2 ** 20;

  const whole = await repeat(async () => trajectory.replay(crypto, parsed, opening, { blobs: find }).checks);
  const walked = await repeat(async () => {
    const walk = trajectory.walkBlobs(crypto, parsed, opening, { draw: new Uint8Array(32) });
    return (await driveWalk(walk, { read: async ({ root }) => find(root), pause })).checks;
  });
  const what = `links of ${STEPS} steps of ${SIDE}x${SIDE} pixels, ${mebibytes} MiB of outputs`;
  const note = (runs: readonly Replayed[]): string =>
    `longest pause of the event loop ${Math.max(...runs.map(({ delayMs }) => delayMs)).toFixed(0)} ms; median of ${RUNS}`;
  const row = (id: string, how: string, runs: readonly Replayed[]): Row => ({
    ...{ id, what: `${what}, ${how}`, unit: 'ms/MiB', note: note(runs) },
    value: median(runs.map(({ ms }) => ms)) / mebibytes,
  });
  return [
    row('picture-large-whole', 'all at once', whole),
    { ...row('picture-large-walk', 'one after another', walked), aim: { at: 'most', value: 20 } },
  ];
}

/** @throws if a check fails */
async function repeat(run: () => Promise<readonly { readonly status: string }[]>): Promise<Replayed[]> {
  const runs: Replayed[] = [];
  for (let i = 0; i < RUNS; i++) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await pause();
    const start = process.threadCpuUsage();
    const checks = await run();
    const { user, system } = process.threadCpuUsage(start);
    await new Promise((resolve) => setTimeout(resolve, 10));
    delay.disable();
    if (checks.some(({ status }) => status !== 'pass')) throw new Error('a check of the picture fails');
    runs.push({ ms: (user + system) / 1_000, delayMs: delay.max / 1e6 });
  }
  return runs;
}
