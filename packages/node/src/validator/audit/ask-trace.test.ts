import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { expect, it } from 'vitest';
import { askVerifierTrace } from './ask-trace.ts';
import type { Dispute, DisputeState } from './dispute-state.ts';

it('a verifier that no longer announces itself is a rejection, which a dispute survives, and not a throw', async () => {
  const validator = createTestValidator({});
  try {
    const state = {
      ...{ crypto, store: validator.store, fixedVerifier: undefined, callTimeoutMs: 1_000 },
      ...{ calls: {}, stopping: new AbortController() },
    } as unknown as DisputeState;
    const order = validator.order(1);
    const { submission, reply } = validator.serve(order);
    const dispute = {
      ...{ submission, header: reply.header, record: reply.recordBytes, outputTokens: new Uint32Array([1]) },
      ...{
        listSizes: Uint8Array.of(20),
        shapeClasses: Uint8Array.of(0),
        providerId: crypto.sha256(provider.publicKey),
      },
    } as unknown as Dispute;
    const gone = { verifierId: crypto.sha256(Uint8Array.of(1)), keyHash: crypto.sha256(Uint8Array.of(2)) };
    let asked: Promise<unknown> | undefined;
    expect(() => {
      asked = askVerifierTrace(state, dispute, gone as never, 0);
    }).not.toThrow();
    await expect(asked).rejects.toThrow('no longer announces itself');
  } finally {
    await validator.close();
  }
});
