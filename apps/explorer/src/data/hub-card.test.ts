import { expect, it } from 'vitest';
import { readHubCard } from './hub-card.ts';

const version = { formats: ['gguf'], model_root: '0xab', in_force: true, places: [] };
const edge = { of: '0xab', model_root: '0xcd', relation: 'quantised-from', licence: 'MIT' };
const card = {
  maker: 'acme',
  model: 'small',
  model_root: '0xab',
  versions: [version],
  manifest: null,
  lineage: [edge],
};

it('reads a card whose parts are missing', () => {
  expect(readHubCard(card)).toMatchObject({ manifest: undefined, pins: undefined, lineage: [{ name: undefined }] });
});

it.each([
  { ...card, maker: 7 },
  { ...card, versions: {} },
  { ...card, versions: [{ ...version, size_bytes: -1 }] },
  {
    ...card,
    manifest: { version: '1.0.0', licence: 'MIT', notes: '', files: [], evaluations: [], signed_manifest: 'ab' },
  },
  { ...card, lineage: [{ ...edge, name: {} }] },
  { ...card, served: [{ id: 'a', model_root: '0xab', offers: [{ provider: '0x1', price_per_1k: 5 }] }] },
  { ...card, pins: [{ pin: '1', provider: '0x1', blob: '0x2', fee_per_epoch: '1e9' }] },
])('refuses a card of another form, %#', (answer) => expect(() => readHubCard(answer)).toThrow(TypeError));
