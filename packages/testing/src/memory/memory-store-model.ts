import type { EmbeddedMemory, Memory, StoredEvidence } from '@ogong/memory/memory';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TestBooksPlace } from '../gateway/books-place.ts';
import { createTestEvidence, createTestMemory, createTestVector, TEST_MODEL } from './memory-fixture.ts';
import { type OpenMemories, openTestMemories } from './memory-place.ts';

const USERS = ['ann', 'bob'] as const;
const user = fc.constantFrom(...USERS);
/** Chooses one of the memories that were ever added. */
const chosen = fc.nat(40);

const operation = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), user, count: fc.integer({ min: 1, max: 3 }), withCall: fc.boolean() }),
  fc.record({ kind: fc.constant('replace' as const), user, chosen }),
  fc.record({ kind: fc.constant('edit' as const), user, chosen }),
  fc.record({ kind: fc.constant('remove' as const), user, chosen }),
  fc.record({ kind: fc.constant('note' as const), user, name: fc.constantFrom('a', 'b'), isKept: fc.boolean() }),
  fc.record({ kind: fc.constant('removeUser' as const), user }),
  fc.record({ kind: fc.constant('search' as const), user, degrees: fc.nat(180), chosen }),
  fc.record({ kind: fc.constant('restart' as const) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** A user's rows as a plain list. */
interface PlainUser {
  readonly memories: Map<string, EmbeddedMemory>;
  readonly calls: Map<string, StoredEvidence>;
  readonly notes: Map<string, string>;
}

const createPlainUser = (): PlainUser => ({ memories: new Map(), calls: new Map(), notes: new Map() });

interface RandomRuns {
  readonly numRuns: number;
  /** Programs that have the place open and take turns. Default: 1. */
  readonly programs?: number;
}

/** Random operations with restarts in between: the store and a plain list always show the same. */
export function describeRandomMemories(
  createPlace: () => Promise<TestBooksPlace>,
  { numRuns, programs = 1 }: RandomRuns,
): void {
  it('a store of memories shows the same as a plain list, whatever is done', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 30 }), async (operations) => {
        const place = await createPlace();
        const opened: OpenMemories[] = [];
        for (let program = 0; program < programs; program++) opened.push(await openTestMemories(place));
        const plain = new Map(USERS.map((name) => [name as string, createPlainUser()]));
        const added: string[] = [];
        try {
          for (const [step, one] of operations.entries()) {
            const program = step % programs;
            const { store, close } = opened[program] as OpenMemories;
            if (one.kind === 'restart') {
              await close();
              opened[program] = await openTestMemories(place);
            } else await runStep({ store, known: plain.get(one.user) as PlainUser, added, step }, one);
          }
          for (const name of USERS)
            for (const { store } of opened) await expectSame(store, name, plain.get(name) as PlainUser, added);
        } finally {
          for (const { close } of opened) await close();
          await place.remove();
        }
      }),
      { numRuns },
    );
  });
}

interface Step {
  readonly store: OpenMemories['store'];
  readonly known: PlainUser;
  readonly added: string[];
  /** Makes times and texts unique. */
  readonly step: number;
}

const isHead = ({ memory }: EmbeddedMemory): boolean => memory.supersededAtMs === undefined;

async function runStep(
  { store, known, added, step }: Step,
  one: Exclude<Operation, { kind: 'restart' }>,
): Promise<void> {
  const { memories, calls, notes } = known;
  const id = 'chosen' in one ? (added[one.chosen % Math.max(1, added.length)] ?? 'none') : 'none';
  const old = memories.get(id);
  const keep = (made: EmbeddedMemory): void => {
    memories.set(made.memory.id, made);
    added.push(made.memory.id);
  };
  const make = (given: Partial<Memory>, index = 0): EmbeddedMemory =>
    createTestMemory(
      { text: `fact ${step}x${index}`, createdAtMs: 1_000 + step, ...given },
      { degrees: (37 * step + 11 * index) % 360 },
    );
  switch (one.kind) {
    case 'add': {
      const call = createTestEvidence(`call ${step}`);
      const evidence = one.withCall ? { extraction: call.id, embedding: call.id, update: undefined } : undefined;
      const made = Array.from({ length: one.count }, (_, index) => make({ evidence }, index));
      await store.change(one.user, { evidence: one.withCall ? [call] : [], added: made });
      made.forEach(keep);
      if (one.withCall) calls.set(call.id, call);
      return;
    }
    case 'replace': {
      const made = make({ supersedes: id });
      const call = store.change(one.user, { evidence: [], added: [made] });
      if (old === undefined || !isHead(old)) {
        await expect(call).rejects.toMatchObject({ code: 'conflict' });
        return;
      }
      await call;
      memories.set(id, { ...old, memory: { ...old.memory, supersededAtMs: made.memory.createdAtMs } });
      keep(made);
      return;
    }
    case 'edit': {
      const { supersedes, supersededAtMs, createdAtMs, evidence } = (old ?? make({ id: '0'.repeat(32) })).memory;
      const edited = make({ id: old ? id : '0'.repeat(32), supersedes, supersededAtMs, createdAtMs, evidence });
      expect(await store.edit(one.user, edited)).toBe(old !== undefined);
      if (old) memories.set(id, edited);
      return;
    }
    case 'remove': {
      expect(await store.remove(one.user, id)).toBe(old !== undefined);
      for (let next = old; next !== undefined; next = memories.get(next.memory.supersedes ?? '')) {
        memories.delete(next.memory.id);
        if (next.memory.evidence) calls.delete(next.memory.evidence.extraction);
      }
      for (const [other, row] of memories)
        if (row.memory.supersedes === id)
          memories.set(other, { ...row, memory: { ...row.memory, supersedes: undefined } });
      return;
    }
    case 'note':
      await store.writeNote(one.user, one.name, one.isKept ? `note ${step}` : undefined);
      if (one.isKept) notes.set(one.name, `note ${step}`);
      else notes.delete(one.name);
      return;
    case 'removeUser':
      await store.removeUser(one.user);
      for (const rows of [memories, calls, notes]) rows.clear();
      return;
    case 'search': {
      const vector = createTestVector(one.degrees);
      const asked = { text: old?.memory.text.split(' ')[1] ?? '', vector, embeddingModel: TEST_MODEL, limit: 100 };
      const found = await store.search(one.user, asked);
      const heads = [...memories.values()].filter(isHead);
      expect(new Set(found.map(({ memory }) => memory))).toEqual(new Set(heads.map(({ memory }) => memory)));
      const distances = new Map(heads.map((row) => [row.memory.id, 1 - computeDot(row.vector, vector)]));
      for (const { memory, vectorDistance } of found)
        expect(vectorDistance).toBeCloseTo(distances.get(memory.id) ?? Number.NaN, 5);
    }
  }
}

const computeDot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] as number), 0);

async function expectSame(
  store: Step['store'],
  name: string,
  known: PlainUser,
  added: readonly string[],
): Promise<void> {
  for (const id of added) expect(await store.get(name, id)).toEqual(known.memories.get(id));
  const listed = await store.list(name, {}, { limit: 100 });
  const heads = [...known.memories.values()].filter(isHead).map(({ memory }) => memory);
  heads.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1));
  expect(listed).toEqual(heads);
  for (const [id, call] of known.calls) expect(await store.readEvidence(name, id)).toEqual(call);
  for (const note of ['a', 'b']) expect(await store.readNote(name, note)).toBe(known.notes.get(note));
}
