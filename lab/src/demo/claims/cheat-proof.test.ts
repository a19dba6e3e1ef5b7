import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { nameOrder } from '@ogong/protocol/exchange/order';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { commitReply } from '@ogong/provider/modality/text/commit-reply';
import { generateReply } from '@ogong/provider/modality/text/generate-reply';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, expect, it } from 'vitest';
import type { CheatMode } from '../../attackers/attack.ts';
import { createAttack } from '../../attackers/create-attack.ts';
import type { ServedEvidence } from '../../attackers/served-evidence.ts';
import { proveCheat } from './cheat-proof.ts';

const engine = createFakeEngine({ weights: 1 });
const cheapEngine = createFakeEngine({ weights: 2 });
afterAll(() => Promise.all([engine.close(), cheapEngine.close()]));

const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const request = utf8Encode(
  '{"model":"ogong/verified/test/fake","messages":[{"role":"user","content":"Hi"}],"max_tokens":40}',
);

/** A reply of the attack, committed and signed by the provider's own code. */
async function serve(mode: CheatMode): Promise<ServedEvidence> {
  const signer = createNodeHybridSigner(fill(9, 64));
  const ledger = { chainId: 1n, verifyingContract: fill(5, 20) };
  const order = nameOrder(crypto, ledger, {
    payer: fill(1, 20),
    validator: fill(2, 20),
    cumulativeAtomic: 1n,
    requestHash: hashRequest(crypto, 'chat', request),
    nonce: fill(3),
    modelRoot: engine.info().modelRoot,
    providerId: fill(4),
    payee: fill(7, 20),
    router: fill(6, 20),
    choice: 0,
    contextSize: 512,
    maxFeeAtomic: 1n << 100n,
    pricePer1kAtomic: 1n,
    epoch: 1n,
    expiresAtMs: 1n,
  });
  const generated = await generateReply(
    { order, endpoint: 'chat', body: request, beacon: { value: fill(7), previous: fill(8) } },
    { engine: createAttack(mode, { engine, cheapEngine }).engine, crypto },
  );
  if (generated === undefined) throw new Error('the engine ended without an answer');
  const { record, signature, opening } = commitReply(crypto, signer, { ...generated.reply, startMs: 1, endMs: 2 });
  return { replyId: toHex(order.replyId), record, signature, publicKey: signer.publicKey, opening };
}

const failed = (checks: readonly { id: string; status: string }[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

it('shows that pre-filled values pass stage 2 alone, and that stage 1 rejects them', async () => {
  const proof = await proveCheat(await serve('prefill'), { engine, crypto, request });
  expect(proof.stage2.outcome).toBe('accept');
  expect(failed(proof.stage1)).toEqual(['draw-replay']);
  expect(proof.isSignedByCheat).toBe(true);
});

it('shows that substitution passes stage 1, and that stage 2 rejects it', async () => {
  const proof = await proveCheat(await serve('substitute'), { engine, crypto, request });
  expect(failed(proof.stage1)).toEqual([]);
  expect(proof.stage2.outcome).toBe('reject');
});

it('notices a record that the cheat did not sign', async () => {
  const evidence = await serve('prefill');
  const forged = { ...evidence, signature: new Uint8Array(evidence.signature.length) };
  expect((await proveCheat(forged, { engine, crypto, request })).isSignedByCheat).toBe(false);
});

it('refuses a request that does not belong to the reply', async () => {
  await expect(proveCheat(await serve('prefill'), { engine, crypto, request: utf8Encode('{}') })).rejects.toThrow(
    /another reply/,
  );
});
