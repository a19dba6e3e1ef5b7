import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws, decodeSketch } from '@ogong/protocol/modality/text/commitment/window';
import { buildDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-build';
import { encodeDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-bytes';
import { createFakeSamples } from '@ogong/testing/calibration/sample-fixture';
import { describe, expect, it } from 'vitest';
import { cutWindows } from './cut-windows.ts';
import { namePair, readMeasurements } from './read-measurements.ts';
import { formatSourceId, parseSourceId } from './source-id.ts';

const read = (store: Parameters<typeof readMeasurements>[1][0]['store'], take: 'honest' | 'all' = 'all') =>
  readMeasurements(crypto, [{ store, take }], { codeVersion: 'test' });

describe('measurements', () => {
  it('are one per pair of classes, with every band that a reply reaches into', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 12, maxTokens: 40 });
    const { drift, equalities, useless } = read(store);
    expect(drift).toHaveLength(1);
    expect(drift[0]).toMatchObject({
      providerClass: 'fake-1/js/f64/fast/hash/kv-none',
      verifierClass: 'fake-1/js/f64/fast/hash/kv-none',
      alternatives: [],
    });
    const lengths = drift[0]!.honest.map(({ evidence }) => evidence.positions);
    expect(lengths.some((length) => length <= 16)).toBe(true);
    expect(lengths.some((length) => length > 16 && length <= 32)).toBe(true);
    expect(lengths.some((length) => length > 32)).toBe(true);
    // Cut all over the band: the short ones scatter more.
    expect(new Set(lengths.filter((length) => length <= 16)).size).toBeGreaterThan(4);
    expect(equalities).toEqual({ replies: 0, differing: 0 });
    expect(useless.size).toBe(0);
    store.close();
  });

  it('count one prompt under one key once, whatever setups served it', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 6, setup: 'a' });
    const once = read(store).drift[0]!.honest.length;
    await add({ count: 6, setup: 'twin' });
    expect(read(store).drift[0]!.honest).toHaveLength(once);
    await add({ count: 6, setup: 'twin', first: 100 });
    expect(read(store).drift[0]!.honest.length).toBeGreaterThan(once);
    store.close();
  });

  it('say how many replies were read, of all that are taken', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 6, setup: 'a' });
    await add({ count: 4, setup: 'twin', first: 100 });
    const seen: { readonly done: number; readonly total: number }[] = [];
    readMeasurements(crypto, [{ store, take: 'all' }], { codeVersion: 'test', onProgress: (each) => seen.push(each) });
    expect(seen).toEqual(Array.from({ length: 10 }, (_, i) => ({ done: i + 1, total: 10 })));
    store.close();
  });

  it('are of the wanted length and pairs alone, whatever else the store holds', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 4, setup: 'a', maxTokens: 20 });
    await add({ count: 4, setup: 'a', maxTokens: 100, first: 50 });
    await add({ count: 4, setup: 'c', maxTokens: 20, first: 100 });
    const seedsOf = (more: object): number[] => {
      const { drift } = readMeasurements(crypto, [{ store, take: 'honest', ...more }], { codeVersion: 'test' });
      return [...new Set(drift.flatMap(({ honest }) => honest.map(({ seed }) => seed)))].sort((x, y) => x - y);
    };
    expect(seedsOf({ maxTokens: 20 })).toEqual([1, 2, 3, 4, 100, 101, 102, 103]);
    expect(seedsOf({ pairs: new Set([namePair('a', 'b')]) })).toEqual([1, 2, 3, 4, 50, 51, 52, 53]);
    expect(seedsOf({ maxTokens: 20, pairs: new Set([namePair('c', 'b')]) })).toEqual([100, 101, 102, 103]);
    expect(seedsOf({ pairs: new Set([namePair('b', 'a')]) })).toEqual([]);
    store.close();
  });

  it('count the longest of what was served to one prompt under one key', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 6, maxTokens: 100 });
    const long = read(store).drift[0]!.honest;
    await add({ count: 6, maxTokens: 20 });
    // In the order of their names the shorter ones come last here, and first where their limit has fewer digits.
    await add({ count: 6, maxTokens: 9 });
    expect(read(store).drift[0]!.honest).toEqual(long);
    await add({ count: 8, maxTokens: 9 });
    expect(new Set(read(store).drift[0]!.honest.map(({ seed }) => seed)).size).toBe(8);
    store.close();
  });

  it('are of the models that are asked for', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 4 });
    const readOf = (model: string) =>
      readMeasurements(crypto, [{ store, take: 'all', models: new Set([model]) }], { codeVersion: 'test' });
    expect(readOf('fake').drift).toHaveLength(1);
    expect(readOf('other').drift).toEqual([]);
    store.close();
  });

  it('distinguish equality from drift, and report an honest reply that differs in its own exact class', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 3, provider: { exact: true }, verifier: { exact: true, error: 0 } });
    expect(read(store)).toMatchObject({ drift: [], equalities: { replies: 3, differing: 0 } });
    await add({ count: 3, first: 10, provider: { exact: true }, verifier: { exact: true, error: 0.01 } });
    expect(read(store)).toMatchObject({ drift: [], equalities: { replies: 6, differing: 3 } });
    store.close();
  });

  it('take cheats only from the named stores, and only beside honest replies', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 4, behaviour: 'other-weights', provider: { weights: 7 } });
    expect(read(store).drift).toEqual([]);
    await add({ count: 4 });
    expect(read(store).drift[0]!.alternatives.map(({ name }) => name)).toEqual(['other-weights']);
    expect(read(store, 'honest').drift[0]!.alternatives).toEqual([]);
    const named = new Set(['another']);
    const some = readMeasurements(crypto, [{ store, take: 'all', named }], { codeVersion: 'test' });
    expect(some.drift[0]).toMatchObject({ alternatives: [], honest: { length: read(store).drift[0]!.honest.length } });
    store.close();
  });
});

it('honest replies to whatever requests are honest ones, and no alternatives', async () => {
  const { store, add } = await createFakeSamples();
  await add({ count: 4 });
  const usual = read(store).drift[0]!.honest.length;
  for (const [i, kind] of ['any', 'griefed', 'shared'].entries()) {
    const before = read(store, 'honest').drift[0]!.honest.length;
    await add({ count: 4, behaviour: `honest-${kind}`, first: 50 * (i + 1) });
    expect(read(store, 'honest').drift[0]!.honest.length, kind).toBeGreaterThan(before);
  }
  const all = read(store).drift[0]!.honest.length;
  expect(all).toBeGreaterThan(usual);
  // A row decides up to its longest context: few long ones are not its basis, and no cheats either.
  await add({ count: 4, behaviour: 'honest-long', first: 500 });
  expect(read(store).drift[0]).toMatchObject({ alternatives: [], honest: { length: all } });
  store.close();
});

describe('measurements of several models', () => {
  const modelA = {};
  const modelB = { weights: 2 };
  const rootOf = ({ modelRoot }: { modelRoot: Uint8Array }): string => toHex(modelRoot);

  it('stay apart, though classes and seeds are the same', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 5, provider: modelA, verifier: modelA });
    await add({ count: 8, setup: 'b', provider: modelB, verifier: modelB });
    const { drift } = read(store);
    expect(drift.map(({ honest }) => new Set(honest.map(({ seed }) => seed)).size).sort()).toEqual([5, 8]);
    expect(new Set(drift.map(rootOf)).size).toBe(2);
    expect(new Set(drift.map(({ providerClass }) => providerClass)).size).toBe(1);
    store.close();
  });

  it('take a cheat from another model only where it was not played on their own', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 5, provider: modelA, verifier: modelA });
    await add({ count: 5, setup: 'b', provider: modelB, verifier: modelB });
    await add({ count: 3, behaviour: 'everywhere', provider: modelA, verifier: { ...modelA, error: 0.1 } });
    await add({ count: 4, behaviour: 'everywhere', setup: 'b', provider: modelB, verifier: { ...modelB, error: 0.1 } });
    await add({ count: 2, behaviour: 'once', provider: modelA, verifier: { ...modelA, error: 0.1 } });
    const seeds = (replies: readonly { seed: number }[]): number => new Set(replies.map(({ seed }) => seed)).size;
    const found = read(store).drift.map(({ alternatives }) =>
      alternatives.map(({ name, replies }) => [name, seeds(replies)]),
    );
    expect(found.sort((a, b) => Number(a[0]![1]) - Number(b[0]![1]))).toEqual([
      [
        ['everywhere', 3],
        ['once', 2],
      ],
      [
        ['everywhere', 4],
        ['once', 2],
      ],
    ]);
    store.close();
  });
});

describe('a table', () => {
  it('is the same bytes from the same samples, and catches what it was shown', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 200 });
    await add({ count: 30, behaviour: 'other-weights', provider: { weights: 7 } });
    const build = () =>
      buildDriftTable({ version: 1, previous: new Uint8Array(32), measurements: read(store).drift }).table;
    const table = build();
    expect(encodeDriftTable(build())).toEqual(encodeDriftTable(table));
    expect(table.rows.map(({ band }) => band)).toEqual([0, 1]);
    for (const { power } of table.rows) {
      expect(power[0]).toMatchObject({ name: 'other-weights', replies: 18 });
      expect(power[0]!.caught[0]).toBe(18);
    }
    store.close();
  });

  it('is refused where too little was measured, saying how much is missing', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 30 });
    const build = () => buildDriftTable({ version: 1, previous: new Uint8Array(32), measurements: read(store).drift });
    expect(build).toThrow(/12 honest replies to fit to and 18 held out, about 1\d\d more are needed/);
    store.close();
  });
});

describe('cutting a reply', () => {
  it('leaves the first positions as they were committed', async () => {
    const { store, add } = await createFakeSamples();
    await add({ count: 1, maxTokens: 70 });
    const [source = ''] = store.listSources();
    const { header: bytes, windows } = parseOpening(store.readServed(source, 1)!.opening);
    const header = parseHeader(bytes);
    const rowsOf = (list: typeof windows) => list.flatMap(({ draws }) => decodeDraws(draws, header).rows);
    const sketchesOf = (list: typeof windows) =>
      list.flatMap(({ sketch }) => decodeSketch(sketch, { directions: header.sketchDirections }));
    const total = rowsOf(windows).length;
    expect(total).toBeGreaterThan(33);
    for (const length of [1, 16, 31, 32, 33, total - 1, total]) {
      const cut = cutWindows(windows, length, header);
      expect(rowsOf(cut)).toEqual(rowsOf(windows).slice(0, length));
      expect(sketchesOf(cut)).toEqual(sketchesOf(windows).slice(0, length));
    }
    store.close();
  });
});

describe('the name of a source', () => {
  it('reads back as what it was made of, or not at all', () => {
    const id = { model: 'm', behaviour: 'honest', setup: 'fast', maxTokens: 128 };
    expect(parseSourceId(formatSourceId(id))).toEqual(id);
    const long = { ...id, promptTokens: 2000 };
    expect(parseSourceId(formatSourceId(long))).toEqual(long);
    for (const bad of [
      '',
      'honest',
      'm/honest/fast',
      'm/honest/fast/0',
      'm/honest/fast/x',
      'm//fast/1',
      'a/b/c/1/e',
      'a/b/c/1/0',
      'a/b/c/1/2/3',
    ]) {
      expect(parseSourceId(bad)).toBeUndefined();
    }
  });
});
