import { type AnswerFields, asFields, asList, asText, orNothing } from '../../data/json-fields.ts';
import type { JsonCall } from '../gateway-call.ts';

/** A memory as the page shows it. */
export interface KnownMemory {
  readonly id: string;
  readonly text: string;
  readonly type: string;
  readonly categories: readonly string[];
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Undefined if a person wrote the memory. */
  readonly quote: { readonly words: string; readonly role: string; readonly day: string | undefined } | undefined;
  /** Hex SHA-256 of the receipts of the calls that made it. */
  readonly receipts: Readonly<Record<CallName, string | undefined>> | undefined;
}

/** The calls that propose a memory, make its vector, and compare it with known ones. */
export const CALL_NAMES = ['proposal', 'vector', 'update'] as const;
export type CallName = (typeof CALL_NAMES)[number];

/** A memory that a question found. */
export interface RecalledMemory {
  readonly id: string;
  readonly text: string;
  /** For the prompt, with its mark. */
  readonly marked: string;
}

/** A call that made a memory. */
export interface ProvenCall {
  readonly model: string;
  /** Base64. */
  readonly receipt: string;
}

/** Messages that become memories. */
export interface SaidTurn {
  readonly question: string;
  readonly answer: string;
  /** ISO 8601. */
  readonly at: string;
}

const ROOT = '/v1/memories';
const PAGE_SIZE = 50;
/** The most memories that go with a question. */
const RECALLED = 8;
const ID = /^[0-9a-f]{32}$/;
const HASH = /^[0-9a-f]{64}$/;
/** A text that holds no other mark (docs/spec/memory.md#recalled-text). */
const MARKED = /^<recalled-memory id="[0-9a-f]{32}">[^<>]*<\/recalled-memory>$/;

export type PanelMemories = ReturnType<typeof createMemoryClient>;

/**
 * The memories of the caller at its gateway.
 * @param call sends a request with the key. Each function throws its errors, and TypeError for an answer of another form.
 */
export function createMemoryClient(call: (asked: JsonCall) => Promise<unknown>) {
  const list = async (before?: string) => {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...(before !== undefined && { before }) });
    const fields = asFields(await call({ method: 'GET', path: `${ROOT}?${query}` }));
    return { found: asList(fields.memories), hasMore: fields.has_more === true };
  };
  const search = async (query: string, limit: number, signal?: AbortSignal) => {
    const body = { query, limit, include_bio: false };
    return asList(
      asFields(await call({ method: 'POST', path: `${ROOT}/search`, body, ...(signal && { signal }) })).memories,
    );
  };
  return {
    /** The newest first. @param before id of the last one that is known. */
    async list(before?: string): Promise<{ readonly memories: readonly KnownMemory[]; readonly hasMore: boolean }> {
      const { found, hasMore } = await list(before);
      return { memories: found.map(parseMemory), hasMore };
    },
    search: async (query: string): Promise<readonly KnownMemory[]> => (await search(query, PAGE_SIZE)).map(parseMemory),
    recall: async (question: string, signal: AbortSignal): Promise<readonly RecalledMemory[]> =>
      (await search(question, RECALLED, signal)).map(parseRecalled),
    /** @returns the texts of the new memories. */
    async remember({ question, answer, at }: SaidTurn): Promise<readonly string[]> {
      const messages = [
        { role: 'user', content: question, created_at: at },
        { role: 'assistant', content: answer, created_at: at },
      ];
      const added = asFields(await call({ method: 'POST', path: ROOT, body: { messages, source: 'chat' } }));
      return asList(added.memories).map((memory) => parseMemory(memory).text);
    },
    edit: async (id: string, text: string): Promise<KnownMemory> =>
      parseMemory(await call({ method: 'PATCH', path: toPath(id), body: { content: text } })),
    forget: async (id: string): Promise<void> => void (await call({ method: 'DELETE', path: toPath(id) })),
    /** The memory first, then those that it replaced. */
    history: async (id: string): Promise<readonly KnownMemory[]> =>
      asList(asFields(await call({ method: 'GET', path: `${toPath(id)}/history` })).memories).map(parseMemory),
    /** A call is undefined if there was none, or if it was erased. */
    async readCalls(id: string): Promise<Readonly<Record<CallName, ProvenCall | undefined>>> {
      const calls = asFields(asFields(await call({ method: 'GET', path: `${toPath(id)}/proof` })).calls);
      return readEach(calls, parseCall);
    },
    /** All memories as JSON, as the gateway sends them. */
    async export(): Promise<string> {
      const memories: unknown[] = [];
      for (let before: string | undefined; ; ) {
        const { found, hasMore } = await list(before);
        memories.push(...found);
        const last = found.at(-1);
        if (!hasMore || last === undefined) return JSON.stringify({ memories }, undefined, 2);
        before = parseMemory(last).id;
      }
    },
  };
}

const toPath = (id: string): string => `${ROOT}/${id}`;

function asMatch(value: unknown, pattern: RegExp): string {
  const text = asText(value);
  if (!pattern.test(text)) throw new TypeError(`expected ${pattern.source}`);
  return text;
}

const readEach = <T>(calls: AnswerFields, read: (call: unknown) => T): Readonly<Record<CallName, T | undefined>> => ({
  proposal: orNothing(calls.extraction, read),
  vector: orNothing(calls.embedding, read),
  update: orNothing(calls.update, read),
});

function parseMemory(value: unknown): KnownMemory {
  const fields = asFields(value);
  const { quote, receipts } = fields;
  return {
    id: asMatch(fields.id, ID),
    // A search names the text otherwise.
    text: asText(fields.content ?? fields.memory),
    type: asText(fields.type),
    categories: asList(fields.categories).map(asText),
    createdAt: asText(fields.created_at),
    updatedAt: asText(fields.updated_at),
    quote: orNothing(quote, (given) => {
      const { words, role, day } = asFields(given);
      return { words: asText(words), role: asText(role), day: orNothing(day, asText) };
    }),
    receipts: orNothing(receipts, (given) => readEach(asFields(given), (hash) => asMatch(hash, HASH))),
  };
}

function parseRecalled(value: unknown): RecalledMemory {
  const { id, memory, recalled } = asFields(value);
  return { id: asMatch(id, ID), text: asText(memory), marked: asMatch(recalled, MARKED) };
}

function parseCall(value: unknown): ProvenCall {
  const { model, receipt } = asFields(value);
  return { model: asText(model), receipt: asText(receipt) };
}
