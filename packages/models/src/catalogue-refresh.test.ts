import { COMMIT, type HubAnswer, listed, sha, startHub } from '@ogong/testing/models/hub';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Catalogue, parseCatalogue } from './catalogue.ts';
import { refreshCatalogue } from './catalogue-refresh.ts';

const TREE = `/api/models/good/tiny-GGUF/tree/${COMMIT}?recursive=true`;

const CATALOGUE: Catalogue = {
  version: 1,
  sources: { paper: 'https://example.org/models' },
  models: [
    {
      ...{ name: 'tiny', repository: 'good/tiny-GGUF', parameters: 7, sources: ['paper'] },
      quantisations: [{ quant: 'Q4_K_M', files: [{ path: 'tiny-Q4_K_M.gguf', sha256: sha('1') }] }],
    },
    {
      ...{ name: 'split', repository: 'good/split-GGUF', draft: 'tiny', sources: ['paper'] },
      quantisations: [{ quant: 'Q8_0', files: [{ path: 'split-Q8_0.gguf' }] }],
    },
  ],
};

const ABOUT = { sha: COMMIT, cardData: { license: 'apache-2.0' }, gguf: { total: 1234567 } };
const FILES = [
  { type: 'directory', path: 'notes', oid: '', size: 0 },
  listed('README.md', 100),
  listed('tiny-Q4_K_M.gguf', 4000, sha('1')),
  listed('tiny-Q8_0.gguf', 8000, sha('2')),
  listed('mmproj-F16.gguf', 500, sha('3')),
];

let hub: Awaited<ReturnType<typeof startHub>>;

beforeEach(async () => {
  hub = await startHub();
  hub.repositories.set('good/tiny-GGUF', { about: ABOUT, tree: FILES });
  hub.repositories.set('good/split-GGUF', {
    about: { sha: COMMIT, cardData: { license: ['mit', 'other'] } },
    tree: [2, 1].map((part) => listed(`Q8_0/split-Q8_0-0000${part}-of-00002.gguf`, 1000 + part, sha(String(part)))),
  });
});

afterEach(() => hub.close());

const refresh = (catalogue = CATALOGUE, options = {}) =>
  refreshCatalogue(
    catalogue,
    { endpoint: hub.endpoint },
    { backoffMs: 1, maxAttempts: 2, maxBytes: 20_000, ...options },
  );

const listTree = (...entries: readonly unknown[]): void =>
  void hub.repositories.set('good/tiny-GGUF', { about: ABOUT, tree: entries });

describe('a refresh', () => {
  it('takes commit, licence, parameters, and every quantisation with its size and hash', async () => {
    const { catalogue, changed, kept, rehashed } = await refresh();
    expect([changed, kept, rehashed]).toEqual([['tiny', 'split'], [], []]);
    expect(catalogue.models).toEqual([
      {
        ...{ name: 'tiny', repository: 'good/tiny-GGUF', commit: COMMIT, licence: 'apache-2.0', parameters: 1234567 },
        quantisations: [
          { quant: 'Q4_K_M', files: [{ path: 'tiny-Q4_K_M.gguf', sizeBytes: 4000, sha256: sha('1') }] },
          { quant: 'Q8_0', files: [{ path: 'tiny-Q8_0.gguf', sizeBytes: 8000, sha256: sha('2') }] },
        ],
        sources: ['hub'],
      },
      {
        ...{ name: 'split', repository: 'good/split-GGUF', draft: 'tiny', commit: COMMIT, sources: ['hub'] },
        quantisations: [
          {
            quant: 'Q8_0',
            files: [1, 2].map((part) => ({
              ...{
                path: `Q8_0/split-Q8_0-0000${part}-of-00002.gguf`,
                sizeBytes: 1000 + part,
                sha256: sha(String(part)),
              },
            })),
          },
        ],
      },
    ]);
    expect(parseCatalogue(JSON.stringify(catalogue), 'the result')).toEqual(catalogue);
  });

  it('asks for the files at the commit that it was told', async () => {
    await refresh();
    expect(hub.asked).toContain(TREE);
  });

  it('done again changes nothing', async () => {
    const { catalogue } = await refresh();
    const again = await refresh(catalogue);
    expect(again.changed).toEqual([]);
    expect(JSON.stringify(again.catalogue)).toBe(JSON.stringify(catalogue));
  });

  it('names files whose hash is another one now', async () => {
    listTree(listed('tiny-Q4_K_M.gguf', 4000, sha('9')));
    expect((await refresh()).rehashed).toEqual([{ model: 'tiny', path: 'tiny-Q4_K_M.gguf' }]);
  });

  it('asks again where the hub is busy', async () => {
    hub.answers.set('/api/models/good/tiny-GGUF', (response) => {
      hub.answers.clear();
      response.writeHead(503).end();
    });
    expect((await refresh()).kept).toEqual([]);
  });

  it('says how far it is, and stops when it is told to', async () => {
    const stopping = new AbortController();
    const seen: unknown[] = [];
    const onModel = (...progress: unknown[]): void => {
      seen.push(progress);
      stopping.abort();
    };
    await expect(refresh(CATALOGUE, { onModel, signal: stopping.signal })).rejects.toMatchObject({ code: 'cancelled' });
    expect(seen).toEqual([['tiny', 0, 2]]);
  });
});

/** Each leaves the entry as it was, with the reason; the next model is asked for all the same. */
const REFUSED: Readonly<Record<string, { readonly break: () => void; readonly reason: RegExp }>> = {
  'a repository that is not there': {
    break: () => hub.repositories.delete('good/tiny-GGUF'),
    reason: /answered 404/,
  },
  'an answer that is too big': {
    break: () => listTree(...Array.from({ length: 500 }, (_, i) => listed(`file-${i}`, 1))),
    reason: /sent more than 20000 bytes/,
  },
  'an answer that is no JSON': { break: () => answer((response) => response.end('<html>')), reason: /no JSON/ },
  'an answer that never ends': {
    break: () => answer((response) => response.writeHead(200).write('[')),
    reason: /the connection was cut/,
  },
  'an answer that is no list': {
    break: () => hub.repositories.set('good/tiny-GGUF', { about: ABOUT, tree: { error: 'no' } }),
    reason: /of another form/,
  },
  'a commit that is none': {
    break: () => hub.repositories.set('good/tiny-GGUF', { about: { sha: '../../etc' }, tree: FILES }),
    reason: /of another form: sha/,
  },
  'a redirect to another host': {
    break: () => answer((response) => response.writeHead(307, { location: 'http://127.0.0.2:9/' }).end()),
    reason: /redirects to another host, 127\.0\.0\.2:9/,
  },
  'a name that leaves the repository': {
    break: () => listTree(listed('../../tiny-Q4_K_M.gguf', 4000, sha('1'))),
    reason: /of another form: path/,
  },
  'an absolute name': {
    break: () => listTree(listed('/etc/tiny-Q4_K_M.gguf', 4000, sha('1'))),
    reason: /of another form: path/,
  },
  'a size that is no whole number': {
    break: () => listTree({ ...listed('tiny-Q4_K_M.gguf', 1), size: '4000' }),
    reason: /of another form: size/,
  },
  'a size beyond all disks': {
    break: () => listTree(listed('tiny-Q4_K_M.gguf', 2 ** 50, sha('1'))),
    reason: /of another form: size/,
  },
  'two sizes for one file': {
    break: () => listTree({ ...listed('tiny-Q4_K_M.gguf', 1, sha('1')), size: 2 }),
    reason: /two sizes for tiny-Q4_K_M\.gguf/,
  },
  'a hash that is none': {
    break: () => listTree(listed('tiny-Q4_K_M.gguf', 4000, 'sha1:00')),
    reason: /of another form: lfs\.oid/,
  },
  'a hash that was known and is gone': {
    break: () => listTree(listed('tiny-Q4_K_M.gguf', 4000)),
    reason: /no sha256 for tiny-Q4_K_M\.gguf/,
  },
  'shards of which one is missing': {
    break: () => listTree(listed('tiny-Q4_K_M-00002-of-00002.gguf', 4000, sha('1'))),
    reason: /not all shards/,
  },
  'more quantisations than anybody makes': {
    break: () => listTree(...Array.from({ length: 129 }, (_, i) => listed(`Q1_${i}.gguf`, 1))),
    reason: /of another form: quantisations/,
  },
  'a repository without models': { break: () => listTree(listed('README.md', 1)), reason: /holds no GGUF file/ },
};

const answer = (each: HubAnswer): void => void hub.answers.set(TREE, each);

describe('wrong answers of the hub', () => {
  it.each(Object.keys(REFUSED))('%s', async (name) => {
    const { break: spoil, reason } = REFUSED[name] as (typeof REFUSED)[string];
    spoil();
    const { catalogue, kept, changed } = await refresh(
      CATALOGUE,
      name.includes('never ends') ? { timeoutMs: 1_000 } : {},
    );
    expect(kept).toEqual([{ model: 'tiny', reason: expect.stringMatching(reason) }]);
    expect(catalogue.models[0]).toEqual(CATALOGUE.models[0]);
    expect(changed).toEqual(['split']);
  });
});

it('a hub that is not there leaves everything as it was', async () => {
  const { endpoint } = hub;
  await hub.close();
  const { catalogue, kept } = await refreshCatalogue(CATALOGUE, { endpoint }, { backoffMs: 1, maxAttempts: 1 });
  expect(kept.map(({ model }) => model)).toEqual(['tiny', 'split']);
  expect(catalogue).toEqual(CATALOGUE);
  hub = await startHub();
});
