import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { VISION_ATTACKS } from '../../attackers/vision/catalogue.ts';
import { listMistakes } from './gate.ts';
import { formatVision } from './report.ts';
import { type AttackVision, type HonestVision, parseVisionRun, type VisionAudits } from './results.ts';

const read = (name: string): string =>
  readFileSync(new URL(`../../../../docs/detection/${name}`, import.meta.url), 'utf8');

describe('docs/detection/vision.md', () => {
  const run = parseVisionRun(read('vision.json'));

  it('is what its results say', () => expect(read('vision.md')).toBe(formatVision(run)));

  it('has a row for every attack', () => {
    const facts = ({ name, aim }: { readonly name: string; readonly aim: string }) => ({ name, aim });
    expect(run.attacks.map(facts)).toEqual(VISION_ATTACKS.map(facts));
  });

  it('shows no mistake', () => expect(listMistakes(run)).toEqual([]));
});

describe('the results of questions about pictures', () => {
  const audits: VisionAudits = { audits: 4, rejected: 4, inconclusive: 0, by: ['picture-rows'], distances: undefined };
  const accepted = { ...audits, rejected: 0 };
  const none = { replies: 0, by: [] };
  const attack: AttackVision = {
    ...{ name: 'a', aim: 'b', replies: 4, gateway: none, validator: none },
    audits: { native: audits, WebAssembly: audits },
  };
  const honest: HonestVision = {
    ...{ provider: 'native', replies: 4, right: 4, refused: 0 },
    audits: { native: accepted, WebAssembly: accepted },
  };
  const count = (attacks: readonly AttackVision[], served: readonly HonestVision[]): number =>
    listMistakes({ attacks, honest: served }).length;

  it('have a mistake where an honest reply is doubted, or a cheat passes', () => {
    expect(count([attack], [honest])).toBe(0);
    expect(count([], [{ ...honest, refused: 1 }])).toBe(1);
    expect(
      count([], [{ ...honest, audits: { native: accepted, WebAssembly: { ...accepted, inconclusive: 1 } } }]),
    ).toBe(1);
    expect(count([{ ...attack, audits: {} }], [])).toBe(1);
    expect(count([{ ...attack, audits: { native: audits, WebAssembly: { ...audits, rejected: 3 } } }], [])).toBe(1);
    expect(count([{ ...attack, audits: {}, validator: { replies: 4, by: ['blob-withheld'] } }], [])).toBe(0);
  });

  it('are not read from another version', () =>
    expect(() => parseVisionRun('{"version":2}')).toThrow('results of version 2'));
});
