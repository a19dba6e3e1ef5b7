import { expect, it } from 'vitest';
import vectors from '../../vectors/verifier.json' with { type: 'json' };
import { fromHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { drawSecondRecipients } from './second-recipients.ts';

const { members: listed, draws, ...named } = vectors.witnesses;
const members = listed.map(({ address, stake }) => ({ address: fromHex(address), stake: BigInt(stake) }));
const [replyId, providerId, validator] = [named.replyId, named.target, named.validator].map((hex) => fromHex(hex)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const draw = (among: typeof members) =>
  drawSecondRecipients(crypto, { beacon: fromHex(named.beacon), order: { replyId, providerId, validator } }, among);

it('are the first three witnesses of the record in the vectors', () => {
  const record = draws.find(({ asked }) => asked === 'record');
  expect(draw(members).map((one) => members.indexOf(one))).toEqual(record?.drawn.slice(0, 3));
});

it('are all other validators if there are fewer, and never the handling validator', () => {
  expect(draw(members.slice(0, 2))).toEqual(members.slice(1, 2));
  expect(draw(members.slice(0, 1))).toEqual([]);
});
