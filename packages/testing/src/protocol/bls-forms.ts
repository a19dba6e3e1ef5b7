import { fromHex } from '@ogong/protocol/base/bytes';

/** Points on the curves outside the subgroups of order r: the first with small x. */
const OUTSIDE_G1 = `80${'00'.repeat(46)}04`;
const OUTSIDE_G2 = `80${'00'.repeat(94)}02`;

/** Bytes that are no key, by their defect. */
export const BAD_KEYS: Readonly<Record<string, Uint8Array>> = {
  infinity: fromHex(`c0${'00'.repeat(47)}`),
  'outside the subgroup': fromHex(OUTSIDE_G1),
  'zero bytes': new Uint8Array(48),
  'above the field': fromHex(`9f${'ff'.repeat(47)}`),
  'a byte short': new Uint8Array(47).fill(0x80),
};

/** Bytes that are no signature, by their defect. */
export const BAD_SIGNATURES: Readonly<Record<string, Uint8Array>> = {
  infinity: fromHex(`c0${'00'.repeat(95)}`),
  'outside the subgroup': fromHex(OUTSIDE_G2),
  'zero bytes': new Uint8Array(96),
  'a byte long': new Uint8Array(97).fill(0x80),
};
