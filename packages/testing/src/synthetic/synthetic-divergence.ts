import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { decodeDraws, encodeDraws, WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import {
  cutPosition,
  type DivergenceEvidence,
  findFirstDivergence,
} from '@ogong/protocol/modality/text/stage2/divergence';
import { type SignedTrace, signTrace, type TraceReport } from '@ogong/protocol/modality/text/stage2/trace-report';
import type { DisputedReply } from '@ogong/protocol/modality/text/stage2/verify-divergence';
import { createSyntheticReply, type SyntheticOptions, type SyntheticReply } from './synthetic-reply.ts';

/** A reply of tier replay that differs from its re-run, with the traces of three machines. */
export interface SyntheticDivergence {
  readonly reply: SyntheticReply;
  readonly disputed: DisputedReply;
  /** The windows of an honest machine. */
  readonly rerun: readonly WindowBytes[];
  readonly position: number;
  readonly provider: TraceReport;
  readonly verifier: TraceReport;
  readonly evidence: DivergenceEvidence;
  readonly third: SignedTrace;
}

export const SYNTHETIC_CLASS = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
/** Six blocks. */
const STAGES = 9;

export function createSyntheticDivergence(
  options: SyntheticOptions & {
    readonly verifier: HybridSigner;
    readonly third: HybridSigner;
    /** First output token that differs. */
    readonly at?: number;
    /** First block that differs. */
    readonly block?: number;
  },
): SyntheticDivergence {
  const { crypto, at = 17, block = 2 } = options;
  const parameters = { model: 'ogong/replay/test/synthetic', ...options.parameters };
  const header = { tier: 'replay', method: 'exact-replay', numericClass: SYNTHETIC_CLASS };
  const reply = createSyntheticReply({
    ...options,
    parameters,
    bend: { header: (plain) => ({ ...plain, ...header }) },
  });
  const rerun = bendWindows(reply, at);
  const position = findFirstDivergence(reply.header, reply.opening.windows, rerun) as number;
  const trace = (windows: readonly WindowBytes[], firstBent: number): TraceReport => ({
    recordHash: crypto.sha256(reply.recordBytes),
    modelRoot: reply.record.modelRoot,
    numericClass: SYNTHETIC_CLASS,
    exact: true,
    promptTokensHash: reply.header.promptTokensHash,
    outputTokensHash: reply.header.outputTokensHash,
    position,
    row: cutPosition(reply.header, windows, position),
    stages: Array.from({ length: STAGES }, (_, i) => hashStage(crypto, i < firstBent ? 'right' : 'wrong', i)),
  });
  const provider = trace(reply.opening.windows, block + 1);
  const verifier = trace(rerun, STAGES);
  const evidence = {
    recordHash: verifier.recordHash,
    position,
    numericClass: SYNTHETIC_CLASS,
    provider: signTrace(options.provider, provider),
    verifier: signTrace(options.verifier, verifier),
  };
  const disputed = {
    providerId: hashHybridKey(crypto, options.provider.publicKey),
    record: reply.recordBytes,
    opening: reply.opening,
  };
  return { reply, disputed, rerun, position, provider, verifier, evidence, third: signTrace(options.third, verifier) };
}

const hashStage = (crypto: Crypto, kind: string, index: number): Uint8Array =>
  crypto.sha256(utf8Encode(`${kind} stage ${index}`));

/** The reply's windows as another machine computes them: different from position `at` on. */
export function bendWindows(reply: SyntheticReply, at: number): WindowBytes[] {
  return reply.opening.windows.map((window, w) => bendDraws(reply, window, at - w * WINDOW_TOKENS));
}

/** Changes the last candidate's cost by 2^-16 nat, from a position of the window on. */
function bendDraws({ header }: SyntheticReply, window: WindowBytes, from: number): WindowBytes {
  const { rows, runs } = decodeDraws(window.draws, header);
  const bent = rows.map((row, i) => (i < from ? row : { ...row, q: row.q.with(-1, (row.q.at(-1) as number) + 1) }));
  return { draws: encodeDraws({ rows: bent, runs }, header), sketch: window.sketch };
}
