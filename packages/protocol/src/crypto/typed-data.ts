import { concatBytes, createWriter, utf8Encode, type Writer } from '../base/bytes.ts';
import { address, type Codec, flag, hash, u8, u32, u64, u128 } from '../base/codec.ts';
import type { Crypto } from './crypto.ts';

/**
 * Typed structured data of Ethereum: one list of members gives the type string and the encoded words. If the members are also
 * canonical codecs, the list gives the canonical bytes too. Source: EIP-712, "Definition of encodeType" and "of encodeData".
 */
interface TypedMember<T> {
  /** Type name in Solidity. */
  readonly type: string;
  /** The contract's name of the member, if it differs from the key. */
  readonly name?: string;
  /** Type strings of the structs that the member contains. */
  readonly definitions?: readonly string[];
  /** Writes a value as 32 bytes. @throws ProtocolError if the value is out of the type's range. */
  writeWord(crypto: Pick<Crypto, 'keccak256'>, writer: Writer, value: T): void;
}

/** A member that has a canonical encoding too. */
type TypedField<T> = TypedMember<T> & Codec<T>;

/**
 * Creates a member that is encoded as its canonical bytes, with zeros before them.
 * @param size of the canonical bytes, at most 32.
 */
function field<T>(type: string, codec: Codec<T>, size: number): TypedField<T> {
  const zeros = new Uint8Array(32 - size);
  return {
    ...codec,
    type,
    writeWord(_crypto, writer, value) {
      if (zeros.length > 0) writer.bytes(zeros);
      codec.write(writer, value);
    },
  };
}

const u256: Codec<bigint> = {
  write: (writer, value) => writer.u128(value >> 128n).u128(BigInt.asUintN(128, value)),
  read: (reader) => (reader.u128() << 128n) | reader.u128(),
};

/** Members by Solidity type. */
export const abi = {
  uint8: field('uint8', u8, 1),
  uint32: field('uint32', u32, 4),
  uint64: field('uint64', u64, 8),
  uint128: field('uint128', u128, 16),
  uint256: field('uint256', u256, 32),
  address: field('address', address, 20),
  bytes32: field('bytes32', hash, 32),
  bool: field('bool', flag, 1),
};

export const string: TypedMember<string> = {
  type: 'string',
  writeWord: (crypto, writer, value) => void writer.bytes(crypto.keccak256(utf8Encode(value)), 32),
};

/** Gives a member the contract's name. */
export function named<T, M extends TypedMember<T>>(name: string, member: M): M {
  return { ...member, name };
}

type Members = Readonly<Record<string, TypedMember<never>>>;
type MemberTypes<M extends Members> = { readonly [K in keyof M]: Parameters<M[K]['writeWord']>[2] };

interface TypedStruct<T> {
  readonly name: string;
  /** encodeType: the struct's own type, then the types nested in it, sorted by name. */
  readonly definitions: readonly string[];
  /** hashStruct, 32 bytes. */
  hash(crypto: Pick<Crypto, 'keccak256'>, value: T): Uint8Array;
}

export function createTypedStruct<const M extends Members>(name: string, members: M): TypedStruct<MemberTypes<M>> {
  const entries = Object.entries(members);
  const own = entries.map(([key, member]) => `${member.type} ${member.name ?? key}`).join(',');
  const within = [...new Set(entries.flatMap(([, member]) => member.definitions ?? []))].sort();
  const definitions = [`${name}(${own})`, ...within];
  const type = utf8Encode(definitions.join(''));
  let typeHash: Uint8Array | undefined;
  return {
    name,
    definitions,
    hash(crypto, value) {
      // It is the same for all values, and longer than most of them.
      typeHash ??= crypto.keccak256(type);
      const writer = createWriter(32 + 32 * entries.length).bytes(typeHash, 32);
      for (const [key, member] of entries) member.writeWord(crypto, writer, value[key] as never);
      return crypto.keccak256(writer.finish());
    },
  };
}

/** Encodes the members one after another, 32 bytes each, as a contract packs them. */
export function encodeWords<M extends Members>(
  crypto: Pick<Crypto, 'keccak256'>,
  members: M,
  value: MemberTypes<M>,
): Uint8Array {
  const entries = Object.entries(members);
  const writer = createWriter(32 * entries.length);
  for (const [key, member] of entries) member.writeWord(crypto, writer, value[key] as never);
  return writer.finish();
}

/** Creates a member of another struct from a struct. */
export function nested<T>(struct: TypedStruct<T>): TypedMember<T> {
  return {
    type: struct.name,
    definitions: struct.definitions,
    writeWord: (crypto, writer, value) => void writer.bytes(struct.hash(crypto, value), 32),
  };
}

/** Computes the digest that is signed, 32 bytes. */
export function hashTyped(
  crypto: Pick<Crypto, 'keccak256'>,
  domainSeparator: Uint8Array,
  structHash: Uint8Array,
): Uint8Array {
  return crypto.keccak256(concatBytes(Uint8Array.of(0x19, 0x01), domainSeparator, structHash));
}
