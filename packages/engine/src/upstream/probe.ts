import { type Refused, toEngineError, type UpstreamConnection } from './connection.ts';
import { findServer } from './find-server.ts';
import type { UpstreamFindings, UpstreamKind } from './findings.ts';
import { readChunk, type UpstreamChunk } from './read-chunk.ts';

const QUESTION = [{ role: 'user', content: 'Count from one to twenty.' }];
/** Enough for two texts to differ, and little where somebody pays for it. */
const PROBE_TOKENS = 8;
const MOST_ALTERNATIVES = 20;

/** Optional wishes of a request. Each is one that some servers refuse. */
interface Wishes {
  readonly logprobs: boolean;
  readonly seed: boolean;
  readonly usage: boolean;
  readonly limitField: UpstreamFindings['limitField'];
}

/**
 * Asks a server about ten times for a few tokens, and notes what it was seen to do (docs/upstream.md).
 * @param model default: the only one that it lists.
 * @throws EngineError if it cannot be reached, has no such model, or answers nothing that can be read.
 */
export async function probeUpstream(connection: UpstreamConnection, model?: string): Promise<UpstreamFindings> {
  const server = await findServer(connection, model);
  const ask = createAsk(connection, server);
  const { wishes, shown } = await findWishes(connection.address, ask);
  return {
    address: connection.address,
    ...server,
    answersAs: shown.model,
    limitField: wishes.limitField,
    usage: shown.usage > 0,
    tokenIds: shown.ids > 0,
    alternatives: shown.alternatives,
    seeds: wishes.seed ? await compareSeeds(ask, wishes) : 'refused',
    tools: await takesTools(connection, server.model, wishes),
    ...(await probeCompletions(connection, server.model)),
    hiddenStates: server.kind === 'sglang' && (await showsHidden(connection, server.model)),
  };
}

/** Findings in an answer. */
interface Shown {
  readonly text: string;
  readonly model: string | undefined;
  readonly ids: number;
  /** Least that a token named. */
  readonly alternatives: number;
  readonly usage: number;
}

type Ask = (wishes: Wishes, seed?: number) => Promise<Shown | Refused>;

function createAsk(
  connection: UpstreamConnection,
  { kind, model }: { readonly kind: UpstreamKind; readonly model: string },
): Ask {
  return async ({ logprobs, seed: hasSeed, usage, limitField }, seed = 7) => {
    const body = {
      ...{ model, messages: QUESTION, stream: true, temperature: 1, [limitField]: PROBE_TOKENS },
      ...(usage && { stream_options: { include_usage: true } }),
      ...(logprobs && { logprobs: true, top_logprobs: MOST_ALTERNATIVES }),
      ...(hasSeed && { seed }),
      ...(kind === 'vllm' && { return_token_ids: true }),
    };
    const events = await connection.tryStream('/v1/chat/completions', body, new AbortController().signal);
    if ('status' in events) return events;
    const chunks: UpstreamChunk[] = [];
    for await (const event of events) chunks.push(readChunk(event));
    const tokens = chunks.flatMap((chunk) => chunk.tokens);
    return {
      text: chunks.map(({ content, reasoning }) => reasoning + content).join(''),
      model: chunks.find((chunk) => chunk.model !== undefined)?.model,
      ids: chunks.reduce((sum, { ids }) => sum + ids.length, 0),
      alternatives: tokens.length === 0 ? 0 : Math.min(...tokens.map(({ alternatives }) => alternatives.length)),
      usage: chunks.reduce((most, chunk) => Math.max(most, chunk.usage?.outputTokens ?? 0), 0),
    };
  };
}

const ALL: Wishes = { logprobs: true, seed: true, usage: true, limitField: 'max_tokens' };
/** Fields to leave out, one after the other, until a server answers. */
const WITHOUT: readonly Partial<Wishes>[] = [
  { logprobs: false },
  { limitField: 'max_completion_tokens' },
  { seed: false },
  { usage: false },
];

/** The most that the server takes at once. @throws EngineError if it answers nothing at all. */
async function findWishes(address: string, ask: Ask): Promise<{ readonly wishes: Wishes; readonly shown: Shown }> {
  let wishes = ALL;
  let answer = await ask(wishes);
  for (const less of WITHOUT) {
    if (!isUnwilling(answer)) break;
    wishes = { ...wishes, ...less };
    answer = await ask(wishes);
  }
  if ('status' in answer) throw toEngineError(address, answer);
  let shown = answer;
  // Fields that were left out before the culprit are tried again.
  for (const more of [{ logprobs: true }, { seed: true }, { limitField: 'max_tokens' }] as const) {
    const wider = { ...wishes, ...more };
    if (JSON.stringify(wider) === JSON.stringify(wishes)) continue;
    const again = await ask(wider);
    if ('status' in again) continue;
    wishes = wider;
    shown = again;
  }
  return { wishes, shown };
}

const isUnwilling = (answer: Shown | Refused): answer is Refused =>
  'status' in answer && (answer.status === 400 || answer.status === 422);

async function compareSeeds(ask: Ask, wishes: Wishes): Promise<UpstreamFindings['seeds']> {
  const plain = { ...wishes, logprobs: false };
  const first = await ask(plain, 11);
  const second = await ask(plain, 11);
  if ('status' in first || 'status' in second) return 'refused';
  return first.text !== '' && first.text === second.text ? 'repeats' : 'differs';
}

/** @returns the first entry of the field `choices` of an answer. */
function readFirst(document: unknown): Readonly<Record<string, unknown>> {
  const { choices } = (document ?? {}) as { readonly choices?: unknown };
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  return typeof first === 'object' && first !== null ? (first as Readonly<Record<string, unknown>>) : {};
}

async function probeCompletions(
  connection: UpstreamConnection,
  model: string,
): Promise<Pick<UpstreamFindings, 'completions' | 'promptLogprobs'>> {
  const body = { model, prompt: 'One, two, three', max_tokens: 1 };
  const answer = await connection.call('/v1/completions', body);
  if (!('document' in answer)) return { completions: false, promptLogprobs: false };
  const completions = typeof readFirst(answer.document).text === 'string';
  const echoed = await connection.call('/v1/completions', { ...body, echo: true, logprobs: 1 });
  if (!('document' in echoed)) return { completions, promptLogprobs: false };
  const { token_logprobs: values } = (readFirst(echoed.document).logprobs ?? {}) as { token_logprobs?: unknown };
  // One of them is that of the token that was asked for.
  const promptLogprobs = Array.isArray(values) && values.filter((value) => Number.isFinite(value)).length > 1;
  return { completions, promptLogprobs };
}

const TOOL = { name: 'count', description: 'Counts up to a number.', parameters: { type: 'object', properties: {} } };

/** Whether the server takes a chat whose tool was called; some refuse tools, and some templates refuse answers to calls. */
async function takesTools(connection: UpstreamConnection, model: string, { limitField }: Wishes): Promise<boolean> {
  const call = { id: 'call00001', type: 'function', function: { name: TOOL.name, arguments: '{}' } };
  const messages = [
    ...QUESTION,
    { role: 'assistant', content: '', tool_calls: [call] },
    { role: 'tool', content: 'done', tool_call_id: call.id },
  ];
  const body = { model, messages, tools: [{ type: 'function', function: TOOL }], [limitField]: PROBE_TOKENS };
  const answer = await connection.call('/v1/chat/completions', body);
  return 'document' in answer && 'message' in readFirst(answer.document);
}

async function showsHidden(connection: UpstreamConnection, model: string): Promise<boolean> {
  const body = { model, messages: QUESTION, max_tokens: 1, return_hidden_states: true };
  const answer = await connection.call('/v1/chat/completions', body);
  if (!('document' in answer)) return false;
  const { hidden_states: states } = readFirst(answer.document);
  return Array.isArray(states) && states.length > 0;
}
