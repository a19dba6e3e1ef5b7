import type { Engine, GenerateEvent } from '@ogong/engine/engine';
import { nodeCrypto as crypto } from '@ogong/node/crypto/node-crypto';
import { chooseDrawKey, commitReply } from '@ogong/node/roles/provider/commit-reply';
import type { Submission } from '@ogong/node/roles/validator/claim';
import type { TestOrder } from '@ogong/node/roles/validator/test-reply';
import { parseModelRequest } from '@ogong/node/shared/model-request';
import type { HybridSigner } from '@ogong/protocol/crypto';
import { computeDrawKey } from '@ogong/protocol/draw-key';
import { computeBankSeed, DEFAULT_DIRECTIONS } from '@ogong/protocol/sketch';
import type { WindowBytes } from '@ogong/protocol/window';

export interface EngineReply {
  readonly submission: Submission;
  readonly opening: Uint8Array;
  readonly windows: readonly WindowBytes[];
}

/** One reply of an engine, committed as a provider commits it; a cheat only has another engine. */
export async function serveByEngine(
  engine: Engine,
  order: TestOrder,
  {
    provider,
    payee,
    beacon,
    nowMs,
  }: {
    readonly provider: HybridSigner;
    readonly payee: Uint8Array;
    readonly beacon: { readonly value: Uint8Array; readonly previous: Uint8Array };
    readonly nowMs: number;
  },
): Promise<EngineReply> {
  const { asked, prompt } = parseModelRequest(order.request, 'chat');
  const drawKey = chooseDrawKey(order.fields, asked, beacon.value);
  const bankSeed = computeBankSeed(crypto, order.fields.modelRoot, beacon.previous);
  const sketch = { bankSeed, directions: DEFAULT_DIRECTIONS };
  const promptTokens = await engine.tokenizePrompt(prompt);
  const windows: WindowBytes[] = [];
  let end: Extract<GenerateEvent, { kind: 'end' }> | undefined;
  for await (const event of engine.generate({
    prompt: { kind: 'tokens', tokens: promptTokens },
    sampler: asked.sampler,
    bias: asked.bias,
    drawKey: computeDrawKey(crypto, drawKey),
    maxTokens: asked.maxTokens,
    stop: asked.stop,
    sketch,
    topLogprobs: 0,
  })) {
    if (event.kind === 'window') windows.push(event.window);
    if (event.kind === 'end') end = event;
  }
  if (end === undefined) throw new Error('the engine ended without an answer');
  const { outputTokens, stopReason, text } = end;
  const committed = commitReply(crypto, provider, {
    order: order.fields,
    endpoint: 'chat',
    asked,
    info: engine.info(),
    sketch,
    drawKey,
    payee,
    promptTokens,
    outputTokens,
    windows,
    stopReason,
    text,
    startMs: nowMs,
    endMs: nowMs + 1_000,
  });
  const { header, headerProof, record, signature, response, opening } = committed;
  return {
    opening,
    windows,
    submission: {
      order: { order: order.order, signature: order.signature },
      record: { record, providerKey: provider.publicKey, signature },
      header,
      headerProof,
      request: order.request,
      endpoint: 'chat',
      response,
    },
  };
}
