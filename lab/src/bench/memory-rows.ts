import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Secret } from '@ogong/host/crypto/secret';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore } from '@ogong/host/store/work-store';
import type { EmbeddedMemory } from '@ogong/memory/memory';
import { MAX_ADDED } from '@ogong/memory/store/check-input';
import { MEMORY_SCHEMA } from '@ogong/memory/store/memory-schema';
import type { MemoryStore } from '@ogong/memory/store/memory-store';
import { openMemoryStore } from '@ogong/memory/store/open-memory-store';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { median, type Row } from './row.ts';

const MEMORIES = 100_000;
const DIMENSIONS = 384;
const SEARCHES = 9;
const USER = 'bench';
const MODEL = 'bench';
const TEXT_WORDS = 16;
/** A third of the words of a text come from a short list, as in a language. */
const COMMON = ['the', 'likes', 'works', 'in', 'and', 'city', 'tea', 'her', 'with', 'every', 'week', 'plans'];
const RARE_WORDS = 20_000;

/** Measures a user with as many memories as a store allows: all are unsealed into an index, which is searched exactly. */
export async function measureMemories(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-memories-'));
  const database = openStore(join(directory, 'memory.db'), { schema: MEMORY_SCHEMA });
  const works = createWorkStore(database);
  const store = await openMemoryStore(works, { masterKey: new Secret(new Uint8Array(randomBytes(32))) });
  try {
    return await measureStore(store);
  } finally {
    await store.close();
    await works.close();
    database.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measureStore(store: MemoryStore): Promise<Row[]> {
  const random = createSeededRandom(3);
  const startMs = performance.now();
  for (let done = 0; done < MEMORIES; done += MAX_ADDED) {
    const count = Math.min(MAX_ADDED, MEMORIES - done);
    await store.change(USER, { evidence: [], added: Array.from({ length: count }, () => drawMemory(random)) });
  }
  const storedMs = performance.now() - startMs;
  const search = (text: string) => () =>
    store.search(USER, { text, vector: drawVector(random), embeddingModel: MODEL, limit: 10 });
  const build = await time(search(''));
  const vectors = await timeAll(search(''));
  const both = await timeAll(search(drawText(random)));
  const size = `${MEMORIES} memories of one user with vectors of ${DIMENSIONS} values`;
  const held = (samples: readonly Timing[]): string =>
    `the event loop was held for ${Math.max(...samples.map(({ heldMs }) => heldMs)).toFixed(0)} ms at most`;
  return [
    {
      ...{ id: 'memory-search', what: `a search by vector and ${TEXT_WORDS} words in ${size}`, unit: 'ms' },
      value: median(both.map(({ ms }) => ms)),
      aim: { at: 'most', value: 1_000 },
      note: `median of ${SEARCHES}; ${held(both)}. By vector alone: ${median(vectors.map(({ ms }) => ms)).toFixed(0)} ms; ${held(vectors)}`,
    },
    {
      ...{ id: 'memory-index', what: `the first search, which unseals ${size}`, unit: 's', value: build.ms / 1_000 },
      note: `${held([build])}; all were sealed and stored before in ${(storedMs / 1_000).toFixed(0)} s`,
    },
  ];
}

interface Timing {
  readonly ms: number;
  /** The longest time in which no other work ran. */
  readonly heldMs: number;
}

async function time(work: () => Promise<unknown>): Promise<Timing> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startMs = performance.now();
  await work();
  const ms = performance.now() - startMs;
  delay.disable();
  return { ms, heldMs: delay.max / 1e6 };
}

async function timeAll(work: () => Promise<unknown>): Promise<Timing[]> {
  const timings: Timing[] = [];
  for (let round = 0; round < SEARCHES; round++) timings.push(await time(work));
  return timings;
}

function drawText(random: () => number): string {
  const draw = (): string =>
    random() < 0.3
      ? (COMMON[Math.floor(random() * COMMON.length)] as string)
      : `w${Math.floor(random() * random() * RARE_WORDS)}`;
  return Array.from({ length: TEXT_WORDS }, draw).join(' ');
}

function drawVector(random: () => number): Float32Array {
  const vector = Float32Array.from({ length: DIMENSIONS }, () => random() - 0.5);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / length);
}

function drawMemory(random: () => number): EmbeddedMemory {
  return {
    memory: {
      ...{ id: randomBytes(16).toString('hex'), text: drawText(random), type: 'semantic', categories: ['interests'] },
      ...{
        subject: 'user',
        quote: undefined,
        evidence: undefined,
        agentId: '',
        threadId: '',
        source: '',
        metadata: {},
      },
      ...{ createdAtMs: 1, updatedAtMs: 1, supersedes: undefined, supersededAtMs: undefined },
    },
    ...{ vector: drawVector(random), embeddingModel: MODEL },
  };
}
