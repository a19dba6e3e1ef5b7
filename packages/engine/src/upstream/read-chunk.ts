import { EngineError } from '../interface/engine-error.ts';
import { quote } from './quote.ts';

/** One token as a server shows it. */
export interface UpstreamToken {
  readonly id: number | undefined;
  readonly bytes: Uint8Array;
  readonly logprob: number;
  readonly alternatives: readonly { readonly bytes: Uint8Array; readonly logprob: number }[];
}

/** A part of a call of a tool. */
export interface UpstreamCallPart {
  /** Number of its call in the answer, if the server gives one. */
  readonly index: number | undefined;
  /** Empty in all parts but the first. */
  readonly name: string;
  /** A piece of the arguments. */
  readonly given: string;
}

/** Content of one event of a stream. */
export interface UpstreamChunk {
  readonly model: string | undefined;
  readonly content: string;
  readonly reasoning: string;
  readonly calls: readonly UpstreamCallPart[];
  readonly tokens: readonly UpstreamToken[];
  /** Ids that come beside the text. */
  readonly ids: readonly number[];
  readonly finish: string | undefined;
  /** The stop string that ended it, if the server says which. */
  readonly stop: string | undefined;
  readonly usage: { readonly promptTokens: number; readonly outputTokens: number } | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** No vocabulary is larger, and no count of a context. */
const MAX_ID = 2 ** 24 - 1;
const MAX_COUNT = 2 ** 28;
const MAX_TOKENS = 4096;
const MAX_CALLS = 128;
const MAX_ALTERNATIVES = 64;
const MAX_TOKEN_BYTES = 1024;
/** Servers round, so that a certain token may be a little above one. */
const ROUNDING = 1e-3;

const malformed = (what: string): EngineError =>
  new EngineError('engine-crashed', `the upstream server answers what no API has: ${what}`);

const fieldsOf = (value: unknown, what: string): Fields => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(`${what} is no object`);
  return value as Fields;
};
const isAbsent = (value: unknown): value is undefined | null => value === undefined || value === null;

function textOf(value: unknown, what: string): string {
  if (isAbsent(value)) return '';
  if (typeof value !== 'string') throw malformed(`${what} is no text`);
  return value;
}

function listOf(value: unknown, most: number, what: string): readonly unknown[] {
  if (isAbsent(value)) return [];
  if (!Array.isArray(value)) throw malformed(`${what} is no list`);
  if (value.length > most) throw malformed(`${what} has ${value.length} entries, at most ${most}`);
  return value;
}

function countOf(value: unknown, most: number, what: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw malformed(`${what} is no whole number from 0 to ${most}`);
}

function logprobOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value > ROUNDING) {
    throw malformed('a log-probability is not a number of at most 0');
  }
  return Math.min(0, value);
}

/** @throws EngineError if it is none, or says that the server failed. */
export function readChunk(event: unknown): UpstreamChunk {
  const fields = fieldsOf(event, 'an event');
  if (!isAbsent(fields.error)) {
    const { error } = fields;
    const words = typeof error === 'string' ? error : String((error as { message?: unknown }).message ?? 'no reason');
    throw new EngineError('engine-crashed', `the upstream server failed: ${quote(words, undefined)}`, {
      retryable: true,
    });
  }
  const choices = listOf(fields.choices, 8, 'choices').map((each) => fieldsOf(each, 'a choice'));
  const choice = choices.find(({ index }) => isAbsent(index) || index === 0) ?? {};
  const delta = isAbsent(choice.delta) ? {} : fieldsOf(choice.delta, 'a delta');
  const logprobs = isAbsent(choice.logprobs) ? {} : fieldsOf(choice.logprobs, 'logprobs');
  const finish = textOf(choice.finish_reason, 'finish_reason');
  return {
    model: isAbsent(fields.model) ? undefined : textOf(fields.model, 'model'),
    content: textOf(isAbsent(choice.delta) ? choice.text : delta.content, 'content'),
    reasoning: textOf(delta.reasoning_content, 'reasoning_content') || textOf(delta.reasoning, 'reasoning'),
    calls: listOf(delta.tool_calls, MAX_CALLS, 'tool_calls').map((each) => readCall(fieldsOf(each, 'a call'))),
    tokens: isAbsent(logprobs.content) ? readColumns(logprobs) : readTokens(logprobs.content),
    ids: listOf(choice.token_ids, MAX_TOKENS, 'token_ids').map((id) => countOf(id, MAX_ID, 'a token id')),
    finish: finish === '' ? undefined : finish,
    stop: [choice.stop_reason, choice.matched_stop].find((stop) => typeof stop === 'string') as string | undefined,
    usage: isAbsent(fields.usage) ? undefined : readUsage(fieldsOf(fields.usage, 'usage')),
  };
}

function readCall({ index, function: called }: Fields): UpstreamCallPart {
  const { name, arguments: given } = isAbsent(called) ? ({} as Fields) : fieldsOf(called, 'a function');
  return {
    index: isAbsent(index) ? undefined : countOf(index, MAX_CALLS - 1, 'the index of a call'),
    ...{ name: textOf(name, 'the name of a call'), given: textOf(given, 'arguments') },
  };
}

function readUsage({ prompt_tokens: prompt, completion_tokens: output }: Fields) {
  return {
    promptTokens: isAbsent(prompt) ? 0 : countOf(prompt, MAX_COUNT, 'prompt_tokens'),
    outputTokens: isAbsent(output) ? 0 : countOf(output, MAX_COUNT, 'completion_tokens'),
  };
}

/** Reads tokens in the form of chats. */
const readTokens = (content: unknown): UpstreamToken[] =>
  listOf(content, MAX_TOKENS, 'logprobs').map((each) => {
    const token = fieldsOf(each, 'a token');
    return {
      id: isAbsent(token.id) ? undefined : countOf(token.id, MAX_ID, 'a token id'),
      ...readChance(token),
      alternatives: listOf(token.top_logprobs, MAX_ALTERNATIVES, 'top_logprobs')
        .map((other) => readChance(fieldsOf(other, 'an alternative')))
        .sort((a, b) => b.logprob - a.logprob),
    };
  });

function readChance({ token, bytes, logprob }: Fields) {
  const listed = listOf(bytes, MAX_TOKEN_BYTES, 'bytes').map((byte) => countOf(byte, 255, 'a byte'));
  const text = textOf(token, 'a token');
  if (text.length > MAX_TOKEN_BYTES) throw malformed('a token is too long');
  return { bytes: isAbsent(bytes) ? Buffer.from(text) : Uint8Array.from(listed), logprob: logprobOf(logprob) };
}

/** Reads tokens in the form of completions: lists of the same length, and alternatives by their text. */
function readColumns({ tokens, token_logprobs: values, top_logprobs: tops }: Fields): UpstreamToken[] {
  const logprobs = listOf(values, MAX_TOKENS, 'token_logprobs');
  const alternatives = listOf(tops, MAX_TOKENS, 'top_logprobs');
  return listOf(tokens, MAX_TOKENS, 'tokens').map((token, i) => {
    const top = isAbsent(alternatives[i]) ? {} : fieldsOf(alternatives[i], 'top_logprobs');
    const entries = Object.entries(top);
    if (entries.length > MAX_ALTERNATIVES) throw malformed('top_logprobs are too many');
    return {
      id: undefined,
      ...readChance({ token, logprob: logprobs[i] ?? 0 }),
      alternatives: entries
        .map(([text, logprob]) => readChance({ token: text, logprob }))
        .sort((a, b) => b.logprob - a.logprob),
    };
  });
}
