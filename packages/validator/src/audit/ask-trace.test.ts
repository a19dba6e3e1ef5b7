import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { SINGLE } from '@ogong/protocol/modality/text/commitment/shape-classes';
import { createTestValidator, provider, providerId } from '@ogong/testing/validator/test-bench';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { afterEach, describe, expect, it } from 'vitest';
import { askProviderTrace, askVerifierTrace } from './ask-trace.ts';
import type { Dispute, DisputeState, VerifierFinding } from './dispute-state.ts';

const CALL_MS = 1_000;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const keyHash = hashHybridKey(crypto, createTestHybrid('v1').publicKey);
const modelRoot = new Uint8Array(32).fill(6);
const reported = { verifierId: keyHash, keyHash, report: { modelRoot } } as unknown as VerifierFinding;

/** A dispute about a reply of 2,000 tokens in single passes, before calls that record what they were sent. */
async function openDispute(given: Partial<DisputeState> = {}) {
  const validator = createTestValidator();
  closing.push(() => validator.close());
  const sent: { to: string; position: number; timeoutMs: number; jobId?: Uint8Array; modelRoot?: Uint8Array }[] = [];
  const answer = { report: Uint8Array.of(1), key: Uint8Array.of(2), signature: Uint8Array.of(3) };
  const state = {
    ...{ crypto, store: validator.store, fixedVerifier: undefined, callTimeoutMs: CALL_MS },
    stopping: new AbortController(),
    calls: {
      provider: async ({ endpoint }, { position }, { timeoutMs }) => {
        sent.push({ to: String(endpoint), position, timeoutMs });
        return answer;
      },
      verifier: async ({ endpoint }, { position, job }, { timeoutMs }) => {
        sent.push({ to: String(endpoint), position, timeoutMs, jobId: job.jobId, modelRoot: job.modelRoot });
        return answer;
      },
    },
    ...given,
  } as Partial<DisputeState> as DisputeState;
  const { submission, reply } = validator.serve(validator.order(1));
  const dispute = {
    ...{ submission, opening: reply.opening, header: reply.header, record: reply.recordBytes, providerId },
    outputTokens: new Uint32Array(2_000).fill(5),
    listSizes: new Uint8Array(2_000).fill(20),
    shapeClasses: new Uint8Array(2_000).fill(SINGLE),
  } as unknown as Dispute;
  return { validator, state, dispute, sent, answer };
}

describe('the trace of a verifier', () => {
  it('is asked at its announced address, about the reported model, under a job id that the record and its key decide', async () => {
    const { validator, state, dispute, sent, answer } = await openDispute();
    await validator.announceVerifier('v1');
    expect(await askVerifierTrace(state, dispute, reported, 8)).toEqual(answer);
    const jobId = crypto.sha256(dispute.record, keyHash).slice(0, 16);
    expect(sent).toEqual([{ to: 'v1:1', position: 8, timeoutMs: CALL_MS, jobId, modelRoot }]);
  });

  it('has more time for a late position, at most twice the usual', async () => {
    const { validator, state, dispute, sent } = await openDispute();
    await validator.announceVerifier('v1');
    await askVerifierTrace(state, dispute, reported, 13);
    await askVerifierTrace(state, dispute, reported, 1_999);
    expect(sent.map(({ timeoutMs }) => timeoutMs)).toEqual([14 * 110, 2 * CALL_MS]);
  });

  it('is a rejection, and not a throw, if the verifier no longer announces itself', async () => {
    const { state, dispute, sent } = await openDispute();
    let asked: Promise<unknown> | undefined;
    expect(() => {
      asked = askVerifierTrace(state, dispute, reported, 0);
    }).not.toThrow();
    await expect(asked).rejects.toThrow('no longer announces itself');
    expect(sent).toEqual([]);
  });

  it('is not asked of a verifier that announces another key than the one that reported', async () => {
    const { validator, state, dispute, sent } = await openDispute();
    await validator.announceVerifier('v1');
    const other = { ...reported, keyHash: crypto.sha256(keyHash) };
    await expect(askVerifierTrace(state, dispute, other, 0)).rejects.toThrow('no longer announces itself');
    expect(sent).toEqual([]);
  });

  it('is asked of the fixed verifier only if that one reported', async () => {
    const fixedVerifier = { endpoint: 'fixed:1', certHash: new Uint8Array(32) };
    const { state, dispute, sent } = await openDispute({ fixedVerifier });
    await askVerifierTrace(state, dispute, reported, 0);
    expect(sent).toMatchObject([{ to: 'fixed:1' }]);
    const announced = { ...reported, verifierId: crypto.sha256(keyHash) };
    await expect(askVerifierTrace(state, dispute, announced, 0)).rejects.toThrow('no longer announces itself');
  });
});

describe('the trace of a provider', () => {
  it('is asked at its announced address', async () => {
    const { validator, state, dispute, sent, answer } = await openDispute();
    await validator.announce(provider);
    expect(await askProviderTrace(state, dispute, 13)).toEqual(answer);
    expect(sent).toEqual([{ to: 'provider:1', position: 13, timeoutMs: 14 * 110 }]);
  });

  it('is a rejection if the provider no longer announces itself', async () => {
    const { state, dispute } = await openDispute();
    await expect(askProviderTrace(state, dispute, 0)).rejects.toThrow('the provider does not announce itself');
  });
});
