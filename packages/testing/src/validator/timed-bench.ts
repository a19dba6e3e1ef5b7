import type { TextEngine } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import type { Test } from '@ogong/protocol/audit/test-report';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { hashScoreInputs, type ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import {
  encodeScoreReport,
  NO_OTHER_CHOICE,
  NO_STOP_TOKEN,
  NO_TAIL_GAP,
  type ScoreReport,
} from '@ogong/protocol/modality/text/stage2/score-report';
import { createBlankWindows } from '@ogong/provider/modality/text/blank-windows';
import { parseScoreJob, scoreJob } from '@ogong/provider/modality/text/score-text';
import type { TestOutcome } from '@ogong/validator/canary/drawn-tests';
import { createTimedChallenges } from '@ogong/validator/canary/timed';
import { createTestValidator, provider } from './test-bench.ts';
import { createTestCalls } from './test-calls.ts';
import { createTestHybrid } from './test-keys.ts';
import { MODEL_ROOT } from './test-reply.ts';

/** Returns a verifier's report; throws if the verifier does not answer. */
export type WrittenAnswer = (name: string, job: ScoreJobMessage) => Promise<Uint8Array> | Uint8Array;

export interface TimedBenchOptions {
  /** Verifiers, each with its own payee. */
  readonly names: readonly string[];
  readonly answer: WrittenAnswer;
  readonly beaconOf?: (epoch: bigint) => Uint8Array;
  readonly ratePpm?: number;
  readonly slowestRate?: number | undefined;
  readonly isConnected?: boolean;
  /** Changes the header that the validator knows for the model. */
  readonly bendHeader?: Partial<Header>;
  readonly modelRoot?: Uint8Array;
  /** Called once a verifier has committed. */
  readonly onCommitted?: (name: string, call: { readonly timeoutMs: number }, advance: (ms: number) => void) => void;
}

/** Returns the identity of a text, the same for every verifier. */
export const nameWork = (job: ScoreJobMessage): string =>
  toHex(hashScoreInputs(crypto, { ...job, requestHash: hashRequest(crypto, 'completion', job.request) }));

/** Returns the report of an honest pass of a model with these weights, without running it. Weights and job decide every compared field. */
export function reportWritten(job: ScoreJobMessage, bend: Partial<ScoreReport> & { readonly weights?: string } = {}) {
  const { weights = 'model', ...rest } = bend;
  const { header, outputTokens, listSizes, shapeClasses } = parseScoreJob(job, crypto);
  return encodeScoreReport({
    ...{ jobId: job.jobId, modelRoot: job.modelRoot, numericClass: header.numericClass, exact: true },
    ...{ promptTokensHash: crypto.sha256(job.request), promptTokenCount: 65, vocabularyHash: VOCABULARY },
    responseHash: crypto.sha256(utf8Encode(`${weights} ${nameWork(job)}`)),
    ...{ firstStopToken: NO_STOP_TOKEN, firstOtherChoice: NO_OTHER_CHOICE, tailGap: NO_TAIL_GAP },
    ...{ contextSize: 4_096, elapsedMs: 1, pictureDistance: 0 },
    windows: createBlankWindows(header, { outputTokens, listSizes, ...(shapeClasses && { shapeClasses }) }),
    edges: [],
    ...rest,
  });
}

/** Answers with an engine, as for audits. */
export const answerByEngine =
  (engine: TextEngine): WrittenAnswer =>
  (_, job) =>
    scoreJob(parseScoreJob(job, crypto), { engine, crypto, signal: AbortSignal.timeout(60_000) });

const VOCABULARY = crypto.sha256(utf8Encode('written vocabulary'));
const usualBeacon = (epoch: bigint): Uint8Array => crypto.sha256(utf8Encode(`timed beacon ${epoch}`));
const vrfSeed = new Uint8Array(32).fill(6);
export const TIMED_KEYS = { vrfSeed, jobSecret: new Uint8Array(32).fill(7) };

export const timedIdOf = (name: string): Uint8Array => hashHybridKey(crypto, createTestHybrid(name).publicKey);

export type TimedBench = Awaited<ReturnType<typeof createTimedBench>>;

/** A validator that sends timed challenges to verifiers with the product's own code. The caller supplies the answers. */
export async function createTimedBench(options: TimedBenchOptions) {
  const { names, answer, beaconOf = usualBeacon, isConnected = true, modelRoot = MODEL_ROOT } = options;
  const slowestRate = 'slowestRate' in options ? options.slowestRate : 20;
  const validator = createTestValidator();
  await validator.announce(provider);
  for (const name of names) await validator.announceVerifier(name, 'x', undefined, { modelRoot });
  const { reply } = await validator.deliver(0);
  const header: Header = { ...reply.header, vocabularyHash: VOCABULARY, ...options.bendHeader };
  const nameOf = (endpoint: unknown): string => String(endpoint).replace(/:1$/, '');
  const inner = createTestCalls(async (peer, job) => {
    const name = nameOf(peer.endpoint);
    return { report: await answer(name, job), signer: createTestHybrid(name) };
  });
  const asked: { readonly name: string; readonly work: string; readonly timeoutMs: number }[] = [];
  const calls: VerifierCalls = {
    ...inner,
    async commit(peer, job, call) {
      const name = nameOf(peer.endpoint);
      asked.push({ name, work: nameWork(job), timeoutMs: call.timeoutMs });
      const committed = await inner.commit(peer, job, call);
      options.onCommitted?.(name, call, (ms) => validator.clock.advance(ms));
      return committed;
    },
  };
  const ended: { readonly test: Test; readonly outcome: TestOutcome }[] = [];
  const timed = createTimedChallenges({
    ...{ crypto, clock: validator.clock, store: validator.store, group: validator.group, calls, ...TIMED_KEYS },
    ...{ epochMs: 1, validator: validator.signer.address, ratePpm: () => options.ratePpm ?? 500_000 },
    slowestRate: () => slowestRate,
    isConnected: () => isConnected,
    findHeader: (root) => (toHex(root) === toHex(modelRoot) ? header : undefined),
    onTest: (test, { outcome }) => ended.push({ test, outcome }),
    onError: (error) => {
      throw error;
    },
  });
  return {
    ...{ validator, ended, asked, header },
    run(epochs: bigint): void {
      for (let epoch = 1n; epoch <= epochs; epoch++) timed.notice({ epoch, value: beaconOf(epoch) });
    },
    /** Waits until every drawn challenge has ended. */
    settle: () => timed.idle(),
    /** Outcomes of a verifier's tests. */
    outcomesOf: (name: string): readonly TestOutcome[] =>
      ended.filter(({ test }) => toHex(test.providerId) === toHex(timedIdOf(name))).map(({ outcome }) => outcome),
    async close(): Promise<void> {
      await timed.stop();
      await inner.close();
      await validator.close();
    },
  };
}
