import { expect, it } from 'vitest';
import { readSealedType, readSettlementType } from './settlement-type.ts';

const send = (value?: string) => ({
  req: { header: (name: string) => (name === 'x-settlement-type' ? value : undefined) },
});
type Asked = Parameters<typeof readSettlementType>[0];

it('reads the three types, and takes batch without a header', () => {
  const read = (value?: string) => readSettlementType(send(value) as Asked);
  expect([undefined, 'private', 'batch', 'individual'].map(read)).toEqual(['batch', 'private', 'batch', 'individual']);
  for (const unknown of ['', 'Batch', 'individual, private', 'none', '__proto__']) {
    expect(() => read(unknown), unknown).toThrow('x-settlement-type: expected one of private, batch, individual');
  }
});

it('refuses to publish a sealed reply', () => {
  const read = (value?: string) => readSealedType(send(value) as Asked);
  expect([undefined, 'private', 'batch'].map(read)).toEqual(['batch', 'private', 'batch']);
  expect(() => read('individual')).toThrow('a gateway cannot publish a sealed reply');
  expect(() => read('all')).toThrow('expected one of');
});
