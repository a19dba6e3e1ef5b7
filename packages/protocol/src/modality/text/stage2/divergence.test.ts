import { createSyntheticDivergence } from '@ogong/testing/synthetic/synthetic-divergence';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../../base/bytes.ts';
import { isOk } from '../../../base/checks.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { decodeDraws, decodeSketch, encodeDraws, encodeSketch, WINDOW_TOKENS } from '../commitment/window.ts';
import { replayReply } from '../stage1/replay.ts';
import {
  computeStage,
  cutPosition,
  describeStage,
  encodeDivergence,
  findFirstDivergence,
  findFirstStage,
  parseDivergence,
} from './divergence.ts';
import { encodeTraceReport, parseTraceReport, type SignedTrace, signTrace, type TraceReport } from './trace-report.ts';
import { type DivergenceVerdict, verifyDivergence } from './verify-divergence.ts';

const signer = (fill: number) => createNobleHybridSigner(new Uint8Array(64).fill(fill));
const [providerSigner, verifierSigner, thirdSigner] = [signer(1), signer(4), signer(5)];
const options = {
  crypto,
  provider: providerSigner,
  verifier: verifierSigner,
  third: thirdSigner,
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)),
  ledger: { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(3) },
  tokens: 70,
};
const made = createSyntheticDivergence(options);
const { reply, evidence, disputed, third, provider, verifier } = made;
const { header, opening } = reply;

describe('the first difference of two sets of windows', () => {
  it.each([0, 1, 31, 32, 40, 63, 64, 69])('is position %i', (at) => {
    const { rerun, reply: served } = createSyntheticDivergence({ ...options, at });
    expect(findFirstDivergence(served.header, served.opening.windows, rerun)).toBe(at);
    expect(findFirstDivergence(served.header, rerun, served.opening.windows)).toBe(at);
  });

  it('does not exist between equal bytes, and is past the end if one set is shorter', () => {
    expect(findFirstDivergence(header, opening.windows, opening.windows)).toBeUndefined();
    expect(findFirstDivergence(header, opening.windows, opening.windows.slice(0, 2))).toBe(64);
    expect(findFirstDivergence(header, [], opening.windows)).toBe(0);
    const last = opening.windows[2]!;
    const rows = decodeDraws(last.draws, header).rows.slice(0, 5);
    const cut = {
      draws: encodeDraws({ rows, runs: [{ length: 5, shapeClass: 0 }] }, header),
      sketch: encodeSketch(decodeSketch(last.sketch, { directions: 16 }).slice(0, 5)),
    };
    expect(findFirstDivergence(header, opening.windows, [...opening.windows.slice(0, 2), cut])).toBe(69);
  });

  it('sees a difference in the sketch alone', () => {
    const windows = opening.windows.map((window, w) =>
      w === 1 ? { ...window, sketch: opening.windows[0]!.sketch } : window,
    );
    expect(findFirstDivergence(header, opening.windows, windows)).toBe(WINDOW_TOKENS);
  });

  it('cuts out one position, and nothing past the end', () => {
    for (const position of [0, 33, 69]) {
      const { draws, sketch } = cutPosition(header, opening.windows, position);
      const whole = opening.windows[Math.floor(position / 32)]!;
      expect(decodeDraws(draws, header).rows).toEqual([decodeDraws(whole.draws, header).rows[position % 32]]);
      expect(decodeSketch(sketch, { directions: 16 })).toEqual([
        decodeSketch(whole.sketch, { directions: 16 })[position % 32],
      ]);
    }
    expect(() => cutPosition(header, opening.windows, 70)).toThrow(ProtocolError);
    expect(() => cutPosition(header, opening.windows, 96)).toThrow(ProtocolError);
  });
});

describe('the first difference of two traces', () => {
  const stages = (...values: number[]) => ({ stages: values.map((value) => new Uint8Array(32).fill(value)) });

  it('is the first stage that differs or is missing, or the commitment', () => {
    expect(findFirstStage(stages(1, 2, 3, 4), stages(1, 2, 9, 9))).toBe(2);
    expect(findFirstStage(stages(1, 2, 3, 4), stages(1, 2, 9, 4))).toBe(2);
    expect(findFirstStage(stages(1, 2, 3, 4), stages(1, 2, 3))).toBe(3);
    expect(findFirstStage(stages(1, 2, 3, 4), stages(1, 2, 3, 4))).toBe(4);
    expect(findFirstStage(provider, verifier)).toBe(3);
  });

  it('has a name', () => {
    expect([0, 1, 6, 7, 8, 9].map((stage) => describeStage(stage, 9))).toEqual([
      'the embedding',
      'block 0',
      'block 5',
      'the LM-head input',
      'the logits',
      'the commitment',
    ]);
  });
});

describe('evidence of a divergence', () => {
  it('round-trips', () => {
    expect(parseDivergence(encodeDivergence(evidence))).toEqual(evidence);
    const alone = { ...evidence, provider: undefined };
    expect(parseDivergence(encodeDivergence(alone))).toEqual(alone);
    expect(computeStage(alone)).toBeUndefined();
    expect(parseTraceReport(encodeTraceReport(verifier))).toEqual(verifier);
  });

  it.each<[string, Partial<TraceReport>]>([
    ['record', { recordHash: new Uint8Array(32) }],
    ['position', { position: 18 }],
    ['class', { numericClass: 'x' }],
  ])('is not written or read with traces of another %s', (_what, change) => {
    const bent = { ...evidence, provider: signTrace(providerSigner, { ...provider, ...change }) };
    expect(() => encodeDivergence(bent)).toThrow(/another record, position or class/);
    const own = { ...evidence, verifier: signTrace(verifierSigner, { ...verifier, ...change }) };
    expect(() => encodeDivergence(own)).toThrow(/another record, position or class/);
  });

  it('is refused with a stage that does not match the traces', () => {
    const bytes = encodeDivergence(evidence);
    const at = 'ogong-divergence-v1\n'.length + 32 + 4 + 2 + evidence.numericClass.length;
    expect(bytes[at + 1]).toBe(3);
    bytes[at + 1] = 4;
    expect(() => parseDivergence(bytes)).toThrow(/not where the traces part/);
  });

  it.each([[3], [1028]])('refuses a trace of %i stages', (count) => {
    const stages = Array.from({ length: count }, () => new Uint8Array(32));
    expect(() => encodeTraceReport({ ...verifier, stages })).toThrow(ProtocolError);
  });

  it('fits its bound with the deepest model and the largest rows', () => {
    const stages = Array.from({ length: 1027 }, () => new Uint8Array(32));
    const row = { draws: new Uint8Array(1024), sketch: new Uint8Array(1024) };
    const largest = { ...verifier, stages, row };
    const both = {
      ...evidence,
      provider: signTrace(providerSigner, largest),
      verifier: signTrace(verifierSigner, largest),
    };
    expect(parseDivergence(encodeDivergence(both))).toEqual(both);
    expect(() => encodeTraceReport({ ...verifier, row: { ...row, draws: new Uint8Array(1025) } })).toThrow(/1025/);
  });
});

describe('a third machine', () => {
  const failed = ({ checks }: DivergenceVerdict) =>
    checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
  const judge = (change: {
    evidence?: Partial<typeof evidence>;
    third?: SignedTrace;
    disputed?: Partial<typeof disputed>;
  }) =>
    verifyDivergence(
      crypto,
      { ...evidence, ...change.evidence },
      { disputed: { ...disputed, ...change.disputed }, third: change.third ?? third },
    );
  const thirdWith = (change: Partial<TraceReport>) => signTrace(thirdSigner, { ...verifier, ...change });

  it('is needed because stage 1 does not detect it', () => {
    const { checks } = replayReply(crypto, reply.record, opening);
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
  });

  it('confirms the verifier, and the layer', () => {
    const verdict = judge({});
    expect(verdict).toMatchObject({ side: 'verifier', stage: 3 });
    expect(verdict.checks).toSatisfy(isOk);
    expect(verdict.checks.at(-1)?.detail).toMatch(/at block 2$/);
  });

  it('confirms the verifier without a layer if the provider gave no trace', () => {
    const verdict = judge({ evidence: { provider: undefined } });
    expect(verdict).toMatchObject({ side: 'verifier', stage: undefined });
    expect(verdict.checks.at(-1)).toMatchObject({ id: 'divergence-layer', status: 'skip' });
  });

  it('confirms the provider if the third machine computes the commitment, for any layers of the verifier', () => {
    const verdict = judge({ third: signTrace(thirdSigner, provider) });
    expect(verdict).toMatchObject({ side: 'provider', stage: undefined });
    expect(failed(verdict)).toEqual(['third-machine']);
    const lying = judge({ third: thirdWith({ row: provider.row }) });
    expect(lying.side).toBe('provider');
  });

  it('confirms neither if the third machine computes something else', () => {
    const row = cutPosition(header, opening.windows, 40);
    const verdict = judge({ third: thirdWith({ row }) });
    expect(verdict).toMatchObject({ side: 'neither', stage: undefined });
    expect(failed(verdict)).toEqual(['third-machine']);
  });

  it('still refutes a provider that shows honest layers: then its commitment is the difference', () => {
    const honest = signTrace(providerSigner, { ...verifier, row: provider.row });
    expect(judge({ evidence: { provider: honest } })).toMatchObject({ side: 'verifier', stage: 9 });
    const copied = signTrace(providerSigner, verifier);
    expect(judge({ evidence: { provider: copied } })).toMatchObject({ side: 'verifier', stage: 9 });
  });

  it('names only confirmed layers', () => {
    const stages = verifier.stages.map((hash, i) => (i === 1 ? new Uint8Array(32) : hash));
    const verdict = judge({ third: thirdWith({ stages }) });
    expect(verdict).toMatchObject({ side: 'verifier', stage: undefined });
    expect(failed(verdict)).toEqual(['divergence-layer']);
    const later = verifier.stages.map((hash, i) => (i === 8 ? new Uint8Array(32) : hash));
    expect(judge({ third: thirdWith({ stages: later }) })).toMatchObject({ side: 'verifier', stage: 3 });
    expect(judge({ third: thirdWith({ stages: verifier.stages.slice(1) }) }).stage).toBeUndefined();
  });

  it.each<[string, string, Parameters<typeof judge>[0]]>([
    ['third-trace', 'that is not exact', { third: thirdWith({ exact: false }) }],
    [
      'third-trace',
      'of another class',
      { third: thirdWith({ numericClass: 'llama.cpp-0.5.0/cpu/sse42/exact/q8_0/kv-f16' }) },
    ],
    ['third-trace', 'of another model', { third: thirdWith({ modelRoot: new Uint8Array(32) }) }],
    ['third-trace', 'of another position', { third: thirdWith({ position: 16 }) }],
    ['third-trace', 'of another record', { third: thirdWith({ recordHash: new Uint8Array(32) }) }],
    ['third-trace', 'over another prompt', { third: thirdWith({ promptTokensHash: new Uint8Array(32) }) }],
    ['third-trace', 'over other tokens', { third: thirdWith({ outputTokensHash: new Uint8Array(32) }) }],
    ['trace-signatures', 'that is the verifier again', { third: evidence.verifier }],
    ['trace-signatures', 'that is the provider', { third: signTrace(providerSigner, verifier) }],
    [
      'trace-signatures',
      'whose signature is of something else',
      { third: { ...third, signature: evidence.verifier.signature } },
    ],
    ['divergence-form', 'that is no trace', { third: { ...third, report: third.report.subarray(1) } }],
  ])('proves nothing (%s) with a trace %s', (id, _what, change) => {
    const verdict = judge(change);
    expect(verdict).toMatchObject({ side: 'unproven', stage: undefined });
    expect(failed(verdict)).toEqual([id]);
  });

  it.each<[string, string, Parameters<typeof judge>[0]]>([
    [
      'verifier-trace',
      'whose pass was not exact',
      { evidence: { verifier: signTrace(verifierSigner, { ...verifier, exact: false }) } },
    ],
    [
      'divergence',
      'who computes what was committed',
      { evidence: { verifier: signTrace(verifierSigner, { ...verifier, row: provider.row }) } },
    ],
    [
      'trace-signatures',
      'whose signature fails',
      { evidence: { verifier: { ...evidence.verifier, signature: third.signature } } },
    ],
    ['trace-signatures', 'who is the provider', { evidence: { verifier: signTrace(providerSigner, verifier) } }],
    [
      'trace-signatures',
      'with a provider trace of a stranger',
      { evidence: { provider: signTrace(signer(9), provider) } },
    ],
    [
      'divergence-form',
      'with a provider trace of another position',
      { evidence: { provider: signTrace(providerSigner, { ...provider, position: 3 }) } },
    ],
    ['divergence-opening', 'about another opening', { disputed: { opening: { ...opening, windows: made.rerun } } }],
  ])('proves nothing (%s) for a verifier %s', (id, _what, change) => {
    const verdict = judge(change);
    expect(verdict).toMatchObject({ side: 'unproven', stage: undefined });
    expect(failed(verdict)).toEqual([id]);
  });

  it('proves nothing about another record', () => {
    const other = createSyntheticDivergence({ ...options, seed: 2 });
    const verdict = judge({ disputed: other.disputed });
    expect(verdict.side).toBe('unproven');
    expect(failed(verdict)).toEqual(['verifier-trace', 'third-trace']);
  });
});
