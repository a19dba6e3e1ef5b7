import { concatBytes, fromHex, utf8Encode } from '@ogong/protocol/base/bytes';

/** Writes a value of DER with its tag and length. */
function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...parts);
  const { length } = content;
  const size = length < 128 ? [length] : [0x83, length >>> 16, (length >>> 8) & 255, length & 255];
  return concatBytes(Uint8Array.of(tag, ...size), content);
}

const [INTEGER, BITS, OCTETS, OID, UTF8, TIME, SEQUENCE, SET] = [0x02, 0x03, 0x04, 0x06, 0x0c, 0x17, 0x30, 0x31];
const oid = (hex: string): Uint8Array => der(OID, fromHex(hex));
const ECDSA_SHA256 = der(SEQUENCE, oid('2a8648ce3d040302'));
/** The curve's base point: a key that can be imported. */
const POINT =
  '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5';
const KEY = der(
  SEQUENCE,
  der(SEQUENCE, oid('2a8648ce3d0201'), oid('2a8648ce3d030107')),
  der(BITS, fromHex(`00${POINT}`)),
);
const VALID = der(SEQUENCE, der(TIME, utf8Encode('200101000000Z')), der(TIME, utf8Encode('400101000000Z')));
const SIGNATURE = der(
  BITS,
  Uint8Array.of(0),
  der(SEQUENCE, der(INTEGER, Uint8Array.of(1)), der(INTEGER, Uint8Array.of(1))),
);

const named = (text: string): Uint8Array => der(SET, der(SEQUENCE, oid('550403'), der(UTF8, utf8Encode(text))));
const extension = (id: string, value: Uint8Array): Uint8Array => der(SEQUENCE, oid(id), der(OCTETS, value));
const host = (text: string): Uint8Array => der(0x82, utf8Encode(text));

/** Numbers of a list that fills a size. */
const many = (size: number, each: number, write: (i: number) => Uint8Array): Uint8Array[] =>
  Array.from({ length: Math.max(1, Math.floor(size / each)) }, (_, i) => write(i));

/** Returns a certificate that a parser reads, signed by nobody. */
function certificate({
  serial = Uint8Array.of(1),
  names = [named('a')],
  extensions = [extension('551d11', der(SEQUENCE, host('a.example')))],
}: {
  readonly serial?: Uint8Array;
  readonly names?: readonly Uint8Array[];
  readonly extensions?: readonly Uint8Array[];
} = {}): Uint8Array {
  const name = der(SEQUENCE, ...names);
  const version = der(0xa0, der(INTEGER, Uint8Array.of(2)));
  const shown = der(0xa3, der(SEQUENCE, ...extensions));
  const signed = der(SEQUENCE, version, der(INTEGER, serial), ECDSA_SHA256, name, VALID, name, KEY, shown);
  return der(SEQUENCE, signed, ECDSA_SHA256, SIGNATURE);
}

/** Valid certificates of about a size, in each of which one list or value is as large as it may be. */
export function worstCertificates(size: number): Uint8Array[] {
  const room = Math.max(1, size - 400);
  let nest = der(SEQUENCE);
  for (let i = 0; i < room / 4 && nest.length < room; i++) nest = der(SEQUENCE, nest);
  const oids = (i: number): string => `5504${(128 | (i >> 7)).toString(16)}${(i & 127).toString(16).padStart(2, '0')}`;
  return [
    certificate(),
    certificate({ serial: new Uint8Array(room).fill(0x7f) }),
    certificate({ names: many(room / 2, 14, () => named('a')) }),
    certificate({ names: many(room / 2, 14, (i) => named(i % 2 ? ',' : '"')) }),
    certificate({ names: [named('\\'.repeat(room / 2))] }),
    certificate({ extensions: many(room, 12, (i) => extension(oids(i), Uint8Array.of(5, 0))) }),
    certificate({ extensions: many(room, 12, () => extension('551d11', der(SEQUENCE))) }),
    certificate({ extensions: [extension('551d11', der(SEQUENCE, ...many(room, 3, () => host('a'))))] }),
    certificate({ extensions: [extension('551d11', der(SEQUENCE, host('a.'.repeat(room / 2))))] }),
    certificate({ extensions: [extension('551d13', nest)] }),
    certificate({ extensions: [extension('551d11', nest)] }),
    certificate({ extensions: [extension('81'.repeat(room / 2), Uint8Array.of(5, 0))] }),
  ];
}
