import { toPrintable } from '@ogong/protocol/base/printable';
import type { Listing } from './listing.ts';
import { CompareError, type Reference, type ShownReply } from './party.ts';
import { readChatTokens, readCompletionTokens, type ShownTokens } from './read-shown.ts';

export interface EndpointOptions {
  /** With or without `/v1`. */
  readonly url: string;
  /** Default: the only one that it lists. */
  readonly model?: string | undefined;
  readonly apiKey?: string | undefined;
  /** Default: as completions, and as chats if it has none. */
  readonly asChat?: boolean | undefined;
}

/** An OpenAI-compatible API. */
export interface TestedEndpoint {
  readonly name: string;
  /** Asks a plain request. @throws CompareError */
  ask(prompts: { readonly opening: string; readonly question: string }): Promise<ShownReply>;
}

const TIMEOUT_MS = 120_000;
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Tokens of each reply; further tokens give less evidence. */
const REPLY_TOKENS = 16;
const [LISTED, LISTED_BY_CHATS] = [5, 20];
/** Positions at which a reference endpoint is asked again: each costs a request. */
const ASKED_POSITIONS = [0, 5, 10, 15];
/** Status codes of servers that have no completions. */
const ABSENT = [400, 404, 405, 422, 501];

interface Connection {
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly model: string;
}

/** Its own list may have named the model. */
const nameEndpoint = ({ model, origin }: Connection): string => toPrintable(`${model} at ${origin}`);

/** @throws CompareError */
export async function openEndpoint({ url, model, apiKey, asChat }: EndpointOptions): Promise<TestedEndpoint> {
  const connection = await connect({ url, model, apiKey });
  let isChat = asChat;
  return {
    name: nameEndpoint(connection),
    async ask({ opening, question }) {
      if (!isChat) {
        try {
          const shown = await complete(connection, opening, REPLY_TOKENS);
          isChat = false;
          return { isChat, prompt: opening, ...shown };
        } catch (error) {
          if (isChat !== undefined || !(error instanceof AbsentError)) throw error;
        }
      }
      isChat = true;
      return { isChat, prompt: question, ...(await chat(connection, question)) };
    },
  };
}

/** Opens a trusted endpoint. It is asked for one token after each of some beginnings of the reply. @throws CompareError */
export async function openReferenceEndpoint(options: Omit<EndpointOptions, 'asChat'>): Promise<Reference> {
  const connection = await connect(options);
  return {
    name: nameEndpoint(connection),
    async list({ isChat, prompt, tokens, listings }) {
      const answers: (Listing | undefined)[] = listings.map(() => undefined);
      if (isChat) return [(await chat(connection, prompt)).listings[0]];
      for (const position of ASKED_POSITIONS.filter((at) => at < listings.length)) {
        const beginning = Buffer.from(tokens.slice(0, position).join(''), 'hex').toString('utf8');
        answers[position] = (await complete(connection, prompt + beginning, 1)).listings[0];
      }
      return answers;
    },
    close: async () => {},
  };
}

/** The endpoint has no such API; CompareError to everybody else. */
class AbsentError extends CompareError {}

async function connect({ url, model, apiKey }: Omit<EndpointOptions, 'asChat'>): Promise<Connection> {
  const origin = url.replace(/\/+$/, '').replace(/\/v1$/, '');
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  if (model !== undefined) return { origin, headers, model };
  const { status, body } = await call(`${origin}/v1/models`, { headers });
  const listed = (body as { data?: unknown } | undefined)?.data;
  const names = Array.isArray(listed)
    ? listed.flatMap((each) => (typeof each?.id === 'string' ? [each.id as string] : []))
    : [];
  if (status === 200 && names.length === 1) return { origin, headers, model: names[0] as string };
  const found =
    names.length === 0 ? 'lists no models' : `lists ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', ...' : ''}`;
  throw new CompareError('no-model', `${origin} ${found}: name one, as in "${url}#model"`);
}

async function complete(connection: Connection, prompt: string, maxTokens: number): Promise<ShownTokens> {
  const body = { prompt, max_tokens: maxTokens, temperature: 1, top_p: 1, logprobs: LISTED };
  return readCompletionTokens(await post(connection, '/v1/completions', body), maxTokens);
}

/** One token. */
async function chat(connection: Connection, question: string): Promise<ShownTokens> {
  const messages = [{ role: 'user', content: question }];
  const body = { messages, max_tokens: 1, temperature: 1, top_p: 1, logprobs: true, top_logprobs: LISTED_BY_CHATS };
  const { tokens, listings } = readChatTokens(await post(connection, '/v1/chat/completions', body), 1);
  return { tokens, listings: listings.slice(0, 1) };
}

async function post(
  { origin, headers, model }: Connection,
  path: string,
  asked: object,
): Promise<Record<string, unknown>> {
  const { status, body } = await call(`${origin}${path}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ model, ...asked }),
  });
  if (status !== 200) {
    const said = (body as { error?: { message?: unknown } } | undefined)?.error?.message;
    const why = `${origin}${path} answers ${status}${typeof said === 'string' ? `: ${said.slice(0, 300)}` : ''}`;
    throw new (ABSENT.includes(status) ? AbsentError : CompareError)('refused', why);
  }
  const choice = (body as { choices?: unknown[] } | undefined)?.choices?.[0];
  if (typeof choice !== 'object' || choice === null)
    throw new CompareError('malformed', `${origin}${path} answers no choice`);
  return choice as Record<string, unknown>;
}

/** @returns the body as JSON; undefined if it is not JSON. */
async function call(url: string, init: RequestInit): Promise<{ readonly status: number; readonly body: unknown }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let status: number;
  try {
    const response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    ({ status } = response);
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES)
        throw new CompareError('malformed', `${url} answers more than ${MAX_BODY_BYTES} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof CompareError) throw error;
    const { cause, message } = error as Error;
    throw new CompareError('unreachable', `${url}: ${cause instanceof Error ? cause.message : message}`, {
      cause: error,
    });
  }
  try {
    return { status, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return { status, body: undefined };
  }
}
