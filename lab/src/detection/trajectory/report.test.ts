import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PICTURE_ATTACKS } from '../../attackers/trajectory/catalogue.ts';
import { listMistakes } from './gate.ts';
import { formatPictures } from './report.ts';
import { type AttackPictures, type PictureAudits, type PictureRun, parsePictureRun } from './results.ts';

const read = (name: string): string =>
  readFileSync(new URL(`../../../../docs/detection/${name}`, import.meta.url), 'utf8');

describe('docs/detection/pictures.md', () => {
  const run = parsePictureRun(read('pictures.json'));

  it('is what its results say', () => expect(read('pictures.md')).toBe(formatPictures(run)));

  it('has a row for every attack on each model', () => {
    expect(run.models.length).toBeGreaterThan(1);
    const names = PICTURE_ATTACKS.map(({ name }) => name);
    for (const { attacks } of run.models) expect(attacks.map(({ name }) => name)).toEqual(names);
  });

  it('shows no mistake', () => expect(listMistakes(run)).toEqual([]));
});

describe('the results', () => {
  const distance = { least: 0, median: 0, most: 0 };
  const audits: PictureAudits = {
    ...{ audits: 4, rejected: 4, inconclusive: 0, byTable: { rejected: 0, inconclusive: 0 }, by: ['equality'] },
    ...{ outputs: distance, pixels: distance },
  };
  const attack: AttackPictures = {
    ...{ name: 'a', aim: 'b', isPartial: false, replies: 4, refused: 0, refusedBy: [], same: audits, other: undefined },
  };
  const runOf = (attacks: readonly AttackPictures[], honest: PictureAudits): PictureRun => ({
    ...{ version: 2, machine: 'a machine', day: '2026-01-01', steps: 20 },
    models: [
      {
        ...{ name: 'm', sampler: 's', attacks, measured: { pictures: 60, output: 1e-5, doubt: 4e-5, reject: 16e-5 } },
        honest: [{ request: 'new', provider: 'p', verifier: 'p', refused: 0, audits: honest }],
      },
    ],
  });
  const accepted = { ...audits, rejected: 0 };

  it('have a mistake where an honest picture is doubted, or a cheat passes its exact class', () => {
    expect(listMistakes(runOf([attack], accepted))).toEqual([]);
    expect(listMistakes(runOf([attack], { ...accepted, inconclusive: 1 }))).toHaveLength(1);
    const byTable = { rejected: 1, inconclusive: 0 };
    expect(listMistakes(runOf([attack], { ...accepted, byTable }))).toHaveLength(1);
    expect(listMistakes(runOf([{ ...attack, same: { ...audits, rejected: 3 } }], accepted))).toHaveLength(1);
    expect(listMistakes(runOf([{ ...attack, isPartial: true, same: accepted }], accepted))).toEqual([]);
  });

  it('are not read from another version', () =>
    expect(() => parsePictureRun('{"version":3}')).toThrow('results of version 3'));
});
