import { describe, expect, it } from 'vitest';
import { findPublicAddresses, isLocalChain, isPublicAddress } from './public-address.ts';

describe('a public address', () => {
  it.each([
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.9.9.9', '169.254.169.254', '172.31.0.1', '192.168.0.1'],
    ...['224.0.0.1', '255.255.255.255', '::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', 'fe80::1'],
    ...[
      'fe80::1%eth0',
      'fc00::1',
      'fd12::1',
      'ff02::1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      '2001:db8::1',
      '127.1',
      '',
    ],
  ])('is not %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00::1'])('is %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

describe('a name that a stranger announced', () => {
  it('is looked up once, and its addresses are returned', async () => {
    let asked = 0;
    const find = async () => {
      asked++;
      return [{ address: '8.8.8.8' }, { address: '2a00::1' }];
    };
    expect(await findPublicAddresses('node.example.org', find)).toEqual(['8.8.8.8', '2a00::1']);
    expect(asked).toBe(1);
  });

  it.each([[['127.0.0.1']], [['8.8.8.8', '10.0.0.1']], [[]]])('is refused where it leads to %j', async (addresses) => {
    const find = async () => addresses.map((address) => ({ address }));
    await expect(findPublicAddresses('node.example.org', find)).rejects.toThrow(
      'not an address of the public internet',
    );
  });
});

it('a local chain is one of those that run on a developer machine', () => {
  expect([31_337n, 1_337n, 1n, 8_453n].map(isLocalChain)).toEqual([true, true, false, false]);
});
