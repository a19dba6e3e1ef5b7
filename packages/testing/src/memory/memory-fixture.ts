import { createHash, randomBytes } from 'node:crypto';
import type { EmbeddedMemory, Memory, StoredEvidence } from '@ogong/memory/memory';

export const TEST_MODEL = 'embed';
const DIMENSIONS = 4;

/** A vector of unit length in the direction of an angle, in degrees. */
export function createTestVector(degrees: number): Float32Array {
  const radians = (degrees * Math.PI) / 180;
  const vector = new Float32Array(DIMENSIONS);
  vector.set([Math.cos(radians), Math.sin(radians)]);
  return vector;
}

export const drawMemoryId = (): string => randomBytes(16).toString('hex');

export function createTestMemory(
  given: Partial<Memory> = {},
  { degrees = 0, embeddingModel = TEST_MODEL } = {},
): EmbeddedMemory {
  const memory: Memory = {
    ...{ id: drawMemoryId(), text: 'likes tea', type: 'semantic', categories: ['interests'], subject: 'user' },
    ...{ quote: undefined, evidence: undefined, agentId: 'agent', threadId: 'thread', source: 'chat', metadata: {} },
    ...{ createdAtMs: 1_000, updatedAtMs: 1_000, supersedes: undefined, supersededAtMs: undefined },
    ...given,
  };
  return { memory, vector: createTestVector(degrees), embeddingModel };
}

/** A call whose request has this text in JSON. */
export function createTestEvidence(text: string): StoredEvidence {
  const receipt = new Uint8Array(randomBytes(200));
  const encode = (value: unknown): Uint8Array => new Uint8Array(Buffer.from(JSON.stringify(value)));
  return {
    ...{ id: createHash('sha256').update(receipt).digest('hex'), endpoint: 'chat', model: 'm', receipt },
    request: encode({ messages: [{ role: 'user', content: text }] }),
    response: encode({ choices: [{ message: { content: JSON.stringify({ memory: 'none' }) } }] }),
  };
}
