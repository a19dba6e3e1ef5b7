import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BLOCK_BYTES } from '@ogong/hub/block-size';
import { parseBlockList } from '@ogong/hub/blocks';
import { HubBlobError, type HubBlobErrorCode, type HubBlobStore } from '@ogong/hub/store/blob-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDirectory } from '../store/test-directory.ts';
import { breakAfter, collect, createMemoryMeter, createTestBlob, stallAfter, type TestBlob } from './blob-bytes.ts';

/** A place that a kind of store keeps its blobs in. */
export interface StorePlace {
  /** Opens the store. A second call opens the same blobs, as a program does after a crash. */
  open(): Promise<HubBlobStore>;
  close(): Promise<void>;
}

async function expectBlobError(call: Promise<unknown>, code: HubBlobErrorCode): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(HubBlobError);
  expect((error as HubBlobError).code, String(error)).toBe(code);
}

const LARGE_BYTES = 64 * BLOCK_BYTES;
/** Room for the buffers of a few blocks, and for objects of the test itself. */
const MEMORY_BYTES = 12 * BLOCK_BYTES;

/** Tests that each kind of store passes. */
export function describeBlobStore(name: string, createPlace: () => Promise<StorePlace>): void {
  describe(`blob store: ${name}`, { concurrent: false }, () => {
    let place: StorePlace;
    let store: HubBlobStore;
    beforeEach(async () => {
      place = await createPlace();
      store = await place.open();
    });
    afterEach(() => place.close());

    const blob = createTestBlob(4 * BLOCK_BYTES + 7);
    const other = createTestBlob(4 * BLOCK_BYTES + 7, 2);
    const put = (from: TestBlob = blob) => store.put(from.stream(), { bytes: from.bytes });
    const resumeAt = async (key = blob.id) => ({ key, from: await store.begun(key) });
    const expectAbsent = async ({ id }: TestBlob = blob): Promise<void> => {
      expect(await store.has(id)).toBe(false);
      await expectBlobError(collect(store.get(id)), 'not-found');
      await expectBlobError(store.listBlocks(id), 'not-found');
    };

    it.each([1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])(
      'keeps a blob of %i bytes under its root',
      async (bytes) => {
        const one = createTestBlob(bytes);
        await expectAbsent(one);
        expect(await put(one)).toBe(one.id);
        store = await place.open();
        expect(await store.has(one.id)).toBe(true);
        expect(Buffer.from(await collect(store.get(one.id))).equals(await collect(one.stream()))).toBe(true);
        const list = await store.listBlocks(one.id);
        expect(parseBlockList(list, { sizeBytes: bytes, blockRoot: one.root })).toEqual(one.hashes);
      },
    );

    it('reads ranges', async () => {
      await put();
      const whole = await collect(blob.stream());
      const ranges = [
        ...[
          [0, 1],
          [0, blob.bytes],
          [blob.bytes - 1, blob.bytes],
          [BLOCK_BYTES, 2 * BLOCK_BYTES],
        ],
        ...[
          [BLOCK_BYTES - 3, 3 * BLOCK_BYTES + 5],
          [12_345, 12_346],
        ],
      ] as [number, number][];
      for (const [from, to] of ranges) {
        const read = await collect(store.get(blob.id, { from, to }));
        expect(Buffer.from(read).equals(whole.subarray(from, to)), `${from} to ${to}`).toBe(true);
      }
      const wrong = [
        [0, 0],
        [5, 4],
        [-1, 4],
        [0, blob.bytes + 1],
        [blob.bytes, blob.bytes + 1],
        [0.5, 2],
        [0, Number.NaN],
      ];
      for (const [from, to] of wrong as [number, number][])
        await expectBlobError(collect(store.get(blob.id, { from, to })), 'bad-range');
    });

    it('ends a reading when its signal fires', async () => {
      await put();
      const ended = new AbortController();
      const reading = (async () => {
        for await (const _ of store.get(blob.id, undefined, ended.signal)) ended.abort();
      })();
      await expectBlobError(reading, 'cancelled');
    });

    it('knows no blob that it does not have', async () => {
      await expectAbsent();
      await expectBlobError(store.pin(blob.id), 'not-found');
      expect(await store.remove(blob.id)).toBe(false);
      expect(await store.begun(blob.id)).toBe(0);
    });

    it.each(['', '..', '../../x', 'a/b', `${'a'.repeat(63)}G`, 'A'.repeat(64), 'a'.repeat(65)])(
      'refuses the name %j',
      async (id) => {
        await expectBlobError(store.has(id), 'bad-name');
        await expectBlobError(collect(store.get(id)), 'bad-name');
        await expectBlobError(store.listBlocks(id), 'bad-name');
        await expectBlobError(store.remove(id), 'bad-name');
        await expectBlobError(store.pin(id), 'bad-name');
        await expectBlobError(store.begun(id), 'bad-name');
        await expectBlobError(store.put(blob.stream(), { bytes: blob.bytes, id }), 'bad-name');
        const resume = { key: id, from: 0 };
        await expectBlobError(store.put(blob.stream(), { bytes: blob.bytes, resume }), 'bad-name');
      },
    );

    it.each([0, -1, 1.5, Number.NaN, 2 ** 40 + 1])('refuses a blob of %d bytes', async (bytes) => {
      await expectBlobError(store.put(blob.stream(), { bytes }), 'bad-size');
    });

    it('refuses a stream of another size than the declared one, and stops reading it', async () => {
      let read = 0;
      async function* endless() {
        for (;;) {
          read += BLOCK_BYTES;
          yield blob.block(1);
        }
      }
      await expectBlobError(store.put(endless(), { bytes: 2 * BLOCK_BYTES }), 'too-long');
      expect(read).toBeLessThan(32 * BLOCK_BYTES);
      await expectBlobError(store.put(blob.stream(), { bytes: blob.bytes - 1, resume: await resumeAt() }), 'too-long');
      expect(await store.begun(blob.id)).toBe(0);
      await expectBlobError(store.put(blob.stream(), { bytes: blob.bytes + 1 }), 'too-short');
      await expectAbsent();
    });

    it('never shows wrong content', async () => {
      for (const resume of [undefined, await resumeAt()]) {
        await expectBlobError(store.put(other.stream(), { bytes: blob.bytes, id: blob.id, resume }), 'wrong-content');
        store = await place.open();
        await expectAbsent(blob);
        await expectAbsent(other);
        expect(await store.begun(blob.id)).toBe(0);
      }
    });

    it('shows nothing of a put that failed, and keeps nothing of it without a key', async () => {
      await expect(store.put(breakAfter(blob.stream(), 3 * BLOCK_BYTES), { bytes: blob.bytes })).rejects.toThrow(
        'broke',
      );
      store = await place.open();
      await expectAbsent();
      expect(await put()).toBe(blob.id);
    });

    it('continues a put by block after each place at which it can break', async () => {
      const edges = [0, 1, 2, 3, 4].flatMap((count) => [count * BLOCK_BYTES, count * BLOCK_BYTES + 5]);
      for (const edge of edges) {
        const resume = await resumeAt();
        const broken = breakAfter(blob.stream(resume.from), Math.max(0, edge - resume.from));
        await expect(store.put(broken, { bytes: blob.bytes, id: blob.id, resume })).rejects.toThrow('broke');
        store = await place.open();
        await expectAbsent();
        const kept = await store.begun(blob.id);
        expect(kept % BLOCK_BYTES).toBe(0);
        expect(kept).toBeLessThanOrEqual(edge);
      }
      const resume = await resumeAt();
      // All full blocks were kept, so the stream has the short last one alone.
      expect(resume.from).toBe(4 * BLOCK_BYTES);
      expect(await store.put(blob.stream(resume.from), { bytes: blob.bytes, id: blob.id, resume })).toBe(blob.id);
      expect(Buffer.from(await collect(store.get(blob.id))).equals(await collect(blob.stream()))).toBe(true);
      expect(await store.begun(blob.id)).toBe(0);
    });

    it('continues a put only where its kept blocks end, or before', async () => {
      const { bytes, id } = blob;
      const broken = breakAfter(blob.stream(), 2 * BLOCK_BYTES);
      await expect(store.put(broken, { bytes, id, resume: { key: id, from: 0 } })).rejects.toThrow('broke');
      for (const from of [-BLOCK_BYTES, 1, 0.5, 3 * BLOCK_BYTES, 100 * BLOCK_BYTES, Number.NaN])
        await expectBlobError(store.put(blob.stream(), { bytes, id, resume: { key: id, from } }), 'wrong-offset');
      const resume = { key: id, from: BLOCK_BYTES };
      expect(await store.put(blob.stream(BLOCK_BYTES), { bytes, id, resume })).toBe(id);
    });

    it('ends a put when its signal fires, even if the stream is silent, and continues it later', async () => {
      const { bytes, id } = blob;
      const ended = new AbortController();
      const silent = stallAfter(blob.stream(), 2 * BLOCK_BYTES);
      const options = { bytes, id, resume: { key: id, from: 0 }, signal: ended.signal };
      const putting = store.put(silent, options);
      await expect.poll(() => store.begun(id)).toBeGreaterThan(0);
      ended.abort();
      await expectBlobError(putting, 'cancelled');
      await expectBlobError(store.put(blob.stream(), options), 'cancelled');
      const resume = await resumeAt();
      expect(await store.put(blob.stream(resume.from), { bytes, id, resume })).toBe(id);
    });

    it('takes concurrent puts of one blob', async () => {
      const { bytes, id } = blob;
      const second = await place.open();
      const resume = { key: id, from: 0 };
      const ids = await Promise.all([
        ...[store, second].map((each) => each.put(blob.stream(), { bytes, id, resume })),
        ...[store, second].map((each) => each.put(blob.stream(), { bytes, id })),
        ...[store, second].map((each) => each.put(blob.stream(), { bytes })),
      ]);
      expect(new Set(ids)).toEqual(new Set([id]));
      expect(Buffer.from(await collect(second.get(id))).equals(await collect(blob.stream()))).toBe(true);
    });

    it('does not read a stream whose blob it has', async () => {
      await put();
      const unread = breakAfter(blob.stream(), 0);
      expect(await store.put(unread, { bytes: blob.bytes, id: blob.id })).toBe(blob.id);
    });

    it('removes a blob, but not while it is pinned', async () => {
      await put();
      await put(other);
      await store.pin(blob.id);
      await store.pin(blob.id);
      store = await place.open();
      await expectBlobError(store.remove(blob.id), 'pinned');
      expect(await store.has(blob.id)).toBe(true);
      await store.unpin(blob.id);
      await store.unpin(blob.id);
      expect(await store.remove(blob.id)).toBe(true);
      await expectAbsent();
      expect(await store.remove(blob.id)).toBe(false);
      expect(await store.has(other.id)).toBe(true);
      expect(await put()).toBe(blob.id);
    });

    it('keeps evaluations under their hashes, and never a wrong one', async () => {
      const directory = createTestDirectory('hub-evaluation');
      const path = join(directory.path, 'evaluation.jsonl');
      // Some services treat small files and large ones differently.
      for (const bytes of [700, 70_000]) {
        writeFileSync(path, Buffer.alloc(bytes, 'rows\n'));
        const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
        const wrong = createHash('sha256').update('others').digest('hex');
        await expectBlobError(collect(store.readEvaluation(hash)), 'not-found');
        await expectBlobError(store.putEvaluation(wrong, path), 'wrong-content');
        await expectBlobError(store.putEvaluation('../x', path), 'bad-name');
        await expectBlobError(collect(store.readEvaluation(wrong)), 'not-found');
        await store.putEvaluation(hash, path);
        await store.putEvaluation(hash, path);
        store = await place.open();
        expect(Buffer.from(await collect(store.readEvaluation(hash))).equals(readFileSync(path))).toBe(true);
      }
      directory.remove();
    });

    it('says how much room it has', async () => {
      expect(await store.freeBytes()).toBeGreaterThan(0);
    });

    it('writes and reads in little memory', async () => {
      const large = createTestBlob(LARGE_BYTES, 3);
      const measure = createMemoryMeter();
      const before = measure();
      let most = 0;
      let passed = 0;
      const watch = async function* (stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
        for await (const piece of stream) {
          const step = Math.floor(passed / (16 * BLOCK_BYTES));
          passed += piece.length;
          if (Math.floor(passed / (16 * BLOCK_BYTES)) > step) most = Math.max(most, measure() - before);
          yield piece;
        }
      };
      expect(await store.put(watch(large.stream()), { bytes: large.bytes })).toBe(large.id);
      for await (const _ of watch(store.get(large.id)));
      expect(passed).toBe(2 * large.bytes);
      expect(most).toBeLessThan(MEMORY_BYTES);
    });
  });
}
