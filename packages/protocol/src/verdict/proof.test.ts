import { describe, expect, it } from 'vitest';
import { type Check, fail, pass, skip } from '../base/checks.ts';
import { formatProof } from './proof.ts';

const AT = '2026-01-02T03:04:05.000Z';
const passes = (...ids: string[]): Check[] => ids.map((id) => pass(id, ''));
const SOFTWARE = passes('admission', 'attested-reply', 'draw-replay', 'machine', 'cpu-vendor', 'cpu-signature');
const HARDWARE = [...SOFTWARE, ...passes('cpu-chain', 'report-data')];
const without = (checks: readonly Check[], name: string): Check[] => checks.filter(({ id }) => id !== name);

describe('the proof of an answer', () => {
  it('is the hardware, the replay, and a root that was trusted since the order', () => {
    expect(formatProof(HARDWARE, AT).split('\n')).toEqual([
      'by hardware: attested-reply, machine, cpu-vendor, cpu-signature, cpu-chain, report-data',
      'by replay: draw-replay',
      "believed: the vendor's root, since 2026-01-02T03:04:05.000Z, when the validator admitted the order",
      '',
    ]);
  });

  it('is not hardware if an attester in software signed', () => {
    const text = formatProof(SOFTWARE, AT);
    expect(text).toContain('by hardware: nothing: an attester in software signed\n');
    expect(text).toContain('believed: the software attester (attested-reply, machine, cpu-vendor, cpu-signature)');
  });

  it.each([
    ['its machine failed', [...without(HARDWARE, 'machine'), fail('machine', '')]],
    ['its machine was not checked', [...without(HARDWARE, 'machine'), skip('machine', '')]],
    ['another key signed', [...without(HARDWARE, 'attested-reply'), fail('attested-reply', '')]],
  ])('does not include the machine if %s', (_why, checks) => {
    const text = formatProof(checks, AT);
    expect(text).toContain('by hardware: nothing: the machine was not taken\n');
    expect(text).toContain('believed: nothing of the machine\n');
  });

  it('states that the time was not checked, and that nothing was replayed', () => {
    const text = formatProof(without(without(HARDWARE, 'admission'), 'draw-replay'), AT);
    expect(text).toContain('which nobody checked');
    expect(text).toContain('by replay: nothing\n');
  });

  it('is empty for an answer without a machine', () => {
    expect(formatProof(without(HARDWARE, 'machine'), AT)).toBe('');
  });
});
