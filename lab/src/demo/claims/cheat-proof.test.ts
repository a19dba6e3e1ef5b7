import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { computeBankSeed, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import { nameOrder } from '@ogong/protocol/exchange/order';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { computeDrawKey, type DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import { commitReply } from '@ogong/provider/modality/text/commit-reply';
import { parseModelRequest } from '@ogong/provider/modality/text/model-request';
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
  const attack = createAttack(mode, { engine, cheapEngine });
  const signer = createNodeHybridSigner(fill(9, 64));
  const asked = parseModelRequest(request, 'chat', 0);
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
  const drawKey: DrawKeyInputs = { mode: 'nonce', beacon: fill(7), ...order };
  const sketch = { bankSeed: computeBankSeed(crypto, order.modelRoot, fill(8)), directions: DEFAULT_DIRECTIONS };
  const promptTokens = await engine.tokenizePrompt(asked.prompt);
  const windows: WindowBytes[] = [];
  const { sampler, bias, maxTokens, stop } = asked.asked;
  for await (const event of attack.engine.generate({
    prompt: { kind: 'tokens', tokens: promptTokens },
    sampler,
    bias,
    drawKey: computeDrawKey(crypto, drawKey),
    maxTokens,
    stop,
    sketch,
    topLogprobs: 0,
  })) {
    if (event.kind === 'window') windows.push(event.window);
    if (event.kind !== 'end') continue;
    const { outputTokens, stopReason, text } = event;
    const info = attack.engine.info();
    const blinds = computeBlinds(crypto, { body: request, replyId: order.replyId });
    const served = { order, endpoint: 'chat' as const, asked: asked.asked, blinds, info, sketch, drawKey };
    const times = { startMs: 1, endMs: 2 };
    const committed = commitReply(crypto, signer, {
      ...served,
      ...times,
      promptTokens,
      outputTokens,
      windows,
      stopReason,
      text,
    });
    const { record, signature, opening } = committed;
    return { replyId: toHex(order.replyId), record, signature, publicKey: signer.publicKey, opening };
  }
  throw new Error('the engine ended without an answer');
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
