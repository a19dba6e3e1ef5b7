import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { computeBankSeed } from '@ogong/protocol/commitment/sketch';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { readTextClaim } from '@ogong/protocol/modality/text/scored-reply';
import { parseEvidence } from '@ogong/protocol/verdict/evidence';
import { computeJobId } from '@ogong/protocol/verdict/verifier-draw';
import { type Example, measureAuc } from './classify.ts';
import type { Estimate } from './measure.ts';
import { STRATEGIES } from './strategies.ts';
import type { VerifierStrategy } from './strategy.ts';
import { createWorld, type SeenJob } from './world.ts';

export interface TellOptions {
  readonly seed: number;
  readonly epochs: number;
  /** Replies in each, of which about half are audited. */
  readonly replies: number;
  /** Coverage, parts per million. Default: a half. At full coverage honeypots repeat requests. */
  readonly alphaPpm?: number;
  /** Honeypots per audit, parts per million. Default: a half, for more examples. A job does not tell how many there are. */
  readonly honeypotPpm?: number;
  /** Networks with independent draws. A classifier fitted on the even ones scores the odd ones, and vice versa. Default: 2. */
  readonly worlds?: number;
}

/** How well one party tells two kinds apart by everything that it sees; 0.5 is chance. */
export interface TellRow {
  readonly question: string;
  readonly view: string;
  readonly positives: number;
  readonly negatives: number;
  /** Positives whose request is in a job of the other kind, too. */
  readonly repeated: number;
  readonly auc: Estimate;
}

type World = Awaited<ReturnType<typeof createWorld>>;

/** The examples of one network, by party. */
type Sample = Readonly<Record<string, readonly TellExample[]>>;

interface TellExample extends Example {
  readonly isRepeated: boolean;
}

const HALF = 500_000;
const PPM = 1_000_000;
const ALONE = 'every verifier for itself';
const PROVIDER = 'the provider, when it serves';

/** Measures which party can tell what. The same seed gives the same numbers. */
export async function measureTells({ seed, worlds = 2, ...options }: TellOptions): Promise<readonly TellRow[]> {
  const samples: Sample[] = [];
  for (let number = seed; number < seed + worlds; number++) {
    const jobs = await sampleJobs({ seed: number, ...options });
    // If all replies are audited there is nothing to tell.
    const isDrawn = (options.alphaPpm ?? HALF) < PPM;
    samples.push({ ...jobs, ...(isDrawn ? { [PROVIDER]: await sampleOrders({ seed: number, ...options }) } : {}) });
  }
  const side = (parity: number, view: string): readonly TellExample[] =>
    samples.filter((_, i) => i % 2 === parity).flatMap((sample) => sample[view] ?? []);
  return Object.keys(samples[0] ?? {}).map((view) => {
    const [mine, other] = [side(0, view), side(1, view)];
    const examples = [...mine, ...other];
    const positive = examples.filter(({ isPositive }) => isPositive);
    const positives = positive.length;
    return {
      question: view === PROVIDER ? 'audited or not' : 'honeypot or job',
      view,
      positives,
      negatives: examples.length - positives,
      repeated: positive.filter(({ isRepeated }) => isRepeated).length,
      auc: measureAuc(mine, other, seed),
    };
  });
}

async function sampleJobs({
  seed,
  epochs,
  replies,
  alphaPpm = HALF,
  honeypotPpm = HALF,
}: TellOptions): Promise<Sample> {
  const strategy = STRATEGIES[0] as VerifierStrategy;
  const world = await createWorld({ seed, strategy, honeypotPpm, alphaPpm });
  await runEpochs(world, epochs, replies);
  const real = listRealJobs(world);
  const isReal = ({ job }: SeenJob): boolean => real.has(toHex(job.jobId));
  const audited = new Set(world.jobs.filter(isReal).map(({ job }) => toHex(crypto.sha256(job.request))));
  const look = (jobs: readonly SeenJob[], isKnown: (seen: SeenJob, other: SeenJob) => boolean): TellExample[] =>
    jobs.map((seen) => ({
      features: listFields(world, seen, (other) => isKnown(seen, other)),
      isPositive: !isReal(seen),
      isRepeated: !isReal(seen) && audited.has(toHex(crypto.sha256(seen.job.request))),
    }));
  const together = (names: readonly string[]): TellExample[] => {
    const isMember = ({ verifier }: SeenJob): boolean => names.includes(verifier);
    return look(world.jobs.filter(isMember), (_, other) => isMember(other));
  };
  const sample = {
    [ALONE]: look(world.jobs, (seen, other) => other.verifier === seen.verifier),
    'two of five verifiers together': together(world.names.slice(0, 2)),
    'all five verifiers together': together(world.names),
  };
  await world.close();
  return sample;
}

/** Samples a provider's view before its record is acknowledged: order, request and time. Replies are evenly spaced here. */
async function sampleOrders({ seed, epochs, replies, alphaPpm = HALF }: TellOptions): Promise<readonly TellExample[]> {
  const strategy = STRATEGIES[0] as VerifierStrategy;
  const world = await createWorld({ seed: seed + 50, strategy, alphaPpm });
  await runEpochs(world, epochs, replies);
  const examples = world.served.map(({ replyId }, index) => {
    const { submission } = world.validator.find(replyId);
    const { request, response, record } = submission as NonNullable<typeof submission>;
    const sizes = [request.length, response.length, record.record.length];
    const features = [index, index % replies, ...sizes, ...replyId.subarray(0, 4)];
    return { features, isPositive: world.verdictOf(replyId)?.verdict !== 'unaudited', isRepeated: false };
  });
  await world.close();
  return examples;
}

async function runEpochs(world: World, epochs: number, replies: number): Promise<void> {
  for (const name of ['provider0', 'provider1']) await world.announceProvider(name);
  for (let epoch = 0; epoch < epochs; epoch++) {
    if (epoch % 20 === 19) await world.announceAll();
    for (let i = 0; i < replies; i++) await world.serve(`provider${i % 2}`, false);
    await world.runEpoch();
  }
  await world.runEpoch();
}

/** Ids of the jobs of audits. The others were honeypots. */
function listRealJobs({ validator, served }: World): ReadonlySet<string> {
  const ids = served.flatMap(({ replyId }) => {
    const { evidence } = validator.find(replyId);
    const parsed = evidence && parseEvidence(evidence);
    if (parsed?.kind !== 'audit') return [];
    const { address } = validator.signer;
    return parsed.attempts.map(({ nonce }, attempt) =>
      toHex(computeJobId(crypto, { validator: address, replyId, attempt, nonce })),
    );
  });
  return new Set(ids);
}

/** Epochs from an order to a job about it: up to twice what runEpoch certifies, since a job may wait for the next one. */
const AGES = Array.from({ length: 9 }, (_, age) => age);

/** Every field of a job, when it came, and what came before it. */
function listFields(
  { validator, jobs, modelRoot }: World,
  seen: SeenJob,
  isKnown: (other: SeenJob) => boolean,
): number[] {
  const { job, epoch, phase } = seen;
  const header = parseHeader(job.header);
  const hasAge = (age: number): boolean => {
    const beacon = epoch >= BigInt(age) ? validator.archive.find(epoch - BigInt(age)) : undefined;
    return beacon !== undefined && equalBytes(computeBankSeed(crypto, modelRoot, beacon.previous), job.sketchBankSeed);
  };
  const age = AGES.findIndex(hasAge);
  // Jobs of one moment have a random order (mixJobs). Here both count as earlier.
  const isBefore = (other: SeenJob): boolean => other.epoch < epoch || (other.epoch === epoch && other.phase <= phase);
  const before = jobs.filter((other) => other !== seen && isBefore(other) && isKnown(other));
  const sameRequest = before.filter((other) => equalBytes(other.job.request, job.request)).length;
  const sameMoment = before.filter((other) => other.epoch === epoch && other.phase === phase).length;
  const tokens = new Uint32Array(readTextClaim(job).outputTokens.slice().buffer);
  const mean = (values: ArrayLike<number>): number =>
    Array.from(values).reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  return [
    phase,
    age,
    sameRequest,
    sameMoment,
    job.request.length,
    tokens.length,
    mean(tokens),
    new Set(tokens).size / tokens.length,
    mean(readTextClaim(job).listSizes),
    job.header.length,
    header.stopReason === 'length' ? 1 : 0,
    job.timeoutMs,
    job.jobId[0] as number,
    job.jobId[15] as number,
  ];
}
