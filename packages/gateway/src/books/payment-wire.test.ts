import type { Address, Hex } from '@ogong/chain/hex';
import { UPTO_PROXY } from '@ogong/chain/money/permits';
import { PERMIT2 } from '@ogong/chain/money/signed-approvals';
import { expect, it } from 'vitest';
import { encodePaymentRequired, nameNetwork, parsePayment } from './payment-wire.ts';

const addressOf = (byte: string): Address => `0x${byte.repeat(20)}`;
const deployment = { chainId: 31_337, token: addressOf('ee') };
const payTo = addressOf('dd');
const payer = addressOf('aa');
const signature: Hex = `0x${'04'.repeat(65)}`;
const info = {
  ...{ from: payer, asset: deployment.token, spender: PERMIT2, amount: '1000', nonce: '2', deadline: '99', signature },
  version: '1',
};
const EXTENSION = 'eip2612GasSponsoring';

const encode = (extensions?: unknown): string => {
  const accepted = { scheme: 'upto', network: nameNetwork(deployment), asset: deployment.token };
  const permit2Authorization = {
    ...{ from: payer, permitted: { token: deployment.token, amount: '1000' }, spender: UPTO_PROXY, nonce: '7' },
    ...{ deadline: '99', witness: { to: payTo, facilitator: payTo, validAfter: '0' } },
  };
  const payment = { x402Version: 2, accepted, payload: { signature, permit2Authorization }, extensions };
  return Buffer.from(JSON.stringify(payment)).toString('base64');
};
const parse = (extensions?: unknown) => parsePayment(encode(extensions), deployment);

it('reads the approval of a permit, and none where a client only repeats our terms', () => {
  expect(parse({ [EXTENSION]: { info } })).toMatchObject({
    permit: { from: payer, maximum: 1_000n },
    approval: { value: 1_000n, nonce: 2n, deadline: 99n, signature },
  });
  const terms = { deployment, payTo, amountAtomic: 1_000n, url: 'http://gateway/', facilitator: payTo };
  const { extensions } = JSON.parse(Buffer.from(encodePaymentRequired(terms), 'base64').toString());
  expect(Object.keys(extensions)).toEqual([EXTENSION]);
  for (const own of [extensions, { another: {} }, null, undefined])
    expect(parse(own)).toMatchObject({ permit: { from: payer }, approval: undefined });
});

it.each([
  ['of another owner', { from: payTo }],
  ['of another token', { asset: payTo }],
  ['for another spender', { spender: UPTO_PROXY }],
  ['of an amount that no account has', { amount: `${2n ** 128n}` }],
  ['with a short signature', { signature: '0x04' }],
  ['without a number', { nonce: undefined }],
])('refuses a payment with an approval %s', (_, bent) => {
  expect(parse({ [EXTENSION]: { info: { ...info, ...bent } } })).toBeUndefined();
});
