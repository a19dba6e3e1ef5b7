import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeMaxFee } from '@ogong/protocol/exchange/fee';
import type { Order } from '@ogong/protocol/exchange/order';
import { findModality } from '@ogong/protocol/modality/registry';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { createNetwork, MODEL_ID, type Network, PRICE } from '@ogong/testing/provider/provider-fixture';
import { openRelayedCalls, type RelayedCalls } from '@ogong/testing/provider/relayed-calls';
import { defineAttack } from '../define-attack.ts';

/** Fields by which a client describes a sealed request to its gateway (docs/spec/sealed-calls.md#offer). */
interface Told {
  readonly requestHash: Uint8Array;
  readonly promptTokenBound: number;
  readonly maxTokens: number;
  readonly choice: number;
}

/** A request, and what of its offer is false. */
interface OfferLie {
  readonly body?: Readonly<Record<string, unknown>> | undefined;
  readonly tell: (told: Told) => Partial<Told>;
}

const OTHER = utf8Encode(JSON.stringify({ model: MODEL_ID, messages: [{ role: 'user', content: 'another' }] }));

/** Fields of an offer that a client can be wrong about, text by text. */
const TEXT_LIES: Readonly<Record<string, OfferLie>> = {
  choice: { tell: () => ({ choice: 1 }) },
  prompt_bound: { body: { max_tokens: 1 }, tell: () => ({ promptTokenBound: 1 }) },
  max_tokens: { tell: () => ({ maxTokens: 1, promptTokenBound: 1 }) },
  request_hash: { tell: () => ({ requestHash: hashRequest(crypto, 'chat', OTHER) }) },
  endpoint: {
    tell: () => ({
      requestHash: hashRequest(crypto, 'completion', utf8Encode(JSON.stringify({ model: MODEL_ID, prompt: 'Hi' }))),
    }),
  },
  model: { body: { model: 'ogong/verified/test/dearer' }, tell: () => ({}) },
  'ogong.model_root': { body: { ogong: { model_root: '11'.repeat(32) } }, tell: () => ({}) },
};

/** Has more served than its offer said: the gateway, which sees no request, orders by the offer. */
export const lyingOffer = defineAttack({
  name: 'lying-offer',
  adversary: 'client that seals another request than it described to its gateway',
  aim: 'have more served than the order pays for, or have the provider accused of what it refuses',
  stoppedBy:
    'A provider reads the sealed request before it accepts the order, and refuses what the order does not cover',
  restarts: ['provider'],
  async play({ texts, vectors }: { readonly texts: Network; readonly vectors: Network }, breaks) {
    breaks.add('provider', texts.restart);
    const calls = await Promise.all(
      [texts, vectors].map((network) => openRelayedCalls(network, { policy: 'required' })),
    );
    const [textCalls, vectorCalls] = calls as [RelayedCalls, RelayedCalls];
    const refused: Record<string, string | undefined> = {};
    const accused: string[] = [];
    let nonce = 0;
    async function call(network: Network, by: RelayedCalls, { body, tell }: OfferLie): Promise<Error | undefined> {
      const order = (honest: Order): Order => orderAsTold(network, honest, { body, tell });
      nonce++;
      return by.call({ nonce, order, ...(body && { body }) }).then(
        () => undefined,
        (error: Error) => error,
      );
    }
    try {
      const honest = { tell: () => ({}) };
      const failures = [await call(texts, textCalls, honest), await call(vectors, vectorCalls, honest)];
      await breaks.take();
      const before = texts.validator.admitted.length + vectors.validator.admitted.length;
      const lies: [string, Network, RelayedCalls, OfferLie][] = Object.entries(TEXT_LIES).map(([what, lie]) => [
        what,
        texts,
        textCalls,
        lie,
      ]);
      // The gateway has a provider drawn by it: one whose context is too small for what comes.
      const long = { input: 'so long an input '.repeat(40) };
      lies.push(['context_bound', vectors, vectorCalls, { body: long, tell: () => ({}) }]);
      for (const [what, network, by, lie] of lies) {
        const error = await call(network, by, lie);
        refused[what] = error?.message;
        // Any other failure counts against the provider (docs/spec/sealed-calls.md#reply).
        if (!(error instanceof ApiError) || error.code !== 'request_refused') accused.push(what);
      }
      const after = texts.validator.admitted.length + vectors.validator.admitted.length;
      return { answered: failures.every((error) => error === undefined), refused, accused, admitted: after - before };
    } finally {
      for (const each of calls) await each.close();
    }
  },
  async stage({ play, keep }) {
    const texts = keep(await createNetwork());
    const vectors = keep(await createNetwork({ realEngine: createFakeEmbeddingEngine() }));
    const { answered, refused, accused, admitted } = await play({ texts, vectors });
    const lies = Object.keys(refused).join(', ');
    return {
      tried: `had ${answered ? 'true offers answered' : 'no true offer answered'}, then lied in ${lies}`,
      answered: [
        ...Object.entries(refused).map(([field, why]) => `${field}: ${why ?? 'it was served'}`),
        accused.length === 0 ? 'nobody was accused' : `accused for ${accused.join(', ')}`,
      ],
      money: admitted === 0 ? 'none' : `${admitted} orders were admitted`,
      worked: !answered || Object.values(refused).includes(undefined) || accused.length > 0 || admitted > 0,
    };
  },
});

/** The order that a gateway signs by what it was told. */
function orderAsTold(network: Network, honest: Order, { body, tell }: OfferLie): Order {
  const { order: _, endpoint, request } = network.order(body ? { body } : {});
  const read = findModality(endpoint).parseRequest(request, endpoint);
  const bound = findModality(endpoint).boundTokens(read);
  const told: Told = {
    ...{ requestHash: honest.requestHash, choice: 0 },
    ...{ promptTokenBound: bound.promptTokens, maxTokens: bound.outputTokens },
  };
  const { requestHash, choice, promptTokenBound: promptTokens, maxTokens: outputTokens } = { ...told, ...tell(told) };
  return { ...honest, requestHash, choice, maxFeeAtomic: computeMaxFee({ promptTokens, outputTokens }, PRICE) };
}
