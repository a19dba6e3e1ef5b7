import { type AnswerFields, asCount, asFields, asList, asText, orNothing } from '../../data/json-fields.ts';

/** A memory as the page shows it. */
export interface KnownMemory {
  readonly id: string;
  readonly text: string;
  readonly type: string;
  readonly categories: readonly string[];
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** When a newer memory replaced it, ISO 8601. */
  readonly supersededAt: string | undefined;
  /** Undefined if a person wrote the memory. */
  readonly quote: KnownQuote | undefined;
  /** Hex SHA-256 of the receipts of the calls that made it. */
  readonly receipts: Readonly<Record<CallName, string | undefined>> | undefined;
}

interface KnownQuote {
  readonly words: string;
  readonly role: string;
  /** Place of the message in its call, from 0. */
  readonly message: number;
  /** Hex SHA-256 of the whole message. */
  readonly messageHash: string;
  readonly day: string | undefined;
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

/** A call that made a memory; its bytes are in base64. */
export interface ProvenCall {
  readonly model: string;
  readonly receipt: string;
  readonly request: string;
  readonly response: string;
}

/** Numbers of the memories of today. */
export interface PanelCounts {
  readonly total: number;
  readonly byType: Readonly<Record<string, number>>;
  readonly byCategory: Readonly<Record<string, number>>;
}

/** Texts about the user that a model made of memories. */
export interface PanelProfile {
  readonly bio: PanelText | undefined;
  readonly categories: readonly { readonly name: string; readonly text: PanelText }[];
}

export interface PanelText {
  readonly sentences: readonly { readonly text: string; readonly memories: number }[];
  /** ISO 8601. */
  readonly generatedAt: string;
  /** Whether a person wrote it. */
  readonly isWritten: boolean;
}

const ID = /^[0-9a-f]{32}$/;
const HASH = /^[0-9a-f]{64}$/;
/** A text that holds no other mark (docs/spec/memory.md#recalled-text). */
const MARKED = /^<recalled-memory id="[0-9a-f]{32}">[^<>]*<\/recalled-memory>$/;

function asMatch(value: unknown, pattern: RegExp): string {
  const text = asText(value);
  if (!pattern.test(text)) throw new TypeError(`expected ${pattern.source}`);
  return text;
}

export const asMemoryId = (value: unknown): string => asMatch(value, ID);

const readEach = <T>(calls: AnswerFields, read: (call: unknown) => T): Readonly<Record<CallName, T | undefined>> => ({
  proposal: orNothing(calls.extraction, read),
  vector: orNothing(calls.embedding, read),
  update: orNothing(calls.update, read),
});

export function parseMemory(value: unknown): KnownMemory {
  const fields = asFields(value);
  const { quote, receipts } = fields;
  return {
    id: asMemoryId(fields.id),
    // A search names the text otherwise.
    text: asText(fields.content ?? fields.memory),
    type: asText(fields.type),
    categories: asList(fields.categories).map(asText),
    createdAt: asText(fields.created_at),
    updatedAt: asText(fields.updated_at),
    supersededAt: orNothing(fields.superseded_at, asText),
    quote: orNothing(quote, parseQuote),
    receipts: orNothing(receipts, (given) => readEach(asFields(given), (hash) => asMatch(hash, HASH))),
  };
}

function parseQuote(value: unknown): KnownQuote {
  const { words, role, message, message_hash: hash, day } = asFields(value);
  return {
    ...{ words: asText(words), role: asText(role), message: asCount(message), messageHash: asMatch(hash, HASH) },
    day: orNothing(day, asText),
  };
}

export function parseRecalled(value: unknown): RecalledMemory {
  const { id, memory, recalled } = asFields(value);
  return { id: asMemoryId(id), text: asText(memory), marked: asMatch(recalled, MARKED) };
}

/** Parses the calls of a proof. A call is undefined if there was none, or if it was erased. */
export const parseCalls = (proof: unknown): Readonly<Record<CallName, ProvenCall | undefined>> =>
  readEach(asFields(asFields(proof).calls), (call) => {
    const { model, receipt, request, response } = asFields(call);
    return { model: asText(model), receipt: asText(receipt), request: asText(request), response: asText(response) };
  });

const parseCounts = (value: unknown): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(asFields(value)).map(([name, count]) => [name, asCount(count)]));

export function parseStats(value: unknown): PanelCounts {
  const { total_memories: total, by_type: byType, by_category: byCategory } = asFields(asFields(value).stats);
  return { total: asCount(total), byType: parseCounts(byType), byCategory: parseCounts(byCategory) };
}

export function parseProfile(value: unknown): PanelProfile {
  const { bio, categories } = asFields(value);
  const texts = Object.entries(asFields(categories)).map(([name, text]) => ({
    name,
    text: orNothing(text, parseText),
  }));
  return {
    bio: orNothing(bio, parseText),
    categories: texts.flatMap(({ name, text }) => (text === undefined ? [] : [{ name, text }])),
  };
}

function parseText(value: unknown): PanelText {
  const { sources, generated_at: generatedAt, is_written: isWritten } = asFields(value);
  const sentences = asList(sources).map((one) => {
    const { text, memories } = asFields(one);
    return { text: asText(text), memories: asList(memories).length };
  });
  return { sentences, generatedAt: asText(generatedAt), isWritten: isWritten === true };
}
