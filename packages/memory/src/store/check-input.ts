import { createHash } from 'node:crypto';
import type { EmbeddedMemory, Memory, StoredEvidence } from '../memory.ts';
import type { MemoryChange, MemoryQuery } from './memory-store.ts';
import { MemoryStoreError } from './memory-store-error.ts';
import {
  encodeMemoryJson,
  MAX_CALL_BYTES,
  MAX_DIMENSIONS,
  MAX_MEMORY_JSON_BYTES,
  MAX_NAME_BYTES,
} from './row-contents.ts';

export const MAX_TEXT_BYTES = 8_192;
export const MAX_NOTE_BYTES = 262_144;
/** Memories, and calls, of one change. */
export const MAX_ADDED = 256;
const MAX_LIMIT = 100;
/** Parts of all calls of one change. */
const MAX_CHANGE_BYTES = 2 ** 25;
/** Models round their vectors to 16 bits or less. */
const LENGTH_TOLERANCE = 0.01;

const MEMORY_ID = /^[0-9a-f]{32}$/;
const EVIDENCE_ID = /^[0-9a-f]{64}$/;

const refuse = (code: 'invalid' | 'too-large', message: string): never => {
  throw new MemoryStoreError(code, message);
};

function assertBytes(what: string, text: string, maxBytes: number): void {
  // A character of UTF-16 takes three bytes at most, so most texts are not measured.
  if (text.length * 3 <= maxBytes) return;
  const size = text.length > maxBytes ? text.length : Buffer.byteLength(text);
  if (size > maxBytes) refuse('too-large', `${what} has more than ${maxBytes} bytes`);
}

function assertName(what: string, name: string): void {
  assertBytes(what, name, MAX_NAME_BYTES);
  if (name === '' || !name.isWellFormed()) refuse('invalid', `${what} is empty or not a Unicode text`);
}

export const assertUser = (user: string): void => assertName('the name of the user', user);

export function assertNote(name: string, text: string | undefined): void {
  assertName('the name of a note', name);
  if (text !== undefined) assertBytes('a note', text, MAX_NOTE_BYTES);
}

function assertVector(vector: Float32Array): void {
  if (vector.length === 0 || vector.length > MAX_DIMENSIONS)
    refuse('too-large', `a vector of ${vector.length} values; it has 1 to ${MAX_DIMENSIONS}`);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  if (!(Math.abs(length - 1) <= LENGTH_TOLERANCE)) refuse('invalid', 'a vector is not of unit length');
}

const isTime = (ms: number): boolean => Number.isSafeInteger(ms) && ms >= 0;

function assertMemory(memory: Memory): void {
  if (!MEMORY_ID.test(memory.id)) refuse('invalid', 'the id of a memory is not 32 lower-case hex digits');
  assertBytes('the text of a memory', memory.text, MAX_TEXT_BYTES);
  if (encodeMemoryJson(memory).length > MAX_MEMORY_JSON_BYTES)
    refuse('too-large', `a memory has more than ${MAX_MEMORY_JSON_BYTES} bytes with its quote and metadata`);
  if (!isTime(memory.createdAtMs) || !isTime(memory.updatedAtMs))
    refuse('invalid', 'a time of a memory is not Unix ms');
}

/** @throws MemoryStoreError `invalid`, `too-large` */
export function assertEmbedded({ memory, vector, embeddingModel }: EmbeddedMemory): void {
  assertName('the name of an embedding model', embeddingModel);
  assertVector(vector);
  assertMemory(memory);
}

function assertEvidence({ id, endpoint, model, receipt, request, response }: StoredEvidence): void {
  assertName('the endpoint of a call', endpoint);
  assertName('the model of a call', model);
  if ([receipt, request, response].some(({ length }) => length > MAX_CALL_BYTES))
    refuse('too-large', `a call has more than ${MAX_CALL_BYTES} bytes in one part`);
  if (!EVIDENCE_ID.test(id) || createHash('sha256').update(receipt).digest('hex') !== id)
    refuse('invalid', 'the id of a call is not the hash of its receipt');
}

/** @throws MemoryStoreError `invalid`, `too-large` */
export function assertChange({ evidence, added }: MemoryChange): void {
  if (evidence.length > MAX_ADDED || added.length > MAX_ADDED)
    refuse('too-large', `a change has more than ${MAX_ADDED} memories or calls`);
  const size = evidence.reduce(
    (sum, { receipt, request, response }) => sum + receipt.length + request.length + response.length,
    0,
  );
  if (size > MAX_CHANGE_BYTES) refuse('too-large', `the calls of a change have more than ${MAX_CHANGE_BYTES} bytes`);
  for (const one of added) {
    assertEmbedded(one);
    if (one.memory.supersededAtMs !== undefined) refuse('invalid', 'a new memory is superseded already');
  }
  evidence.forEach(assertEvidence);
}

/** @throws MemoryStoreError `invalid`, `too-large` */
export function assertQuery({ text, vector, embeddingModel, limit }: MemoryQuery): void {
  assertBytes('the text of a search', text, MAX_TEXT_BYTES);
  assertName('the name of an embedding model', embeddingModel);
  assertVector(vector);
  assertLimit(limit);
}

export function assertLimit(limit: number): void {
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT))
    refuse('invalid', `a limit of ${limit}; it is 1 to ${MAX_LIMIT}`);
}
