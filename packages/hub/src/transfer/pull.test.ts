import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createMemoryMeter, stallAfter } from '@ogong/testing/hub/blob-bytes';
import { createSafetensors, pushTestModel, signTestManifest } from '@ogong/testing/hub/hub-model';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../block-size.ts';
import { hashBlock } from '../blocks.ts';
import type { ManifestFile } from '../manifest.ts';
import type { FolderStore } from '../store/folder-store.ts';
import { openFolderStore } from '../store/folder-store.ts';
import { type BlockSource, createHttpSource, createStoreSource, RefusedRead } from './block-source.ts';
import { type PullEvent, type PullModelOptions, pullModel } from './pull.ts';

const DATA_BYTES = 11 * BLOCK_BYTES + 1_000;
const WEIGHTS = createSafetensors(DATA_BYTES);
const limits = { windowBlocks: 6, runBlocks: 2, requests: 2, idleMs: 5_000, slowMs: 2_000, maxFailures: 2, pauseMs: 1 };

let directory: TestDirectory;
let origin: FolderStore;
let target: FolderStore;
let model: Awaited<ReturnType<typeof pushTestModel>>;
let weights: ManifestFile;
beforeEach(async () => {
  directory = createTestDirectory('hub-pull');
  origin = openFolderStore(join(directory.path, 'origin'));
  target = openFolderStore(join(directory.path, 'target'));
  model = await pushTestModel(join(directory.path, 'folder'), origin, [
    { path: 'LICENSE', format: 'text', isWeight: false, content: utf8Encode('Free.\n') },
    { path: 'config.json', format: 'json', isWeight: false, content: utf8Encode('{"layers":2}') },
    { path: 'model.safetensors', format: 'safetensors', isWeight: true, content: WEIGHTS },
  ]);
  weights = model.manifest.files.find(({ isWeight }) => isWeight) as ManifestFile;
});
afterEach(() => directory.remove());

type Read = BlockSource['read'];

/** A source that counts the bytes that it sends, and changes its streams. */
function createSource(name: string, change: (read: Read) => Read = (read) => read) {
  const own = createStoreSource(name, origin);
  const counted = { bytes: 0, asked: 0 };
  const read: Read = async function* (file, range, signal) {
    for await (const piece of own.read(file, range, signal)) {
      counted.bytes += piece.length;
      yield piece;
    }
  };
  const changed = change(read);
  const source: BlockSource = {
    ...own,
    read(...asked) {
      counted.asked++;
      return changed(...asked);
    },
  };
  return { source, counted };
}

/** Flips a bit in one block of the weights. */
const lieIn =
  (block: number) =>
  (read: Read): Read =>
    async function* (file, range, signal) {
      let at = range.from;
      for await (const piece of read(file, range, signal)) {
        const wrong = block * BLOCK_BYTES + 5 - at;
        if (file.path === weights.path && wrong >= 0 && wrong < piece.length)
          piece[wrong] = (piece[wrong] as number) ^ 1;
        at += piece.length;
        yield piece;
      }
    };

const pull = (sources: readonly BlockSource[], options: Partial<PullModelOptions> = {}) => {
  const { signed, facts } = model;
  return pullModel(crypto, { signed, facts, sources, store: target, limits, ...options });
};

/** Compares everything that was pulled with the files of the maker. */
function expectModel({ modelRoot, places }: Awaited<ReturnType<typeof pull>>): void {
  expect(toHex(modelRoot)).toBe(toHex(model.manifest.modelRoot));
  expect([...places.keys()]).toEqual(['LICENSE', 'config.json', 'model.safetensors']);
  for (const [path, place] of places)
    expect(readFileSync(place).equals(readFileSync(join(directory.path, 'folder', path))), path).toBe(true);
}

describe('a pull', () => {
  it('brings all files, and says how far it is', async () => {
    const events: PullEvent[] = [];
    let nowMs = 0;
    const now = (): number => (nowMs += 100);
    const { source, counted } = createSource('one');
    expectModel(await pull([source], { onEvent: (event) => events.push(event), now }));
    const total = model.manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(counted.bytes).toBe(total);
    const progress = events.filter((event) => event.kind === 'progress');
    expect(progress.map(({ path }) => path)).toEqual([
      'LICENSE',
      'config.json',
      ...Array(12).fill('model.safetensors'),
    ]);
    expect(progress.at(-1)).toMatchObject({ doneBytes: total, totalBytes: total, secondsLeft: 0 });
    expect(progress.at(-1)?.bytesPerSecond).toBeCloseTo(total / 1.4, 0);
    expect(events.filter(({ kind }) => kind === 'file')).toHaveLength(3);
    // A second pull fetches nothing.
    expectModel(await pull([]));
  });

  it('takes blocks from several sources at once, each block once', async () => {
    const waiting = new Set<string>();
    // A source sends nothing of the weights before all sources were asked for some.
    const sources = ['a', 'b', 'c'].map((name) =>
      createSource(
        name,
        (read) =>
          async function* (file, range, signal) {
            if (file.path === weights.path) waiting.add(name);
            while (file.path === weights.path && waiting.size < 3) await new Promise(setImmediate);
            yield* read(file, range, signal);
          },
      ),
    );
    expectModel(
      await pull(
        sources.map(({ source }) => source),
        { limits: { ...limits, requests: 1, slowMs: 60_000 } },
      ),
    );
    const bytes = sources.map(({ counted }) => counted.bytes);
    expect(Math.min(...bytes)).toBeGreaterThanOrEqual(2 * BLOCK_BYTES);
    const total = model.manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(bytes.reduce((sum, each) => sum + each, 0)).toBe(total);
  });

  it('takes blocks from a store and from a server at once', async () => {
    const server = createServer((request, response) => {
      const file = readFileSync(join(directory.path, 'folder', request.url ?? ''));
      const [, from = '', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${file.length}` });
      response.end(file.subarray(Number(from), Number(to) + 1));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    try {
      const { port } = server.address() as AddressInfo;
      const mirror = createHttpSource({ urlOf: ({ path }) => `http://127.0.0.1:${port}/${path}` });
      const { source, counted } = createSource('store');
      expectModel(await pull([mirror, source], { limits: { ...limits, slowMs: 60_000 } }));
      expect(counted.bytes).toBeGreaterThan(0);
      expect(counted.bytes).toBeLessThan(weights.sizeBytes);
    } finally {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  });

  it.each([0, 1, 5, 11])('drops a source that sends a wrong block %i, and reports it', async (block) => {
    const events: PullEvent[] = [];
    const lying = createSource('liar', lieIn(block));
    // The honest source waits until the liar was caught, so that each block is asked of the liar.
    const honest = createSource(
      'honest',
      (read) =>
        async function* (file, range, signal) {
          const isCaught = () => events.some(({ kind }) => kind === 'source-dropped');
          while (file.path === weights.path && !isCaught()) await new Promise(setImmediate);
          yield* read(file, range, signal);
        },
    );
    const sources = [lying.source, honest.source];
    expectModel(await pull(sources, { limits: { ...limits, slowMs: 20 }, onEvent: (event) => events.push(event) }));
    const dropped = events.filter((event) => event.kind === 'source-dropped');
    expect(dropped).toMatchObject([{ source: 'liar', reason: 'wrong-block', path: weights.path, block }]);
  });

  it('fails if every source lies, and keeps the good blocks alone', async () => {
    const liars = ['a', 'b'].map((name) => createSource(name, lieIn(6)).source);
    await expect(pull(liars)).rejects.toMatchObject({
      code: 'no-source',
      message: expect.stringContaining('wrong-block'),
    });
    const id = toHex(weights.blockRoot);
    expect(await target.has(id)).toBe(false);
    expect(await target.begun(id)).toBeGreaterThanOrEqual(4 * BLOCK_BYTES);
    expectModel(await pull([createSource('honest').source]));
  });

  it('continues after a signal at ten points, and fetches what is here once', async () => {
    for (let point = 1; point <= 10; point++) {
      target = openFolderStore(join(directory.path, `target ${point}`));
      const ended = new AbortController();
      let seen = 0;
      const onEvent = (event: PullEvent): void => {
        if (event.kind === 'progress' && event.path === weights.path && ++seen === point) ended.abort();
      };
      const sources = ['a', 'b'].map((name) => createSource(name).source);
      const call = pull(sources, { signal: ended.signal, onEvent });
      await expect(call).rejects.toMatchObject({ code: 'cancelled', retryable: true });
      expect(await target.has(toHex(weights.blockRoot))).toBe(false);
      const kept = await target.begun(toHex(weights.blockRoot));
      expect(kept).toBe(point * BLOCK_BYTES);
      await expect(pull(sources, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
      const last = createSource('last');
      expectModel(await pull([last.source]));
      expect(last.counted.bytes).toBe(weights.sizeBytes - kept);
    }
  });

  it('continues after sources broke at ten points', async () => {
    for (let point = 0; point < 10; point++) {
      target = openFolderStore(join(directory.path, `target ${point}`));
      const most = (point + 0.5) * BLOCK_BYTES;
      const broken = createSource(
        'broken',
        (read) =>
          async function* (file, range, signal) {
            for await (const piece of read(file, range, signal)) {
              if (broken.counted.bytes > most) throw new Error('the connection broke');
              yield piece;
            }
          },
      );
      await expect(pull([broken.source])).rejects.toMatchObject({ code: 'no-source', retryable: true });
      expect(await target.has(toHex(weights.blockRoot))).toBe(false);
      const kept = await target.begun(toHex(weights.blockRoot));
      expect(kept).toBeLessThanOrEqual(most);
      const last = createSource('last');
      expectModel(await pull([last.source]));
      expect(last.counted.bytes).toBeLessThanOrEqual(weights.sizeBytes - kept + 100);
    }
  });

  it('continues after its own store failed at ten points', async () => {
    const failAfter = (blocks: number): FolderStore => ({
      ...target,
      put(stream, options) {
        const cut = async function* () {
          let passed = options.resume?.from ?? 0;
          for await (const piece of stream) {
            if (passed >= blocks * BLOCK_BYTES) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
            passed += piece.length;
            yield piece;
          }
        };
        return target.put(cut(), options);
      },
    });
    for (let blocks = 1; blocks <= 10; blocks++) {
      const call = pull([createSource('one').source], { store: failAfter(blocks) });
      await expect(call).rejects.toMatchObject({ code: 'no-room' });
      expect(await target.has(toHex(weights.blockRoot))).toBe(false);
      expect(await target.begun(toHex(weights.blockRoot))).toBe(blocks * BLOCK_BYTES);
    }
    expectModel(await pull([createSource('one').source]));
  });

  it('fetches all again if the disk changed the blocks of an earlier pull', async () => {
    const id = toHex(weights.blockRoot);
    const junk = async function* () {
      yield new Uint8Array(3 * BLOCK_BYTES);
    };
    await expect(target.put(junk(), { bytes: weights.sizeBytes, id, resume: { key: id, from: 0 } })).rejects.toThrow();
    expect(await target.begun(id)).toBe(3 * BLOCK_BYTES);
    const events: PullEvent[] = [];
    expectModel(await pull([createSource('one').source], { onEvent: (event) => events.push(event) }));
    const last = events.filter((event) => event.kind === 'progress').at(-1);
    expect(last?.doneBytes).toBe(last?.totalBytes);
  });

  it('checks the disk before it asks a source', async () => {
    const { source, counted } = createSource('one');
    const store = { ...target, freeBytes: async () => weights.sizeBytes - 1 };
    await expect(pull([source], { store })).rejects.toMatchObject({ code: 'no-room', retryable: true });
    expect(counted.asked).toBe(0);
  });

  it('asks no source about a manifest that the owner of the name did not sign', async () => {
    const { source, counted } = createSource('one');
    const facts = { ...model.facts, owner: new Uint8Array(20).fill(1) };
    await expect(pull([source], { facts })).rejects.toMatchObject({ code: 'bad-manifest' });
    expect(counted.asked).toBe(0);
  });

  it('does not wait for a source that is silent, or that never ends', async () => {
    const silent = createSource(
      'silent',
      (read) => (file, range, signal) => stallAfter(read(file, range, signal), BLOCK_BYTES + 5),
    );
    const sources = [silent.source, createSource('one').source];
    const fast = { ...limits, slowMs: 10, idleMs: 60_000 };
    // The small files come from any source. The silent one keeps its requests for the weights to the end.
    expectModel(await pull(sources, { limits: fast }));
  });

  it('drops a source that sends nothing', async () => {
    const events: PullEvent[] = [];
    const silent = createSource('silent', (read) => (file, range, signal) => stallAfter(read(file, range, signal), 5));
    const call = pull([silent.source], { limits: { ...limits, idleMs: 10 }, onEvent: (event) => events.push(event) });
    await expect(call).rejects.toMatchObject({ code: 'no-source' });
    expect(events).toMatchObject([{ kind: 'source-dropped', reason: 'unreachable' }]);
  });

  it('drops a source at once for a file that it does not have, and takes other files from it', async () => {
    const partial = createSource('partial', (read) => (file, range, signal) => {
      if (!file.isWeight) throw new RefusedRead('no such file');
      return read(file, range, signal);
    });
    const small = createStoreSource('small', {
      get: (id, ...rest) => origin.get(id === toHex(weights.blockRoot) ? '0'.repeat(64) : id, ...rest),
      listBlocks: (id) => origin.listBlocks(id),
    });
    const events: PullEvent[] = [];
    expectModel(await pull([partial.source, small], { onEvent: (event) => events.push(event) }));
    const dropped = events.filter((event) => event.kind === 'source-dropped');
    expect(dropped.every(({ reason }) => reason === 'refused')).toBe(true);
    expect(new Set(dropped.map(({ source, path }) => `${source} ${path}`))).toEqual(
      new Set(['partial LICENSE', 'partial config.json', 'small model.safetensors']),
    );
    expect(partial.counted.bytes).toBe(weights.sizeBytes);
  });

  it('takes the list of blocks from any source, and drops one with a wrong list', async () => {
    const { source } = createSource('one');
    const wrong: BlockSource = { ...source, name: 'wrong', listBlocks: async () => new Uint8Array(12 * 32) };
    const none: BlockSource = { ...source, name: 'none', listBlocks: () => Promise.reject(new Error('no list')) };
    const mute: BlockSource = { ...source, name: 'mute', listBlocks: () => new Promise(() => undefined) };
    const events: PullEvent[] = [];
    const impatient = { ...limits, idleMs: 20 };
    const onEvent = (event: PullEvent): void => void events.push(event);
    await expect(pull([mute], { limits: impatient, onEvent })).rejects.toMatchObject({ code: 'no-source' });
    await expect(pull([none])).rejects.toMatchObject({
      code: 'no-source',
      message: expect.stringContaining('no list'),
    });
    expectModel(await pull([wrong, none, source], { onEvent }));
    const dropped = events.filter((event) => event.kind === 'source-dropped');
    // A silent source would hold up the list of each further file.
    expect(dropped).toMatchObject([
      { source: 'mute', reason: 'unreachable' },
      { source: 'wrong', reason: 'wrong-list' },
    ]);
  });

  it('refuses a file whose SHA-256 is not that of its blocks, and does not keep it', async () => {
    const files = model.manifest.files.map((file) => (file.isWeight ? file : { ...file, sha256: new Uint8Array(32) }));
    const call = pull([createSource('one').source], signTestManifest({ ...model.manifest, files }));
    await expect(call).rejects.toMatchObject({ code: 'wrong-hash' });
    expect(await target.has(toHex((files[0] as ManifestFile).blockRoot))).toBe(false);
  });

  it('refuses a pickle under the name of weights with its first block', async () => {
    const pickle = Buffer.alloc(8 * BLOCK_BYTES, 7);
    pickle.set([0x80, 2, 0x7d, 0x71]);
    const store = openFolderStore(join(directory.path, 'other'));
    const id = await store.put(
      (async function* () {
        yield pickle;
      })(),
      { bytes: pickle.length },
    );
    const file = { ...weights, sizeBytes: pickle.length, blockRoot: Buffer.from(id, 'hex') };
    const manifest = { ...model.manifest, files: model.manifest.files.map((each) => (each.isWeight ? file : each)) };
    const source = createStoreSource('other', {
      listBlocks: (wanted) => store.listBlocks(wanted),
      get: (wanted, ...rest) => (wanted === id ? store : origin).get(wanted, ...rest),
    });
    const events: PullEvent[] = [];
    const call = pull([source], { ...signTestManifest(manifest), onEvent: (event) => events.push(event) });
    await expect(call).rejects.toMatchObject({ code: 'bad-content', message: expect.stringContaining('a pickle') });
    expect(events.filter((event) => event.kind === 'progress' && event.path === weights.path)).toEqual([]);
    expect(await target.has(id)).toBe(false);
  });

  it('needs little memory', async () => {
    const blocks = Array.from({ length: 64 }, (_, index) => index);
    const contentOf = (index: number): Uint8Array => new Uint8Array(BLOCK_BYTES).fill(index + 1);
    const head = createSafetensors(64 * BLOCK_BYTES - 90).subarray(0, 200);
    const blockOf = (index: number): Uint8Array => {
      const content = contentOf(index);
      if (index === 0) content.set(head);
      return content;
    };
    const hashes = blocks.map((index) => hashBlock(blockOf(index)));
    expect(hashes).toHaveLength(64);
    const large = openFolderStore(join(directory.path, 'large'));
    const id = await large.put(
      (async function* () {
        for (const index of blocks) yield blockOf(index);
      })(),
      { bytes: 64 * BLOCK_BYTES },
    );
    const file = { ...weights, sizeBytes: 64 * BLOCK_BYTES, blockRoot: Buffer.from(id, 'hex') };
    const small = model.manifest.files.filter(({ isWeight }) => !isWeight);
    const signed = signTestManifest({ ...model.manifest, files: [...small, file] });
    const source = createStoreSource('large', {
      listBlocks: (wanted) => large.listBlocks(wanted),
      get: (wanted, ...rest) => (wanted === id ? large : origin).get(wanted, ...rest),
    });
    const measure = createMemoryMeter();
    const before = measure();
    let most = 0;
    let seen = 0;
    const onEvent = ({ kind }: PullEvent): void => {
      if (kind === 'progress' && ++seen % 8 === 0) most = Math.max(most, measure() - before);
    };
    // The hash of the file is another one, which shows after all blocks came.
    await expect(pull([source], { ...signed, onEvent })).rejects.toMatchObject({ code: 'wrong-hash' });
    expect(seen).toBe(66);
    expect(most).toBeLessThan((limits.windowBlocks + 10) * BLOCK_BYTES);
  });
});
