import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Catalogue,
  type CatalogueModel,
  filterCatalogue,
  measureWeights,
  mergeCatalogues,
  OWN_CATALOGUE,
  parseCatalogue,
  readCatalogue,
  writeCatalogue,
} from './catalogue.ts';
import { parseModelSource } from './source.ts';

const own = readCatalogue(OWN_CATALOGUE);

const MODEL: CatalogueModel = {
  ...{ name: 'tiny', repository: 'good/tiny-GGUF', licence: 'mit', parameters: 8000, sources: ['paper'] },
  quantisations: [
    { quant: 'Q4_K_M', files: [{ path: 'tiny-Q4_K_M.gguf' }] },
    { quant: 'F16', files: [{ path: 'tiny-F16.gguf', sizeBytes: 17_000 }] },
  ],
};
const catalogueOf = (...models: readonly unknown[]) =>
  JSON.stringify({ version: 1, sources: { paper: 'https://example.org/models' }, models });

describe('the catalogue of the program', () => {
  it('has at least 40 models, each with a source and a place to pull it from', () => {
    expect(own.models.length).toBeGreaterThanOrEqual(40);
    for (const { repository, quantisations } of own.models)
      for (const { quant } of quantisations)
        expect(parseModelSource(`hf:${repository}:${quant.toLowerCase()}`)).toMatchObject({ kind: 'hub', repository });
  });

  it('gives no two files of different paths the same hash', () => {
    const files = own.models.flatMap(({ repository, quantisations }) =>
      quantisations.flatMap((each) => each.files.map(({ path, sha256 }) => [sha256, `${repository}/${path}`] as const)),
    );
    const hashes = files.flatMap(([sha256]) => (sha256 === undefined ? [] : [sha256]));
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe('a catalogue', () => {
  it.each([
    ['no JSON', '{', /is no JSON/],
    ['another version', '{"version":2,"sources":{},"models":[]}', /version/],
    ['a field of its own', catalogueOf({ ...MODEL, colour: 'red' }), /colour/],
    ['a name twice', catalogueOf(MODEL, MODEL), /twice/],
    ['a source that is not named', catalogueOf({ ...MODEL, sources: ['rumour'] }), /no source rumour/],
    ['no source', catalogueOf({ ...MODEL, sources: [] }), /sources/],
    ['a draft that is not there', catalogueOf({ ...MODEL, draft: 'smaller' }), /smaller is no other model/],
    ['itself as its draft', catalogueOf({ ...MODEL, draft: 'tiny' }), /tiny is no other model/],
    ['a path that leaves the repository', fileOf({ path: 'a/../../b.gguf' }), /path/],
    ['a hash in capitals', fileOf({ path: 'b.gguf', sha256: 'A'.repeat(64) }), /sha256/],
    ['a size below nothing', fileOf({ path: 'b.gguf', sizeBytes: -1 }), /sizeBytes/],
  ])('with %s is refused', (_what, text, reason) => {
    expect(() => parseCatalogue(text, 'it')).toThrow(reason);
  });

  it('that is newer says what counts of a model, and hides no other', () => {
    const fresh = { ...MODEL, name: own.models[0]?.name ?? '', sources: ['hub'] };
    const merged = mergeCatalogues(own, { version: 1, sources: { hub: 'https://example.org' }, models: [fresh] });
    expect(merged.models).toEqual([fresh, ...own.models.slice(1)]);
    expect(parseCatalogue(JSON.stringify(merged), 'it')).toEqual(merged);
  });

  it('is written as a whole, and read back', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ogong-catalogue-'));
    try {
      const path = join(folder, 'new', 'catalogue.json');
      await writeCatalogue(path, own);
      expect(readCatalogue(path)).toEqual(own);
      expect(await readdir(join(folder, 'new'))).toEqual(['catalogue.json']);
      expect(() => readCatalogue(join(folder, 'none.json'))).toThrow('there is no catalogue');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

function fileOf(file: object): string {
  return catalogueOf({ ...MODEL, quantisations: [{ quant: 'Q8_0', files: [file] }] });
}

describe('sizes', () => {
  it('are what is stated, or an estimate', () => {
    const [packed, plain] = MODEL.quantisations as [
      Catalogue['models'][0]['quantisations'][0],
      (typeof MODEL.quantisations)[0],
    ];
    expect(measureWeights(MODEL, plain)).toEqual({ bytes: 17_000, isEstimate: false });
    expect(measureWeights(MODEL, packed)).toEqual({ bytes: 5500, isEstimate: true });
    expect(measureWeights({ ...MODEL, parameters: undefined }, packed)).toBeUndefined();
  });

  it('that are estimated are above the stated ones of large models, and at most a quarter below of small ones', () => {
    const pairs = own.models.flatMap((model) =>
      model.quantisations.flatMap((quantisation) => {
        const stated = measureWeights(model, quantisation);
        const estimated = measureWeights(model, { ...quantisation, files: [{ path: 'x' }] });
        return stated === undefined || stated.isEstimate || estimated === undefined
          ? []
          : [{ count: model.parameters ?? 0, ratio: estimated.bytes / stated.bytes }];
      }),
    );
    expect(pairs.length).toBeGreaterThan(10);
    for (const { count, ratio } of pairs) expect(ratio).toBeGreaterThan(count < 2e9 ? 0.75 : 1);
  });

  it('filter, with licence and name', () => {
    const other = { ...MODEL, name: 'other', licence: 'gemma', parameters: undefined };
    const names = (filter: object) =>
      filterCatalogue([MODEL, other], filter).map(({ name, quantisations }) => `${name} ${quantisations.length}`);
    expect(names({})).toEqual(['tiny 2', 'other 2']);
    expect(names({ maxBytes: 6000 })).toEqual(['tiny 1']);
    expect(names({ maxBytes: 17_000 })).toEqual(['tiny 2', 'other 1']);
    expect(names({ licence: 'Gemma' })).toEqual(['other 2']);
    expect(names({ text: 'TIN' })).toEqual(['tiny 2']);
  });
});
