import type { OnnxTrajectoryEngine } from '@ogong/engine/onnx/trajectory-engine';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import { AUDITED_STEPS } from '@ogong/protocol/modality/trajectory/audit-job';
import { countLatentValues } from '@ogong/protocol/modality/trajectory/header';
import { createLatentNoise } from '@ogong/protocol/modality/trajectory/noise';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { chooseDrawKey } from '@ogong/provider/modality/draw-keys';
import { commitPicture } from '@ogong/provider/modality/trajectory/commit-picture';
import { makePicture, toEngineRequest } from '@ogong/provider/modality/trajectory/make-picture';
import { resolveChoices } from '@ogong/provider/modality/trajectory/picture-choices';
import { openPictureJob } from '@ogong/provider/modality/trajectory/score-picture';
import { readAllThreadsMs } from '../busy-time.ts';
import { measureInTurn, median, pairedRatio, type Row } from '../row.ts';

export interface GenerationBench {
  readonly id: string;
  readonly name: string;
  readonly steps: number;
  readonly rounds: number;
}

/** Processor time of this process, and of it and the engine's together. */
interface Spent {
  readonly ownMs: number;
  readonly ms: number;
}

const listMs = (samples: readonly Spent[]): number[] => samples.map(({ ms }) => ms);
const signal = new AbortController().signal;
const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);

/** The cost of a picture, of its commitment and of its audit, in processor time of this process and the engine's. */
export async function measureGeneration(
  engine: OnnxTrajectoryEngine,
  { id, name, steps, rounds }: GenerationBench,
): Promise<Row[]> {
  const written = { model: 'ogong/verified/bench/m', prompt: 'a large red circle', steps, guidance: 3 };
  const body = utf8Encode(JSON.stringify(written));
  const request = trajectory.parseRequest(body, 'image');
  const info = engine.info();
  const order = {
    ...{ modelRoot: info.modelRoot, requestHash: hashRequest(crypto, 'image', body), replyId: fill(16, 1) },
    ...{
      orderHash: fill(32, 2),
      payee: fill(20, 3),
      choice: 0,
      nonce: fill(32, 4),
      providerId: fill(32, 5),
      epoch: 1n,
    },
  };
  const beacon = { value: fill(32, 6), previous: fill(32, 7) };
  const drawKey = chooseDrawKey(order, request, beacon.value);
  const choices = resolveChoices(request, info);
  const signer = createNodeHybridSigner(fill(64, 8));
  const makeNoise = () => createLatentNoise(crypto, computeDrawKey(crypto, drawKey), countLatentValues(choices, info));
  const asked = toEngineRequest(request, choices);

  const run = async (): Promise<Float32Array> => {
    let latent = new Float32Array();
    for await (const step of engine.generate(asked, { noise: makeNoise(), signal }))
      latent = Float32Array.from(step.latent);
    return latent;
  };
  const commit = async () => {
    const picture = await makePicture(engine, { request, choices }, { noise: makeNoise(), signal });
    const served = { order, request, body, info, beacon, drawKey, picture, startMs: 1, endMs: 2 };
    return commitPicture(crypto, signer, served);
  };
  const { record, opening, blobs = [] } = await commit();
  const kept = new Map(blobs.map(({ ref, bytes }) => [toHex(ref.root), bytes]));
  const draw = fill(32, 9);
  const reply = trajectory.replay(crypto, parseRecordV2(record), parseOpening(opening), {
    blobs: (root) => kept.get(toHex(root)),
  });
  const job = {
    ...{ jobId: fill(16, 10), request: body, timeoutMs: 0, ...reply.describeJob('image', draw) },
    blobs: [...(reply.makeJobBlobs?.(draw) ?? [])],
  };
  const final = await run();
  const timed = (work: () => Promise<unknown>) => async (): Promise<Spent> => {
    const pid = engine.pid() as number;
    const [ownUs, childMs] = [process.cpuUsage(), readAllThreadsMs(pid)];
    await work();
    const { user, system } = process.cpuUsage(ownUs);
    const ownMs = (user + system) / 1000;
    return { ownMs, ms: ownMs + readAllThreadsMs(pid) - childMs };
  };
  const decode = () => engine.decode(final, choices, { signal });
  const samples = await measureInTurn(rounds, {
    steps: timed(run),
    decode: timed(decode),
    alone: timed(async () => {
      await run();
      await decode();
    }),
    committed: timed(commit),
    audited: timed(() => openPictureJob(job, { engine, crypto }).score(signal)),
  });
  const [ran, decoded, alone, audited] = [samples.steps, samples.decode, samples.alone, samples.audited].map(
    listMs,
  ) as [number[], number[], number[], number[]];
  const expected = ran.map((ms, round) => (AUDITED_STEPS / steps) * ms + (decoded[round] as number));
  // The engine computes the same with and without a commitment, and its time varies by more than a commitment costs.
  const committed = samples.committed.map(({ ownMs }, round) => {
    const without = samples.alone[round] as Spent;
    return without.ms + ownMs - without.ownMs;
  });
  const note = `${name}: ${steps} steps with guidance in ${median(ran).toFixed(0)} ms, decoding ${median(decoded).toFixed(0)} ms of processor time; median of ${rounds} rounds`;
  return [
    {
      id: `picture-commitment-${id}`,
      what: 'a picture with its commitment / without',
      value: pairedRatio(committed, alone),
      unit: 'x',
      aim: { at: 'most', value: 1.03 },
      note: `${note}; links, projections, blobs, tree and hybrid signature, as time of this process`,
      why: 'signatures, hashes and projections cost some milliseconds, and all steps of a tiny model 20 to 50',
    },
    {
      id: `picture-audit-${id}`,
      what: `audit of a picture / ${AUDITED_STEPS} of its steps and its decoding`,
      value: pairedRatio(audited, expected),
      unit: 'x',
      aim: { at: 'most', value: 1 },
      note: `${note}; audit ${median(audited).toFixed(0)} ms, ${pairedRatio(audited, alone).toFixed(2)} of the picture`,
      why: 'an audit reads the prompts once more, hashes latents and computes projections',
    },
  ];
}
