import type { TextEngine } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { Announcement } from '@ogong/protocol/exchange/announcement';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { readTextClaim } from '@ogong/protocol/modality/text/scored-reply';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { parseScoreJob, scoreJob } from '@ogong/provider/modality/text/score-text';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createTestClock, createTestValidator, ledger, payer } from '@ogong/testing/validator/test-bench';
import { createTestCalls } from '@ogong/testing/validator/test-calls';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { createTestOrder, MODEL, PRICE_PER_1K } from '@ogong/testing/validator/test-reply';
import { readVerifier, type VerifierRecord } from '@ogong/validator/store/verifier-store';
import { createHollowEngine } from './made-up.ts';
import { type EngineReply, serveByEngine } from './serve.ts';
import type { Scene, VerifierStrategy } from './strategy.ts';

export const EPOCH_MS = 60_000;
/** How often the validator works on its audits in one epoch. */
const TICKS = 40;

export interface WorldOptions {
  readonly seed: number;
  readonly strategy: VerifierStrategy;
  /** Verifiers that follow the strategy. Default: 1. */
  readonly followers?: number;
  /** Honest verifiers beside them. Default: 4. */
  readonly honest?: number;
  /** Parts per million; the validator's defaults otherwise. */
  readonly pairPpm?: number;
  readonly honeypotPpm?: number;
  readonly alphaPpm?: number;
}

/** A job as its verifier saw it. */
export interface SeenJob {
  readonly verifier: string;
  readonly job: ScoreJobMessage;
  readonly epoch: bigint;
  /** Where in the epoch it came, 0..1. */
  readonly phase: number;
}

export interface WorldReply {
  readonly replyId: Uint8Array;
  readonly isCheat: boolean;
  readonly provider: string;
}

const FOLLOWER = 'follower';
const idOf = (name: string): Uint8Array => hashHybridKey(crypto, createTestHybrid(name).publicKey);
const keyOf = (job: ScoreJobMessage): string => toHex(crypto.sha256(job.request, readTextClaim(job).outputTokens));

/**
 * One validator's production code with verifiers of the given strategies, on one fake engine and its own clock. Every reply is
 * generated, committed, admitted, audited and decided as in the network. Links and chain are left out.
 */
export async function createWorld(options: WorldOptions) {
  const { seed, strategy, followers = 1, honest = 4, pairPpm, honeypotPpm, alphaPpm = 1_000_000 } = options;
  const random = createSeededRandom(seed);
  const engine = createFakeEngine({ contextSize: 512 });
  const cheap = createFakeEngine({ contextSize: 512, error: 3 });
  const clock = createTestClock();
  const openings = new Map<string, Uint8Array>();
  const told = new Map<string, readonly WindowBytes[]>();
  const opened = new Map<string, Uint8Array>();
  const requests = new Set<string>();
  const jobs: SeenJob[] = [];
  const work = { honest: 0, cheap: 0, madeUp: 0 };
  let epochStartMs = clock.nowMs();

  const score = (job: ScoreJobMessage, by: TextEngine): Promise<Uint8Array> =>
    scoreJob(parseScoreJob(job, crypto), {
      engine: by,
      crypto,
      signal: AbortSignal.timeout(60_000),
    });
  const phase = (): number => Math.min(1, (clock.nowMs() - epochStartMs) / EPOCH_MS);
  /**
   * Randomness is a function of the job, so that a run does not depend on the order of two calls. If several verifiers follow one
   * strategy, it is a function of the scored tokens, so that their made-up reports agree.
   */
  const createScene = (job: ScoreJobMessage): Scene => {
    const about =
      followers > 1 ? crypto.sha256(job.request, readTextClaim(job).outputTokens) : crypto.sha256(job.jobId);
    const draw = createSeededRandom(new DataView(about.buffer, about.byteOffset).getUint32(0) ^ seed);
    return { ...scene(draw), random: draw };
  };
  const scene = (draw: () => number): Omit<Scene, 'random'> => ({
    work(job) {
      work.honest++;
      return score(job, engine);
    },
    workCheaply(job) {
      work.cheap++;
      return score(job, cheap);
    },
    makeUp(job, bend) {
      work.madeUp++;
      return score(job, createHollowEngine(engine, draw, bend));
    },
    told: (job) => told.get(toHex(crypto.sha256(job.request))),
    leaked: (job) => opened.get(keyOf(job)),
    wasSeen: (job) => requests.has(toHex(crypto.sha256(job.request))),
    phase,
  });
  const nameOf = ({ endpoint }: { readonly endpoint: unknown }): string => String(endpoint).replace(/:1$/, '');
  const isFollower = (name: string): boolean => name.startsWith(FOLLOWER);
  const kept = new Map<string, ScoreJobMessage>();
  const inner = createTestCalls(async (peer, job) => {
    const name = nameOf(peer);
    const report = isFollower(name) ? await strategy.report(job, createScene(job)) : await score(job, engine);
    requests.add(toHex(crypto.sha256(job.request)));
    if (report === undefined) throw new Error('no answer');
    return { report, signer: createTestHybrid(name) };
  });
  const calls: VerifierCalls = {
    commit(peer, job, call) {
      const epoch = validator.archive.latest().epoch;
      jobs.push({ verifier: nameOf(peer), job, epoch, phase: phase() });
      kept.set(toHex(job.jobId), job);
      return inner.commit(peer, job, call);
    },
    async reveal(peer, request, call) {
      if (isFollower(nameOf(peer)) && strategy.stallsOver?.(request.round.length)) {
        throw new LinkError('remote', 'not now', { refusal: 'unavailable' });
      }
      const answer = await inner.reveal(peer, request, call);
      const job = kept.get(toHex(request.jobId)) as ScoreJobMessage;
      if (!isFollower(nameOf(peer)) || strategy.open === undefined) {
        opened.set(keyOf(job), answer.report);
        return answer;
      }
      const other = strategy.open(answer.report, job, createScene(job));
      if (other === undefined) throw new Error('no answer');
      return { ...answer, report: other };
    },
  };
  const validator = createTestValidator({
    clock,
    calls,
    getOpening: async (_peer, replyId) => openings.get(toHex(replyId)) as Uint8Array,
    audit: {
      alphaPpm: () => alphaPpm,
      windowMs: 10 * EPOCH_MS,
      spreadMs: EPOCH_MS,
      concurrency: 64,
      ...(pairPpm === undefined ? {} : { pairPpm }),
      ...(honeypotPpm === undefined ? {} : { honeypotPpm }),
    },
  });
  const { modelRoot, numericClass } = engine.info();
  const slots = { capacity: 1, freeCapacity: 1 };
  let announced = 0n;
  const announce = (name: string, verifier?: Announcement['verifier']) =>
    validator.announce(
      createTestHybrid(name),
      {
        endpoint: `${name}:1`,
        verifier,
        models: [
          {
            modelId: MODEL,
            modelRoot,
            pricePer1kAtomic: PRICE_PER_1K,
            contextSize: 512,
            numericClass,
            modality: 'text',
            ...slots,
          },
        ],
        sequence: ++announced,
      },
      createTestPayee(name),
    );
  const names = [
    ...Array.from({ length: followers }, (_, i) => `${FOLLOWER}${i}`),
    ...Array.from({ length: honest }, (_, i) => `honest${i}`),
  ];

  async function announceAll(): Promise<void> {
    for (const name of names) {
      const verifier = { endpoint: `${name}:1`, certHash: crypto.sha256(utf8Encode(name)), keyHash: idOf(name) };
      await announce(name, verifier);
    }
  }
  await announceAll();

  let number = 0;
  const served: WorldReply[] = [];

  async function serve(provider: string, isCheat: boolean): Promise<void> {
    const signer = createTestHybrid(provider);
    const index = number++;
    const { epoch } = validator.archive.latest();
    const order = createTestOrder({
      payer,
      ledger,
      validator: validator.signer.address,
      provider: signer,
      index: seed * 1_000_000 + index,
      epoch,
      expiresAtMs: clock.nowMs() + 120_000,
      tokens: 8 + Math.floor(random() * 48),
      bend: { modelRoot, payee: createTestPayee(provider).address, cumulativeAtomic: 1_000_000n * BigInt(index + 1) },
    });
    const beacon = validator.archive.find(epoch) as { value: Uint8Array; previous: Uint8Array };
    const by = isCheat ? cheap : engine;
    const reply: EngineReply = await serveByEngine(by, order, {
      provider: signer,
      payee: createTestPayee(provider),
      ledger,
      beacon,
      nowMs: clock.nowMs(),
    });
    openings.set(toHex(order.fields.replyId), reply.opening);
    if (isCheat) told.set(toHex(crypto.sha256(order.request)), reply.windows);
    await validator.intake.admit(order);
    await validator.intake.pushRecord(reply.submission);
    served.push({ replyId: order.fields.replyId, isCheat, provider });
  }

  /** Certifies beacons up to the one that decides about what was just served, and runs its audits while the clock moves on. */
  async function runEpoch(): Promise<void> {
    epochStartMs = clock.nowMs();
    await validator.certify();
    for (let tick = 0; tick <= TICKS; tick++) {
      await validator.audit.tick();
      await validator.audit.idle();
      if (tick < TICKS) clock.advance(EPOCH_MS / TICKS);
    }
  }

  return {
    validator,
    modelRoot,
    jobs,
    served,
    work,
    names,
    followers: names.slice(0, followers),
    idOf,
    serve,
    runEpoch,
    announceAll,
    announceProvider: (name: string) => announce(name),
    record: (name: string): VerifierRecord => readVerifier(validator.store, idOf(name)),
    verdictOf: (replyId: Uint8Array): VerdictEntry | undefined =>
      validator.decided.find((entry) => toHex(entry.replyId) === toHex(replyId)),
    async close() {
      await validator.close();
      await engine.close();
      await cheap.close();
    },
  };
}
