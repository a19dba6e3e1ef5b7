import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { toBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import { countLatentValues } from '@ogong/protocol/modality/trajectory/header';
import { createLatentNoise } from '@ogong/protocol/modality/trajectory/noise';
import { readSchedulerConfig } from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { chooseDrawKey } from '@ogong/provider/modality/draw-keys';
import type { CommittedReply } from '@ogong/provider/modality/order-job';
import { commitPicture } from '@ogong/provider/modality/trajectory/commit-picture';
import { listFacts, resolveChoices } from '@ogong/provider/modality/trajectory/picture-choices';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { planDeclared, walk } from '../../attackers/trajectory/walk.ts';
import { median, type Row } from '../row.ts';

const SIDE = 512;
const STEPS = 20;
const RUNS = 15;
/** Runs before the measured ones, until the code is compiled. */
const WARM_RUNS = 10;
const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);

/** Stage 1 of a picture of Stable Diffusion's size: in Node on this thread, and in Chromium. */
export async function measureStage1(): Promise<Row[]> {
  const committed = await commitMadeUp({ side: SIDE, steps: STEPS, latentChannels: 4 });
  for (let run = 0; run < WARM_RUNS; run++) checkHere(committed);
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) times.push(checkHere(committed));
  const { ms, missing } = checkInBrowser(committed);
  const what = `stage 1 of a picture of ${STEPS} steps and ${SIDE}x${SIDE} pixels`;
  const note = `latents of ${committed.blobs?.[0]?.ref.bytes} bytes; the hashes of all outputs, every link and all projections`;
  return [
    {
      ...{ id: 'picture-stage-1', what: `${what}, Node`, value: median(times), unit: 'ms' },
      aim: { at: 'most', value: 50 },
      note: `${note}; processor time, median of ${RUNS}, the least ${Math.min(...times).toFixed(1)}`,
    },
    {
      ...{ id: 'picture-stage-1-browser', what: `${what}, headless Chromium`, value: ms, unit: 'ms' },
      aim: { at: 'most', value: 150 },
      note: missing ?? `${note}; time of the page's thread on a core, the mean of ${RUNS}`,
      why: 'SHA-256 in JavaScript takes most of the time',
    },
  ];
}

export interface MadeUpPicture {
  /** Pixels along one side. */
  readonly side: number;
  readonly steps: number;
  readonly latentChannels: number;
}

/** A picture of outputs that no model computed. All its links hold. */
export async function commitMadeUp({ side, steps, latentChannels }: MadeUpPicture): Promise<CommittedReply> {
  const fake = createFakeTrajectoryEngine({ side });
  const info: TrajectoryInfo = {
    ...fake.info(),
    ...{ latentChannels, latentScale: 8 },
    scheduler: readSchedulerConfig({
      _class_name: 'DDIMScheduler',
      beta_schedule: 'scaled_linear',
      clip_sample: false,
    }),
  };
  await fake.close();
  const body = utf8Encode(JSON.stringify({ model: 'ogong/verified/bench/m', prompt: 'a ship', steps }));
  const request = trajectory.parseRequest(body, 'image');
  const choices = resolveChoices(request, info);
  const order = {
    ...{ modelRoot: info.modelRoot, requestHash: fill(32, 1), replyId: fill(16, 2), orderHash: fill(32, 3) },
    ...{ payee: fill(20, 4), choice: 0, nonce: fill(32, 5), providerId: fill(32, 6), epoch: 1n },
  };
  const beacon = { value: fill(32, 7), previous: fill(32, 8) };
  const drawKey = chooseDrawKey(order, request, beacon.value);
  const noise = createLatentNoise(crypto, computeDrawKey(crypto, drawKey), countLatentValues(choices, listFacts(info)));
  const walked = await walk(planDeclared(info, choices), noise, ({ latent }) => latent.map((value) => 0.9 * value));
  const pixels = Uint8Array.from({ length: side * side * 3 }, (_, i) => i * 7);
  const tokens = { prompt: Uint32Array.of(1, 2), negative: new Uint32Array() };
  const picture = { choices, tokens, source: undefined, ...walked, pixels };
  const signer = createNodeHybridSigner(fill(64, 9));
  return commitPicture(crypto, signer, { order, request, body, info, beacon, drawKey, picture, startMs: 1, endMs: 2 });
}

/** @returns processor time of this thread, ms. @throws if a check fails */
function checkHere({ record, opening: openingBytes, blobs = [] }: CommittedReply): number {
  const start = process.threadCpuUsage();
  const opening = parseOpening(openingBytes);
  const held = new Map(blobs.map(({ bytes }) => [toHex(computeBlobRoot(crypto, opening.blind, bytes)), bytes]));
  const { checks } = trajectory.replay(crypto, parseRecordV2(record), opening, {
    blobs: (root) => held.get(toHex(root)),
  });
  const { user, system } = process.threadCpuUsage(start);
  const failed = checks.find(({ status }) => status !== 'pass');
  if (failed !== undefined) throw new Error(`the picture fails ${failed.id}: ${failed.detail}`);
  return (user + system) / 1000;
}

/** The SDK's own measurement. It runs in a separate process because the package does not export this script. */
const script = fileURLToPath(new URL('../scripts/measure-picture.ts', import.meta.resolve('@ogong/sdk')));

function checkInBrowser({ record, opening, blobs = [] }: CommittedReply): { ms?: number; missing?: string } {
  const input = JSON.stringify({
    ...{ record: toBase64(record), opening: toBase64(opening) },
    blobs: blobs.map(({ bytes }) => toBase64(bytes)),
  });
  const { stdout, stderr, status } = spawnSync(process.execPath, [script], {
    input,
    encoding: 'utf8',
    timeout: 180_000,
  });
  if (status !== 0) throw new Error(`stage 1 in Chromium failed: ${stderr}`);
  return JSON.parse(stdout) as { ms?: number; missing?: string };
}
