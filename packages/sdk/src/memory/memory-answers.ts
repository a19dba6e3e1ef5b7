import { MemoryApiError } from './memory-error.ts';
import type { MatchedMemory, MemoryAddition, MemoryFindings, MemoryProfile, StoredMemory } from './memory-types.ts';

type Fields = Readonly<Record<string, unknown>>;

const MAX_MEMORIES = 1_024;
const ID = /^[0-9a-f]{32}$/;
/** Text inside the mark has no `<` and no `>`, so it cannot end the mark. */
const RECALLED = /^<recalled-memory id="([0-9a-f]{32})">[^<>]*<\/recalled-memory>$/;

export const isMemoryId = (value: unknown): value is string => typeof value === 'string' && ID.test(value);

/** @throws MemoryApiError `form`, as all functions of this file. */
export function parseStored(value: unknown): StoredMemory {
  const fields = asFields(value);
  if (!isMemoryId(fields.id) || typeof fields.content !== 'string') refuse('a memory has no id or no text');
  return fields as StoredMemory;
}

function parseFound(value: unknown): MatchedMemory {
  const fields = asFields(value);
  const { id, memory, recalled } = fields;
  if (!isMemoryId(id) || typeof memory !== 'string') refuse('a memory has no id or no text');
  if (typeof recalled !== 'string' || RECALLED.exec(recalled)?.[1] !== id) refuse('a recalled text has no mark');
  return fields as unknown as MatchedMemory;
}

export function parseAddition(value: unknown): MemoryAddition {
  const fields = asFields(value);
  const { memories_created: created, memories } = fields;
  if (!Number.isSafeInteger(created) || (created as number) < 0) refuse('memories_created is no count');
  return { ...fields, memories_created: created as number, memories: asList(memories).map(parseStored) };
}

export function parseFindings(value: unknown): MemoryFindings {
  const { user_bio: bio = null, memories } = asFields(value);
  if (bio !== null && typeof bio !== 'string') refuse('user_bio is no text');
  return { user_bio: bio, memories: asList(memories).map(parseFound) };
}

export function parseProfile(value: unknown): MemoryProfile {
  const fields = asFields(value);
  const { bio, categories = {}, insights = [], traits = [], stats } = fields;
  for (const text of [bio, ...Object.values(asFields(categories))]) if (text) assertText(text);
  for (const list of [insights, traits]) assertSources(list);
  if (stats !== undefined && typeof asFields(stats).total_memories !== 'number') refuse('stats has no total_memories');
  return fields as MemoryProfile;
}

function assertText(value: unknown): void {
  const { summary, sources } = asFields(value);
  if (typeof summary !== 'string') refuse('a text has no summary');
  assertSources(sources);
}

function assertSources(value: unknown): void {
  for (const { text, memories } of asList(value).map(asFields))
    if (typeof text !== 'string' || !asList(memories).every(isMemoryId)) refuse('a sentence names no memories');
}

function asFields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse('no object');
  return value as Fields;
}

function asList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value) || value.length > MAX_MEMORIES) refuse('no list, or a longer one');
  return value;
}

function refuse(fault: string): never {
  throw new MemoryApiError('form', `the answer of the memory service has another form: ${fault}`);
}
