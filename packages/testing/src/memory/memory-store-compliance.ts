import { change, findAll } from '@ogong/host/store/work';
import type { EmbeddedMemory, Memory } from '@ogong/memory/memory';
import { deriveMasterKey } from '@ogong/memory/seal/master-key';
import { contentRow } from '@ogong/memory/store/memory-schema';
import type { MemoryQuery, MemoryStore } from '@ogong/memory/store/memory-store';
import { MemoryStoreError, type MemoryStoreErrorCode } from '@ogong/memory/store/memory-store-error';
import { openMemoryStore } from '@ogong/memory/store/open-memory-store';
import { findSealed } from '@ogong/memory/store/sealed-rows';
import { findUser } from '@ogong/memory/store/users';
import { rotateMasterKey } from '@ogong/memory/store/vault';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TestBooksPlace } from '../gateway/books-place.ts';
import { createTestEvidence, createTestMemory, createTestVector, drawMemoryId, TEST_MODEL } from './memory-fixture.ts';
import { type OpenMemories, openTestMemories, testMasterKey } from './memory-place.ts';

async function expectStoreError(call: Promise<unknown>, code: MemoryStoreErrorCode): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(MemoryStoreError);
  expect((error as MemoryStoreError).code, String(error)).toBe(code);
}

const query = (given: Partial<MemoryQuery> = {}): MemoryQuery => ({
  ...{ text: '', vector: createTestVector(0), embeddingModel: TEST_MODEL, limit: 10 },
  ...given,
});
const ids = (memories: readonly Memory[]): string[] => memories.map(({ id }) => id);
const add = (store: MemoryStore, user: string, ...added: EmbeddedMemory[]) =>
  store.change(user, { evidence: [], added });

/** Tests of a store of memories, for every database. */
export function describeMemoryStore(createPlace: () => Promise<TestBooksPlace>): void {
  let place: TestBooksPlace;
  let opened: OpenMemories;
  let store: MemoryStore;
  async function open(given: Parameters<typeof openTestMemories>[1] = {}): Promise<void> {
    opened = await openTestMemories(place, given);
    store = opened.store;
  }
  async function restart(given: Parameters<typeof openTestMemories>[1] = {}): Promise<void> {
    await opened.close();
    await open(given);
  }
  beforeEach(async () => {
    place = await createPlace();
    await open();
  });
  afterEach(async () => {
    await opened.close();
    await place.remove();
  });

  /** Every row of a user that opens with the keys that are there. */
  const openAll = (user: string): Promise<string> =>
    opened.books.read(function* () {
      const owner = yield* findUser(deriveMasterKey(testMasterKey()), user);
      if (owner === undefined) return '';
      const rows = yield* findAll(
        contentRow,
        `SELECT ${contentRow.list} FROM memory_rows WHERE user_id = ?`,
        owner.userId,
      );
      const texts: string[] = [];
      for (const { kind, id } of rows) {
        const content = yield* findSealed(owner, kind as 'memory', id);
        texts.push(Buffer.from(content ?? []).toString('latin1'));
      }
      return texts.join('\n');
    });

  describe('a store of memories', () => {
    it('keeps all fields, calls and notes over a restart, for one user alone', async () => {
      const call = createTestEvidence('I drink Oolong — every day "at 5"');
      const full = createTestMemory({
        text: 'drinks Oolong every day',
        ...{ type: 'episodic', categories: ['health', 'private'] },
        quote: { words: 'I drink Oolong', role: 'user', message: 2, messageHash: 'ab'.repeat(32) },
        evidence: { extraction: call.id, embedding: call.id, update: undefined },
        metadata: { location: 'Köln', participants: ['Ann'], tags: ['tea'], source: 's', confidence: 0.5 },
      });
      const plain = createTestMemory({ createdAtMs: 2_000 }, { degrees: 90 });
      await store.change('ann', { evidence: [call], added: [full, plain] });
      await store.writeNote('ann', 'bio', 'Ann drinks tea.');
      await restart();
      expect(await store.get('ann', full.memory.id)).toEqual(full);
      expect(await store.get('ann', plain.memory.id)).toEqual(plain);
      expect(await store.readEvidence('ann', call.id)).toEqual(call);
      expect(await store.readNote('ann', 'bio')).toBe('Ann drinks tea.');
      expect(ids(await store.list('ann', {}, { limit: 10 }))).toEqual([plain.memory.id, full.memory.id]);
      for (const user of ['bob', 'Ann']) {
        expect(await store.get(user, full.memory.id)).toBeUndefined();
        expect(await store.list(user, {}, { limit: 10 })).toEqual([]);
        expect(await store.search(user, query({ text: 'oolong' }))).toEqual([]);
        expect(await store.readEvidence(user, call.id)).toBeUndefined();
        expect(await store.readNote(user, 'bio')).toBeUndefined();
        expect(await store.remove(user, full.memory.id)).toBe(false);
      }
    });

    it('lets one memory replace a head, and stores nothing of a change with a conflict', async () => {
      const first = createTestMemory({ text: 'lives in Rome' });
      const second = createTestMemory({ text: 'lives in Oslo', createdAtMs: 5_000, supersedes: first.memory.id });
      const late = createTestMemory({ text: 'lives in Bonn', createdAtMs: 6_000, supersedes: first.memory.id });
      const other = createTestMemory({ text: 'plays chess' });
      await add(store, 'ann', first);
      const outcomes = await Promise.allSettled([add(store, 'ann', second), add(store, 'ann', other, late)]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      await expectStoreError(add(store, 'ann', createTestMemory({ supersedes: drawMemoryId() })), 'conflict');
      await expectStoreError(add(store, 'ann', second), 'conflict');
      await restart();
      expect(ids(await store.list('ann', {}, { limit: 10 }))).toEqual([second.memory.id]);
      const ended = { ...first.memory, supersededAtMs: 5_000 };
      expect(await store.readHistory('ann', second.memory.id)).toEqual([second.memory, ended]);
      expect(await store.readHistory('ann', other.memory.id)).toEqual([]);
      expect(await store.list('ann', { asOfMs: 4_999 }, { limit: 10 })).toEqual([ended]);
      expect(await store.list('ann', { asOfMs: 999 }, { limit: 10 })).toEqual([]);
    });

    it('lists pages, newest first, by every filter', async () => {
      const all = Array.from({ length: 5 }, (_, index) => createTestMemory({ createdAtMs: 1_000 + (index >> 1) }));
      const special = createTestMemory({
        ...{ type: 'episodic', categories: ['travel', 'finance'], agentId: 'b', threadId: 'u', createdAtMs: 500 },
      });
      await add(store, 'ann', ...all, special);
      const order = [...all, special].map(({ memory }) => memory);
      order.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1));
      const pages: string[] = [];
      for (let before: string | undefined; ; before = pages.at(-1)) {
        const page = await store.list('ann', {}, { limit: 4, ...(before === undefined ? {} : { before }) });
        pages.push(...ids(page));
        if (page.length < 4) break;
      }
      expect(pages).toEqual(ids(order));
      const filters = [
        { type: 'episodic' },
        { categories: ['health', 'finance'] },
        { agentId: 'b' },
        { threadId: 'u' },
      ] as const;
      for (const filter of filters) {
        expect(await store.list('ann', filter, { limit: 10 })).toEqual([special.memory]);
        expect((await store.search('ann', query(filter))).map(({ memory }) => memory)).toEqual([special.memory]);
      }
      await expectStoreError(store.list('ann', {}, { limit: 4, before: drawMemoryId() }), 'invalid');
    });

    it('finds by vectors and by words, and fuses both orders', async () => {
      const tea = createTestMemory({ text: 'Her favourite drinks: green teas' }, { degrees: 60 });
      const chess = createTestMemory({ text: 'plays chess on Sundays' }, { degrees: 10 });
      const dog = createTestMemory({ text: 'has a dog' }, { degrees: 30 });
      const foreign = createTestMemory({ text: 'a drink of another model' }, { embeddingModel: 'other' });
      await add(store, 'ann', tea, chess, dog, foreign);
      // Words are stemmed, and nothing of the text is an operator.
      const found = await store.search('ann', query({ text: '"DRINK" tea* NOT (chess NEAR dog) text:zz -a' }));
      const byWords = ids(found.map(({ memory }) => memory)).filter((id) => id !== dog.memory.id);
      expect(new Set(byWords)).toEqual(new Set([tea, chess, foreign].map(({ memory }) => memory.id)));
      const near = await store.search('ann', query({ text: 'green' }));
      expect(near.map(({ memory, score }) => [memory.text, score])).toEqual([
        [tea.memory.text, 1 / 63 + 1 / 61],
        [chess.memory.text, 1 / 61],
        [dog.memory.text, 1 / 62],
      ]);
      expect(near.map(({ vectorDistance = 9 }) => vectorDistance.toFixed(4))).toEqual(
        [60, 10, 30].map((degrees) => (1 - Math.cos((degrees * Math.PI) / 180)).toFixed(4)),
      );
      // Vectors of different models are never compared.
      const worded = await store.search('ann', query({ text: 'model', limit: 2 }));
      expect(worded[1]).toEqual({ memory: foreign.memory, vectorDistance: undefined, score: 1 / 61 });
      expect(await store.search('ann', query({ vector: new Float32Array([1]) }))).toEqual([]);
    });

    it('finds what is there now: a search follows each change', async () => {
      const texts = async (given: Partial<MemoryQuery> = {}) =>
        (await store.search('ann', query({ text: 'city', ...given }))).map(({ memory }) => memory.text);
      const rome = createTestMemory({ text: 'city Rome' });
      await add(store, 'ann', rome);
      expect(await texts()).toEqual(['city Rome']);
      const oslo = createTestMemory({ text: 'city Oslo', createdAtMs: 3_000, supersedes: rome.memory.id });
      await add(store, 'ann', oslo);
      expect(await texts()).toEqual(['city Oslo']);
      expect(await texts({ asOfMs: 2_000 })).toEqual(['city Rome']);
      const bergen = { ...oslo.memory, text: 'city Bergen', updatedAtMs: 4_000, createdAtMs: 9, supersedes: undefined };
      expect(await store.edit('ann', { ...oslo, memory: bergen })).toBe(true);
      expect(await store.edit('ann', createTestMemory())).toBe(false);
      const edited = { ...oslo.memory, text: 'city Bergen', updatedAtMs: 4_000 };
      expect(await store.get('ann', oslo.memory.id)).toEqual({ ...oslo, memory: edited });
      expect(await texts()).toEqual(['city Bergen']);
      expect(await texts({ text: 'oslo', vector: new Float32Array([1]) })).toEqual([]);
      // Another process with the same database.
      const other = await openMemoryStore(opened.books, { masterKey: testMasterKey() });
      const lima = createTestMemory({ text: 'city Lima' }, { degrees: 50 });
      await add(other, 'ann', lima);
      expect(await texts()).toEqual(['city Bergen', 'city Lima']);
      await other.remove('ann', oslo.memory.id);
      expect(await texts()).toEqual(['city Lima']);
      await other.removeUser('ann');
      await add(other, 'ann', lima);
      expect(await texts()).toEqual(['city Lima']);
      await other.close();
    });

    it('removes a memory with its past, its calls and each text that repeats it', async () => {
      const secret = 'met "Zoë" at\nthe harbour';
      const own = createTestEvidence('hello');
      const repeating = createTestEvidence(`before: ${JSON.stringify({ content: secret })}`);
      const unrelated = createTestEvidence('something else');
      const [old, next, other] = [
        createTestMemory({ text: 'old fact about the harbour, long gone' }),
        createTestMemory({ text: secret, evidence: { extraction: own.id, embedding: own.id, update: undefined } }),
        createTestMemory({
          text: 'likes tea',
          evidence: { extraction: own.id, embedding: unrelated.id, update: undefined },
        }),
      ] as const;
      const head = { ...next, memory: { ...next.memory, supersedes: old.memory.id, createdAtMs: 2_000 } };
      await add(store, 'ann', old);
      await store.change('ann', { evidence: [own, repeating, unrelated], added: [head, other] });
      await store.writeNote('ann', 'bio', `She ${secret}.`);
      await store.writeNote('ann', 'known', 'hashes');
      await store.search('ann', query());
      for (const text of ['harbour', 'hello', 'Zo']) expect(await openAll('ann')).toContain(text);
      expect(await store.remove('ann', head.memory.id)).toBe(true);
      for (const text of ['harbour', 'hello', 'Zo']) expect(await openAll('ann')).not.toContain(text);
      expect(await store.remove('ann', head.memory.id)).toBe(false);
      expect(ids((await store.search('ann', query())).map(({ memory }) => memory))).toEqual([other.memory.id]);
      await restart();
      for (const { memory } of [old, head]) expect(await store.get('ann', memory.id)).toBeUndefined();
      for (const { id } of [own, repeating]) expect(await store.readEvidence('ann', id)).toBeUndefined();
      expect(await store.readEvidence('ann', unrelated.id)).toEqual(unrelated);
      expect([await store.readNote('ann', 'bio'), await store.readNote('ann', 'known')]).toEqual([undefined, 'hashes']);
      expect(await store.list('ann', { asOfMs: 1_500 }, { limit: 10 })).toEqual([other.memory]);
    });

    it('removes a call that repeats the words and came while they were being removed', async () => {
      const { memory } = createTestMemory({ text: 'has a red boat' });
      const [before, meanwhile] = [createTestEvidence('other'), createTestEvidence('Ann has a red boat.')];
      await store.change('ann', { evidence: [before], added: [createTestMemory(memory)] });
      const removed = store.remove('ann', memory.id);
      await store.change('ann', { evidence: [meanwhile], added: [] });
      expect(await removed).toBe(true);
      expect(await store.readEvidence('ann', meanwhile.id)).toBeUndefined();
      expect(await store.readEvidence('ann', before.id)).toEqual(before);
    });

    it('keeps a newer memory if one of its past is removed', async () => {
      const first = createTestMemory();
      const second = createTestMemory({ createdAtMs: 2_000, supersedes: first.memory.id });
      const third = createTestMemory({ createdAtMs: 3_000, supersedes: second.memory.id });
      await add(store, 'ann', first, second, third);
      expect(await store.remove('ann', second.memory.id)).toBe(true);
      expect(await store.readHistory('ann', third.memory.id)).toEqual([{ ...third.memory, supersedes: undefined }]);
    });

    it('removes a user with everything, and a user of the same name begins anew', async () => {
      const memory = createTestMemory();
      for (const user of ['ann', 'bob']) await add(store, user, memory);
      await store.writeNote('ann', 'bio', 'x');
      await store.search('ann', query());
      expect(await store.removeUser('ann')).toBe(true);
      expect(await store.removeUser('ann')).toBe(false);
      expect(await store.search('ann', query())).toEqual([]);
      expect(await store.readNote('ann', 'bio')).toBeUndefined();
      await add(store, 'ann', memory);
      expect(await store.get('bob', memory.memory.id)).toEqual(memory);
    });

    it('refuses what is above a limit, or breaks a rule, and stores nothing of it', async () => {
      const call = createTestEvidence('x'.repeat(3_000));
      await restart({ limits: { memories: 2, notes: 1, evidenceBytes: 5_000 } });
      await add(store, 'ann', createTestMemory());
      const kept = createTestMemory({ evidence: { extraction: call.id, embedding: call.id, update: undefined } });
      const change = (evidence = [call], ...added: EmbeddedMemory[]) => store.change('ann', { evidence, added });
      await expectStoreError(change([], kept, createTestMemory()), 'full');
      await expectStoreError(change([call, createTestEvidence('y'.repeat(3_000))], kept), 'full');
      await change([call], kept);
      // The same call takes no room twice.
      await change([call]);
      await expectStoreError(change([createTestEvidence('y'.repeat(3_000))]), 'full');
      await store.writeNote('ann', 'bio', 'a');
      await store.writeNote('ann', 'bio', 'b');
      await expectStoreError(store.writeNote('ann', 'more', 'c'), 'full');
      await store.writeNote('ann', 'bio', undefined);
      await store.writeNote('ann', 'more', 'c');
      await store.remove('ann', kept.memory.id);
      await change([createTestEvidence('y'.repeat(3_000))]);
      await restart();
      const forged = { ...call, receipt: call.request };
      await expectStoreError(change([forged]), 'invalid');
      await expectStoreError(change([{ ...call, request: new Uint8Array(2 ** 24 + 1) }]), 'too-large');
      const large = { ...call, request: new Uint8Array(2 ** 24), response: new Uint8Array(2 ** 24) };
      await expectStoreError(change([large]), 'too-large');
      const wrong: readonly (readonly [EmbeddedMemory, MemoryStoreErrorCode])[] = [
        [createTestMemory({ id: 'A'.repeat(32) }), 'invalid'],
        [createTestMemory({ supersededAtMs: 5 }), 'invalid'],
        [createTestMemory({ createdAtMs: 0.5 }), 'invalid'],
        [createTestMemory({ text: 'ü'.repeat(4_097) }), 'too-large'],
        [createTestMemory({ metadata: { tags: ['x'.repeat(65_536)] } }), 'too-large'],
        [{ ...createTestMemory(), vector: new Float32Array([1, 1]) }, 'invalid'],
        [{ ...createTestMemory(), vector: new Float32Array([Number.NaN]) }, 'invalid'],
        [{ ...createTestMemory(), vector: new Float32Array(9_000) }, 'too-large'],
        [{ ...createTestMemory(), embeddingModel: '' }, 'invalid'],
      ];
      for (const [memory, code] of wrong) {
        await expectStoreError(add(store, 'ann', kept, memory), code);
        if (memory.memory.supersededAtMs === undefined) await expectStoreError(store.edit('ann', memory), code);
      }
      await expectStoreError(store.search('ann', query({ limit: 101 })), 'invalid');
      await expectStoreError(store.search('ann', query({ text: 'x'.repeat(8_193) })), 'too-large');
      await expectStoreError(store.search('ann', query({ vector: new Float32Array([2]) })), 'invalid');
      await expectStoreError(store.list('ann', {}, { limit: 0 }), 'invalid');
      for (const user of ['', 'x'.repeat(513), '\ud800'])
        await expectStoreError(store.get(user, 'x'), user.length > 512 ? 'too-large' : 'invalid');
      expect(await store.list('ann', {}, { limit: 10 })).toHaveLength(1);
      await restart({ limits: { indexBytes: 1_000 } });
      await expectStoreError(store.search('ann', query()), 'full');
    });
  });

  describe('sealed rows', () => {
    const secrets = [
      'ann@example.org',
      'zebra-fact',
      'zebra-quote',
      'zebra-call',
      'zebra-note',
      'zebra-agent',
      'zebra-model',
    ];
    const vector = createTestVector(33);
    async function addSecrets(): Promise<string> {
      const call = createTestEvidence('zebra-call');
      const quote = { words: 'zebra-quote', role: 'user', message: 0, messageHash: '' } as const;
      const { memory } = createTestMemory({ text: 'zebra-fact', quote, agentId: 'zebra-agent' });
      await store.change('ann@example.org', {
        ...{ evidence: [call], added: [{ memory, vector, embeddingModel: 'zebra-model' }] },
      });
      await store.writeNote('ann@example.org', 'zebra-note', 'zebra-note');
      return memory.id;
    }

    it('show a thief of the database neither texts nor vectors nor names', async () => {
      const id = await addSecrets();
      const stolen = await place.dump();
      // Ids are in plain, so the search finds what is there.
      expect(stolen.includes(id)).toBe(true);
      const hidden = [
        ...secrets,
        Buffer.from(vector.buffer).toString('latin1'),
        Buffer.from(testMasterKey().reveal()).toString('latin1'),
      ];
      expect(hidden.filter((secret) => stolen.includes(secret))).toEqual([]);
    });

    it('do not open with another master key, and nothing is written then', async () => {
      await addSecrets();
      await opened.close();
      const before = await place.dump();
      await expectStoreError(openTestMemories(place, { masterKey: testMasterKey(8) }), 'wrong-key');
      expect((await place.dump()) === before).toBe(true);
      await open();
      expect(await store.list('ann@example.org', {}, { limit: 10 })).toHaveLength(1);
    });

    it('open with a new master key alone after a rotation', async () => {
      const id = await addSecrets();
      await add(store, 'bob', createTestMemory());
      const [from, to] = [testMasterKey(), testMasterKey(8)];
      await expectStoreError(rotateMasterKey(opened.books, { from: testMasterKey(9), to }), 'wrong-key');
      expect(await rotateMasterKey(opened.books, { from, to })).toBe(2);
      await opened.close();
      await expectStoreError(openTestMemories(place, { masterKey: from }), 'wrong-key');
      await open({ masterKey: to });
      expect((await store.get('ann@example.org', id))?.memory.text).toBe('zebra-fact');
      expect(await store.list('bob', {}, { limit: 10 })).toHaveLength(1);
    });

    it.each([['the content'], ['the content', 'the key']])(
      'do not open at the place of another: %s %s',
      async (...parts) => {
        const [mine, other] = [createTestMemory({ text: 'a' }), createTestMemory({ text: 'b' })];
        await add(store, 'ann', mine, other);
        await add(store, 'bob', createTestMemory({ ...other.memory, text: 'c' }));
        const { id } = other.memory;
        const copy = (from: string, fromId: string) =>
          opened.books.write(function* () {
            const master = deriveMasterKey(testMasterKey());
            const [source, owner] = [yield* findUser(master, from), yield* findUser(master, 'ann')];
            for (const part of parts) {
              const [table, column] = part === 'the key' ? ['memory_row_keys', 'wrapped'] : ['memory_rows', 'content'];
              const copied = `SELECT s.${column} FROM ${table} s WHERE s.user_id = ? AND s.id = ?`;
              const sql = `UPDATE ${table} SET ${column} = (${copied}) WHERE user_id = ? AND id = ?`;
              yield* change(sql, source?.userId ?? '', fromId, owner?.userId ?? '', id);
            }
          });
        await copy('bob', id);
        await expectStoreError(store.get('ann', id), 'damaged');
        await copy('ann', mine.memory.id);
        await expectStoreError(store.get('ann', id), 'damaged');
        await expectStoreError(store.search('ann', query()), 'damaged');
        expect((await store.get('ann', mine.memory.id))?.memory.text).toBe('a');
      },
    );

    it('do not open in a backup without the tables of keys', async () => {
      const { memory } = createTestMemory();
      await add(store, 'ann', createTestMemory(memory));
      await opened.books.write(() => change('DELETE FROM memory_row_keys'));
      await expectStoreError(store.get('ann', memory.id), 'damaged');
      await opened.books.write(() => change('DELETE FROM memory_user_keys'));
      await expectStoreError(store.get('ann', memory.id), 'damaged');
    });
  });
}
