import { randomBytes } from 'node:crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { signConsent } from '@ogong/protocol/exchange/order-consent';
import { ProviderService, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createTestOrder, serveTestReply, signTestComplaint, toPushMessage } from '@ogong/testing/validator/test-reply';
import { countTexts } from '../../../attackers/protocol/define-attack.ts';
import { buyReply, openPayer, placeOrder, tell } from './consumer.ts';
import { forgeSilence } from './forge-silence.ts';
import type { LiveNetwork, LivePlay } from './live-network.ts';
import { proposeEntry } from './propose-entry.ts';

const MAX_FEE = 10n ** 15n;
const NOBODY = new Uint8Array(20);
const HONEST_PROVIDER = 'provider-1';
const OWN = 'validator-1';

/** Orders at an honest validator, for a provider of the adversary's with a new key. */
async function openNewKey(network: LiveNetwork, name: string) {
  const { ledger, modelId: model, modelRoot, links, peer } = network;
  const [handler = ''] = network.honestValidators();
  const validator = network.addressOf(handler);
  const payer = await openPayer(network, name, { validator, channelAtomic: 10n * MAX_FEE });
  const { hybrid: provider, signer: payee } = await network.openAccount(`${name} by`);
  const beacon = await network.latestBeacon();
  const base = { payer: payer.signer, ledger, validator, provider, epoch: beacon.epoch, model };
  return {
    service: links.to(ValidatorService, peer(handler)),
    asPayer: { payer: payer.signer, ledger },
    order: (index: number, nonce: Uint8Array = new Uint8Array(randomBytes(32))) =>
      createTestOrder({
        ...{ ...base, index, expiresAtMs: Date.now() + 60_000 },
        bend: { payee: payee.address, modelRoot, router: NOBODY, nonce },
      }),
    serve: (order: Parameters<typeof serveTestReply>[0]) =>
      serveTestReply(order, { provider, payer: payer.signer, ledger, beacon, payee, text: 'once there was a story' }),
  };
}

/** A provider that has forgotten an order signs a second record under its reply id, for another order with the same nonce. */
export const frameByOldId: LivePlay = async (network) => {
  const { service, order, serve, asPayer } = await openNewKey(network, 'framer');
  const first = order(0);
  await service.admit({ order: first, consent: first.consent });
  await service.pushRecord(toPushMessage(serve(first).submission));
  const second = serve(order(1, first.fields.nonce));
  const { record } = second.submission;
  const told = { order: first, reason: 'two records', record, opening: undefined };
  const complained = await service.complain(signTestComplaint(told, asPayer) as never).then(
    ({ outcome }) => outcome,
    (error: Error) => error.message,
  );
  const { order: bytes, signature } = first;
  const delivered = await tell(
    service.pushRecord(toPushMessage({ ...second.submission, order: { order: bytes, signature } })),
  );
  const { verdict } = await service.getReply({ replyId: first.fields.replyId });
  return {
    tried: 'brought a second record that the provider had signed for another order with the same reply id',
    answered: [
      `as a complaint: ${complained}`,
      `as a delivery: ${delivered}`,
      `the verdict right after: ${verdict === '' ? 'none' : verdict}`,
    ],
    money: 'none',
    worked: complained === 'upheld' || delivered === 'done' || verdict !== '',
  };
};

const openPayerAt = (network: LiveNetwork, validator: Uint8Array) =>
  openPayer(network, 'abandoner', { validator, channelAtomic: MAX_FEE });

/** Orders from a provider that it never calls, agreed to in its place; and a validator in league that logs one as abandoned. */
export const abandonForOthers: LivePlay = async (network) => {
  const owned = await network.own(OWN);
  const { hybrid: liar } = await network.openAccount('promising');
  const payer = await openPayerAt(network, owned.account);
  // So that nothing is refused for want of money.
  for (const name of network.honestValidators()) await openPayerAt(network, network.addressOf(name));
  const same = { payer, provider: HONEST_PROVIDER, maxFeeAtomic: MAX_FEE, cumulativeAtomic: MAX_FEE };
  const answers: string[] = [];
  for (const name of network.honestValidators()) {
    const { order, signed } = await placeOrder(network, { ...same, validator: network.addressOf(name) });
    const admitted = network.links
      .to(ValidatorService, network.peer(name))
      .admit({ order: signed, consent: signConsent(liar, order) });
    answers.push(`an honest validator: ${await tell(admitted)}`);
  }
  const bought = await placeOrder(network, { ...same, validator: owned.account });
  const timeMs = Number(bought.order.expiresAtMs) + 1;
  const proposal = await proposeEntry(network, owned, {
    bought,
    push: undefined,
    says: { verdict: 'abandoned', payee: NOBODY, timeMs },
    evidence: {
      kind: 'abandoned',
      consent: signConsent(liar, bought.order),
      statements: await forgeSilence(network, { owned, order: bought.order, asked: 'record', timeMs }),
    },
  });
  answers.push(...proposal.answers.map((answer) => `a co-signer: ${answer}`));
  return {
    tried: 'ordered from a provider that was never called, and agreed to the orders in its place',
    answered: countTexts(answers),
    money: 'none: nothing of it is on the chain',
    worked: proposal.isSigned || answers.some((answer) => answer.endsWith(': done')),
  };
};

/** Reads the first text and goes away, without a word. */
export const leaveWithoutWord: LivePlay = async (network) => {
  const [handler = ''] = network.honestValidators();
  const validator = network.addressOf(handler);
  const payer = await openPayer(network, 'vanisher', { validator, channelAtomic: 10n * MAX_FEE });
  const order = { payer, validator, provider: HONEST_PROVIDER, maxFeeAtomic: MAX_FEE };
  const whole = await placeOrder(network, { ...order, cumulativeAtomic: MAX_FEE });
  await buyReply(network, whole);
  const left = await placeOrder(network, { ...order, cumulativeAtomic: 2n * MAX_FEE });
  let got = 0;
  for await (const { event } of network.links.to(ProviderService, left.provider).generate(left.message)) {
    if (event.case === 'delta') got++;
    if (got > 0) break;
  }
  const entries = await network.settle([whole, left].map(({ order: { replyId } }) => toHex(replyId)));
  const feeOf = ({ order: { replyId } }: typeof left): bigint =>
    entries.find((entry) => toHex(entry.replyId) === toHex(replyId))?.feeAtomic ?? 0n;
  return {
    tried: 'left at the first text of a reply, without a word; another reply was read to its end',
    answered: countTexts(entries.map(({ verdict }) => verdict)),
    money: `${feeOf(left)} atomic units for the reply that it left, ${feeOf(whole)} for the one that it read`,
    worked: got === 0 || feeOf(left) === 0n,
  };
};
