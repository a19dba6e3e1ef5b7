import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { decodeSketch, encodeSketch } from '@ogong/protocol/modality/text/commitment/window';
import { buildDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-build';
import { encodeDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-bytes';
import { hashDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-signature';
import { compareWindows } from '@ogong/protocol/modality/text/stage2/compare';
import { computeReplyEvidence } from '@ogong/protocol/modality/text/stage2/reply-scores';
import { type DriftPolicy, toPpb } from '@ogong/protocol/verdict/drift-policy';
import { ledger, payer } from './test-bench.ts';
import { answerHonestly, type TestVerifiers } from './test-calls.ts';
import { createTestHybrid } from './test-keys.ts';
import { createTestOrder, findServed, payeeSigner, serveTestReply, type TestReply } from './test-reply.ts';

/** Made-up drift between two classes, its table, and verifiers that show it. */
const VERIFIER_CLASS = 'test-1/js/f64/fast/synthetic/kv-none';
/** Honest drift, in steps of a sketch value. */
export const HONEST = 3;
/** Drift of a cheat, in the same steps. The fixed thresholds do not see it. */
export const CHEAT = 12;

/** The windows of another class: sketch values differ by up to `size` steps. */
export function jitter(reply: TestReply['reply'], random: () => number, size: number): WindowBytes[] {
  const { header, opening } = reply;
  const move = (value: number): number =>
    Math.max(-2047, Math.min(2047, value + Math.round((2 * random() - 1) * size)));
  return opening.windows.map(({ draws, sketch }) => ({
    draws,
    sketch: encodeSketch(
      decodeSketch(sketch, { directions: header.sketchDirections }).map(({ exponent, values }) => ({
        exponent,
        values: values.map(move),
      })),
    ),
  }));
}

let measured: ReturnType<typeof measureHonest> | undefined;

function measureHonest() {
  // No test checks these signatures.
  const provider = { ...createTestHybrid('calibration'), sign: () => new Uint8Array(2484) };
  const signDigest = () => new Uint8Array(65);
  const served = { provider, ledger, payer: { ...payer, signDigest }, payee: { ...payeeSigner, signDigest } };
  const random = createSeededRandom(11);
  let providerClass = '';
  let modelRoot: Uint8Array = new Uint8Array(32);
  const honest = Array.from({ length: 200 }, (_, seed) => {
    const validator = new Uint8Array(20);
    const order = createTestOrder({ ...served, validator, index: seed, epoch: 0n, expiresAtMs: 1 });
    // Every epoch has its own bank. One bank alone says little about another.
    const beacon = { value: new Uint8Array(32), previous: crypto.sha256(Uint8Array.of(seed)) };
    const { reply } = serveTestReply(order, { ...served, beacon });
    const { header, opening } = reply;
    providerClass = header.numericClass;
    modelRoot = order.fields.modelRoot;
    const windows = jitter(reply, random, HONEST * (0.8 + 0.4 * random()));
    return { seed, evidence: computeReplyEvidence(compareWindows(crypto, header, opening.windows, windows)) };
  });
  return { providerClass, modelRoot, honest };
}

/** @param codeVersion changes the table. */
export function createTestPolicy(codeVersion = 'test', rates = { reject: 0.01, doubt: 0.05 }): DriftPolicy {
  measured ??= measureHonest();
  const { providerClass, modelRoot, honest } = measured;
  const { table } = buildDriftTable({
    version: 1,
    previous: new Uint8Array(32),
    measurements: [
      {
        ...{ providerClass, verifierClass: VERIFIER_CLASS, modelRoot },
        ...{ codeVersion, honest, alternatives: [] },
      },
    ],
  });
  const note = {
    tableHash: hashDriftTable(crypto, encodeDriftTable(table)),
    rejectPpb: toPpb(rates.reject),
    doubtPpb: toPpb(rates.doubt),
    extrapolate: false,
  };
  return { note, table, isNamed: true };
}

/** Repeats each held-out honest reply, because small p-values need many. */
export function repeatHeldOut(policy: DriftPolicy, times: number): DriftPolicy {
  const rows = policy.table.rows.map((row) => ({
    ...row,
    strata: row.strata.map((stratum) => {
      const { replies, steps } = stratum.calibration;
      const repeated = steps.map(({ value, count }) => ({ value, count: times * count }));
      return { ...stratum, calibration: { replies: times * replies, steps: repeated } };
    }),
  }));
  const table = { ...policy.table, rows };
  const tableHash = hashDriftTable(crypto, encodeDriftTable(table));
  return { ...policy, table, note: { ...policy.note, tableHash } };
}

/**
 * Verifiers of another class.
 * @param size steps by which the values of the verifier with this name differ.
 */
export function seeDrift(served: Map<string, TestReply>, size: (name: string) => number): TestVerifiers {
  const random = createSeededRandom(7);
  return (peer, job) => {
    const { reply } = findServed(served.values(), job) as TestReply;
    const windows = jitter(reply, random, size(String(peer.endpoint).replace(/:1$/, '')));
    return answerHonestly(served, { numericClass: VERIFIER_CLASS, exact: false, windows })(peer, job);
  };
}
