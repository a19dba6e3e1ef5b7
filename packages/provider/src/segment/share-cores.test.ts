import type { NetworkInterfaceInfo } from 'node:os';
import { expect, it } from 'vitest';
import { isOwnAddress, shareCores } from './share-cores.ts';

const at = (...hosts: readonly string[]) => hosts.map((host) => ({ host }));

it('parts of a model on one machine share its cores', () => {
  expect(shareCores(at('127.0.0.1'), { cores: 8 })).toBe(4);
  expect(shareCores(at('127.0.0.1', '::1', '203.0.113.7'), { cores: 8 })).toBe(2);
  expect(shareCores(at('203.0.113.7'), { cores: 8 })).toBe(8);
  expect(shareCores(at('localhost', 'localhost'), { cores: 2 })).toBe(1);
});

it('an address of an interface is one of this machine', () => {
  const address = { address: '192.0.2.5' } as NetworkInterfaceInfo;
  expect(isOwnAddress({ host: '192.0.2.5' }, { eth0: [address] })).toBe(true);
  expect(isOwnAddress({ host: '192.0.2.6' }, { eth0: [address] })).toBe(false);
});
