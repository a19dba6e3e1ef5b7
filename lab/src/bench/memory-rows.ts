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
  const stored = await time(() => addAll(store, random));
  const search = (text: string) => () =>
    store.search(USER, { text, vector: drawVector(random), embeddingModel: MODEL, limit: 10 });
  const build = await time(search(''));
  const vectors = await timeAll(search(''));
  const both = await timeAll(search(drawText(random)));
  const size = `${MEMORIES} memories of one user with vectors of ${DIMENSIONS} values`;
  return [
    {
      ...{ id: 'memory-search', what: `processor time of a search by vector and ${TEXT_WORDS} words in ${size}` },
      ...{ value: describe(both).cpuMs, unit: 'ms', aim: { at: 'most', value: 300 } },
      note: `median of ${SEARCHES}, ${describe(both).rest}. By vector alone: ${describe(vectors).cpuMs.toFixed(0)} ms, ${describe(vectors).rest}`,
    },
    {
      ...{ id: 'memory-index', what: `processor time of the first search, which unseals ${size}` },
      ...{ value: build.cpuMs / 1_000, unit: 's', aim: { at: 'most', value: 15 } },
      note: `${describe([build]).rest}. To seal and store them before: ${(stored.cpuMs / 1_000).toFixed(1)} s`,
    },
  ];
}

async function addAll(store: MemoryStore, random: () => number): Promise<void> {
  for (let done = 0; done < MEMORIES; done += MAX_ADDED) {
    const count = Math.min(MAX_ADDED, MEMORIES - done);
    await store.change(USER, { evidence: [], added: Array.from({ length: count }, () => drawMemory(random)) });
  }
}

function describe(timings: readonly Timing[]) {
  const [ms, heldMs] = [median(timings.map((each) => each.ms)), Math.max(...timings.map((each) => each.heldMs))];
  return {
    cpuMs: median(timings.map((each) => each.cpuMs)),
    rest: `done after ${ms.toFixed(0)} ms; the event loop was held for ${heldMs.toFixed(0)} ms at most`,
  };
}

interface Timing {
  readonly ms: number;
  readonly cpuMs: number;
  /** The longest time in which no other work ran. */
  readonly heldMs: number;
}

async function time(work: () => Promise<unknown>): Promise<Timing> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const [startMs, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const ms = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  return { ms, cpuMs: (user + system) / 1_000, heldMs: delay.max / 1e6 };
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
