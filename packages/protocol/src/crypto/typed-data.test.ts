import { describe, expect, it } from 'vitest';
import { fromHex, ProtocolError, toHex } from '../base/bytes.ts';
import { struct } from '../base/codec.ts';
import { nobleCrypto as crypto } from './noble.ts';
import { abi, createTypedStruct, encodeWords, hashTyped, named, nested, string } from './typed-data.ts';

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe('typed data', () => {
  const person = createTypedStruct('Person', { name: string, wallet: abi.address });
  const mail = createTypedStruct('Mail', { from: nested(person), to: nested(person), contents: string });

  // The example of EIP-712 with its digest.
  it('hashes as the standard does', () => {
    const domain = createTypedStruct('EIP712Domain', {
      name: string,
      version: string,
      chainId: abi.uint256,
      verifyingContract: abi.address,
    });
    const separator = domain.hash(crypto, {
      ...{ name: 'Ether Mail', version: '1', chainId: 1n },
      verifyingContract: fill(20, 0xcc),
    });
    const value = {
      from: { name: 'Cow', wallet: fromHex('cd2a3d9f938e13cd947ec05abc7fe734df8dd826') },
      to: { name: 'Bob', wallet: fill(20, 0xbb) },
      contents: 'Hello, Bob!',
    };
    expect(mail.definitions).toEqual([
      'Mail(Person from,Person to,string contents)',
      'Person(string name,address wallet)',
    ]);
    expect(toHex(mail.hash(crypto, value))).toBe('c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e');
    expect(toHex(hashTyped(crypto, separator, mail.hash(crypto, value)))).toBe(
      'be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2',
    );
  });

  const members = { small: abi.uint8, tag: abi.bytes32, sumAtomic: named('sum', abi.uint128) };

  it('pads numbers on the left and bytes on the right, with the member names of the contract', () => {
    const words = encodeWords(crypto, members, { small: 7, tag: fill(32, 0xee), sumAtomic: 258n });
    expect(toHex(words)).toBe(`${'00'.repeat(31)}07${'ee'.repeat(32)}${'00'.repeat(30)}0102`);
    expect(createTypedStruct('T', members).definitions).toEqual(['T(uint8 small,bytes32 tag,uint128 sum)']);
    expect(Object.keys(struct(members))).toEqual(['write', 'read']);
  });

  it.each([{ small: 256 }, { small: -1 }, { tag: fill(31, 1) }, { sumAtomic: 1n << 128n }, { sumAtomic: -1n }])(
    'hashes no value that its type cannot hold: %o',
    (bent) => {
      const value = { small: 1, tag: fill(32, 0), sumAtomic: 1n, ...bent };
      expect(() => createTypedStruct('T', members).hash(crypto, value)).toThrow(ProtocolError);
    },
  );

  it('hashes no chain id beyond 256 bits', () => {
    const members = { id: abi.uint256 };
    expect(() => encodeWords(crypto, members, { id: 1n << 256n })).toThrow(ProtocolError);
    expect(toHex(encodeWords(crypto, members, { id: (1n << 256n) - 1n }))).toBe('ff'.repeat(32));
  });
});
