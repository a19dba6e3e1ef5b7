import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { KnownBeacon } from '@ogong/host/views/beacon-view';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { formatExactJson } from '@ogong/protocol/base/exact-json';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { type TokenLogprob, TokenLogprobSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import type { TensorRequest } from '@ogong/protocol/modality/tensor/request';
import { type DrawRow, decodeDraws, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { NAT, TAIL_RANK } from '@ogong/protocol/modality/text/sampling/sampler';
import { findStop } from '@ogong/protocol/modality/text/stage1/reply-text';
import { commitEmbedding } from '@ogong/provider/modality/embedding/commit-embedding';
import { commitTensors } from '@ogong/provider/modality/tensor/commit-tensors';
import { runRequest } from '@ogong/provider/modality/tensor/run-request';
import { createFakeEmbeddingEngine } from '../engine/fake-embedding.ts';
import { createFakeTensorEngine } from '../engine/fake-tensor.ts';
import type { SyntheticReply } from '../synthetic/synthetic-reply.ts';

// Answers of the fake network's providers.

const STORY = ['Once', ' upon', ' a', ' time', ' there', ' was', ' a', ' small', ' fox', '.'];
/** An answer under the schema of the client tests. */
const THING = ['{"color"', ': "red"', ', "size"', ': 7', '}'];
/** A call of the tool of the client tests. */
const CALL = ['{"name": "weather"', ', "arguments": ', '{"city": ', '"Paris"', '}', '}'];

/** The schema of the client tests as the arguments of a tool. */
const THING_CALL = ['{"name": "thing"', ', "arguments": ', ...THING, '}'];

const FORCED_CALLS = [
  { name: 'thing', words: THING_CALL },
  { name: 'weather', words: CALL },
];

/** Writes a call of the first tool, with the first value of each property that it requires. */
function callFirst([tool]: InferenceRequest['tools']): readonly string[] {
  const { properties = {}, required = [] } = JSON.parse(formatExactJson(tool?.parameters ?? {})) as {
    readonly properties?: Readonly<Record<string, { readonly enum?: readonly unknown[] }>>;
    readonly required?: readonly string[];
  };
  const given = required.map((name) => `${JSON.stringify(name)}: ${JSON.stringify(properties[name]?.enum?.[0])}`);
  return [`{"name": ${JSON.stringify(tool?.name)}`, ', "arguments": ', `{${given.join(', ')}}`, '}'];
}

/** Chooses a story, a call of an offered tool that has no answer yet, or a text that the grammar allows. */
export function chooseWords({ grammar, terms, tools, messages }: InferenceRequest): readonly string[] {
  if (terms.isForced) return FORCED_CALLS.find(({ name }) => terms.tools.includes(name))?.words ?? callFirst(tools);
  const hasCall = terms.tools.length > 0 && messages.at(-1)?.role !== 'tool';
  const marked = ['<tool', '_call>\n', ...CALL, '\n</tool_call>'];
  if (grammar !== undefined) return hasCall ? marked : THING;
  return hasCall ? ['I look', '.\n', ...marked] : STORY;
}

const CHARACTERS_PER_TOKEN = 10;

/** Counts the tokens of a chat. A token of this model is longer than that of a real one, so that only very long chats are too long. */
export const countPrompt = ({ messages }: InferenceRequest): number =>
  Math.ceil(messages.reduce((sum, { content }) => sum + content.length, 0) / CHARACTERS_PER_TOKEN);

/** Returns a reply as an engine writes it: the words up to the limit, cut at a stop string. */
export function speak(words: readonly string[], { maxTokens, stop }: InferenceRequest) {
  const pieces = words.slice(0, maxTokens);
  const at = findStop(pieces.join(''), stop);
  if (at < 0) {
    const stopReason = pieces.length === maxTokens ? ('length' as const) : ('stop-token' as const);
    return { pieces, stopReason };
  }
  const kept: string[] = [];
  let length = 0;
  for (const piece of pieces) {
    if (length >= at) break;
    kept.push(piece.slice(0, at - length));
    length += piece.length;
  }
  return { pieces: kept, stopReason: 'stop-string' as const };
}

const MAX_MADE_UP_MODELS = 100;

/**
 * Draws a reply without a repeated token: a token has one text everywhere, and each word is a token of its own. The
 * function tries made-up models until one repeats nothing. The order decides which tokens a model draws.
 */
export function drawDistinct(compose: (seed: number) => SyntheticReply) {
  for (let seed = 1; seed <= MAX_MADE_UP_MODELS; seed++) {
    const reply = compose(seed);
    const rows = reply.opening.windows.flatMap(({ draws }) => decodeDraws(draws, reply.header).rows);
    if (new Set(rows.map(tokenOf)).size === rows.length) return { reply, rows };
  }
  throw new Error(`each of ${MAX_MADE_UP_MODELS} made-up models draws a token twice`);
}

/** Returns the text of each drawn token. */
export const spell = (rows: readonly DrawRow[], pieces: readonly string[]): ReadonlyMap<number, string> =>
  new Map(rows.map((row, at) => [tokenOf(row), pieces[at] ?? '']));

/** @param spelled texts of the tokens that the reply draws. */
export function toLogprob(
  text: string,
  row: DrawRow,
  { topLogprobs }: InferenceRequest,
  spelled: ReadonlyMap<number, string>,
): TokenLogprob {
  const best = Array.from(row.ids, (_, rank) => rank).sort((a, b) => (row.q[a] as number) - (row.q[b] as number));
  const alternatives = best.slice(0, topLogprobs).map((rank) => {
    const id = row.ids[rank] as number;
    return create(TokenLogprobSchema, {
      id,
      bytes: utf8Encode(spelled.get(id) ?? `~${id}`),
      logprob: -(row.q[rank] as number) / NAT,
    });
  });
  const q = row.rank === TAIL_RANK ? row.tailQ : row.q[row.rank];
  return create(TokenLogprobSchema, {
    id: tokenOf(row),
    bytes: utf8Encode(text),
    logprob: -(q as number) / NAT,
    alternatives,
  });
}

/** Returns vectors of the fake model, committed as by a provider. */
export async function composeEmbedding(
  signer: HybridSigner,
  {
    order,
    request,
    body,
    beacon,
  }: { order: NamedOrder; request: EmbeddingRequest; body: Uint8Array; beacon: KnownBeacon },
) {
  const engine = createFakeEmbeddingEngine({ reranks: request.query !== undefined });
  const { inputs } = await engine.embed(request);
  const startMs = Date.now() - 2_000;
  const served = { order, request, body, info: engine.info(), beacon, inputs, startMs, endMs: startMs + 5 };
  const committed = commitEmbedding(crypto, signer, served);
  const { record, signature, header } = committed;
  return { committed, finished: { record: { record, providerKey: signer.publicKey, signature }, header } };
}

/** Returns tensors of the fake model, committed as by a provider. @throws RequestError */
export async function composeReplyTensors(
  signer: HybridSigner,
  {
    order,
    request,
    body,
    beacon,
  }: { order: NamedOrder; request: TensorRequest; body: Uint8Array; beacon: KnownBeacon },
) {
  const engine = createFakeTensorEngine();
  const { inputs, outputs } = await runRequest(engine, request, { signal: new AbortController().signal });
  const startMs = Date.now() - 2_000;
  const served = { order, request, body, info: engine.info(), beacon, inputs, outputs, startMs, endMs: startMs + 5 };
  const committed = commitTensors(crypto, signer, served);
  const { record, signature, header } = committed;
  return { committed, finished: { record: { record, providerKey: signer.publicKey, signature }, header } };
}
