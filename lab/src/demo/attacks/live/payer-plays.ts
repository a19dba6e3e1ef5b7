import { randomBytes } from 'node:crypto';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { findOverAdmission, isConvicted, judgeOverAdmission } from '@ogong/protocol/exchange/over-admission';
import { type ReplyStatus, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  createTestDelivery,
  createTestOrder,
  serveTestReply,
  signTestComplaint,
  toPushMessage,
} from '@ogong/testing/validator/test-reply';
import { writeDelivered } from '@ogong/validator/wire-messages';
import { countTexts } from '../../../attackers/protocol/define-attack.ts';
import { waitWhileChanging } from '../../polling.ts';
import { buyReply, openPayer, placeOrder, tell } from './consumer.ts';
import { serveFalseValidator } from './false-validator.ts';
import type { LiveNetwork, LivePlay } from './live-network.ts';

const MAX_FEE = 10n ** 15n;
/** More than the provider takes, whatever a reply of the model costs. */
const ORDERS = 40n;
/** Since a reply's state changed last. */
const PATIENCE_MS = 60_000;
const HONEST_PROVIDER = 'provider-1';

const NO_ROUTER = new Uint8Array(20);

/** Orders of a payer for a provider of the adversary's own, at an honest validator. */
async function openOwnTrade(network: LiveNetwork, name: string) {
  const { ledger, modelId: model, modelRoot, links } = network;
  const [handler = ''] = network.honestValidators();
  const validator = network.addressOf(handler);
  const payer = await openPayer(network, name, { validator, channelAtomic: 10n * MAX_FEE });
  const { hybrid: provider, signer: payee } = await network.openAccount(`${name} by`);
  const beacon = await network.latestBeacon();
  const { epoch } = beacon;
  const place = (index: number, router: Uint8Array = NO_ROUTER) =>
    createTestOrder({
      ...{ payer: payer.signer, ledger, validator, provider, epoch, model, index, expiresAtMs: Date.now() + 60_000 },
      bend: { payee: payee.address, modelRoot, router, nonce: new Uint8Array(randomBytes(32)) },
    });
  const order = place(0);
  const admit = async (placed = place(1)) => {
    const { order: bytes, signature, consent } = placed;
    return links.to(ValidatorService, network.peer(handler)).admit({ order: { order: bytes, signature }, consent });
  };
  return {
    ...{ order, payee, place, admit },
    providerId: hashHybridKey(crypto, provider.publicKey),
    validator: links.to(ValidatorService, network.peer(handler)),
    serve: (text: string, bend = {}) =>
      serveTestReply(order, { provider, payer: payer.signer, ledger, beacon, payee, text, bend }),
    asPayer: { payer: payer.signer, ledger },
  };
}

/** Waits for a verdict, and then until the provider is out, where the verdict puts it out. */
async function waitForVerdict(
  { chain }: LiveNetwork,
  { look, providerId }: { readonly look: () => Promise<ReplyStatus>; readonly providerId: Uint8Array },
) {
  const read = async () => {
    const { state, verdict } = await look();
    return { isDone: state === 'settled', shown: `${state} ${verdict}` };
  };
  await waitWhileChanging(read, PATIENCE_MS);
  const isEjected = await chain.isEjected(providerId);
  return { ...(await look()), isEjected };
}

/** The consumer is shown an advert, the validator an honest reply. */
export const showTwoRecords: LivePlay = async (network) => {
  const { order, admit, providerId, validator, serve, asPayer } = await openOwnTrade(network, 'shown two records');
  const [advert, honest] = [serve('Buy my book instead.'), serve('once there was a story')];
  await admit(order);
  await validator.pushRecord(toPushMessage(honest.submission));
  const { outcome } = await validator.acknowledge(writeDelivered(createTestDelivery(order, advert, asPayer)));
  const look = () => validator.getReply({ replyId: order.fields.replyId });
  const { state, verdict, feeAtomic, isEjected } = await waitForVerdict(network, { look, providerId });
  const next = await tell(admit());
  return {
    tried: 'gave the consumer an advert and the validator an honest reply, both signed for one order',
    answered: [
      `the consumer signed for what it got: ${outcome}; the reply is ${state}: ${verdict}`,
      `the provider is ${isEjected ? 'ejected on the chain' : 'not ejected'}; its next order: ${next}`,
    ],
    money: `${feeAtomic} atomic units are paid for the reply`,
    worked: !isEjected || feeAtomic > 0n || next === 'done',
  };
};

/** An account of the payer's own stands as the router of its order. */
export const nameOwnRouter: LivePlay = async (network) => {
  const { place, payee, admit } = await openOwnTrade(network, 'its own router');
  const own = await tell(admit(place(0, payee.address)));
  const none = await tell(admit(place(1)));
  return {
    tried: 'ordered in the name of an account that has no bond as a router, and then without a router',
    answered: [`with that account: ${own}`, `without a router: ${none}`],
    money: 'none: the order that names it is not admitted',
    worked: own === 'done' || none !== 'done',
  };
};

/** The provider of a bad reply complains before its payer can. */
export const stealComplaint: LivePlay = async (network) => {
  const { order, payee, admit, providerId, validator, serve, asPayer } = await openOwnTrade(network, 'robbed');
  const cheat = serve('once there was a story', {
    row: (row: { rank: number }, i: number) => (i === 7 ? { ...row, rank: (row.rank + 1) % 20 } : row),
  });
  await admit(order);
  const { record, order: signed } = toPushMessage(cheat.submission);
  await validator.pushRecord(toPushMessage(cheat.submission));
  const opening = cheat.reply.openingBytes;
  const told = { order: signed, reason: 'draw-replay', record, opening };
  const { opening: _stolen, ...payerless } = signTestComplaint(told, { ...asPayer, payer: payee });
  const answer = await tell(validator.complain(payerless as never));
  const { opening: _own, ...complaint } = signTestComplaint(told, asPayer);
  const { wantsOpening } = await validator.complain(complaint as never);
  const proof = { order: signed.order, opening: { opening } };
  const { outcome } = wantsOpening ? await validator.proveComplaint(proof) : { outcome: 'not asked for' };
  const look = () => validator.getReply({ replyId: order.fields.replyId });
  const { verdict, feeAtomic, isEjected } = await waitForVerdict(network, { look, providerId });
  return {
    tried: "cheated, and complained about it before its payer could, with the payer's order and a key of its own",
    answered: [
      `to the provider: ${answer}`,
      `to the payer: ${outcome}; the verdict is ${verdict}, the provider is ${isEjected ? 'ejected' : 'not ejected'}`,
    ],
    money: `${feeAtomic} atomic units are paid for the reply`,
    worked: outcome !== 'upheld' || feeAtomic > 0n,
  };
};

/** A nonce again: at the provider that served it, at its validator, and at another validator. */
export const reuseIds: LivePlay = async (network) => {
  const [first = '', second = ''] = network.honestValidators();
  const validator = network.addressOf(first);
  const payer = await openPayer(network, 'reuser', { validator, channelAtomic: 10n * MAX_FEE });
  await network.openAccount('reuser', 10n * MAX_FEE).then(async ({ client }) => {
    await client.deposit(10n * MAX_FEE);
    await client.admit(network.addressOf(second), 10n * MAX_FEE);
  });
  const nonce = new Uint8Array(randomBytes(32));
  const same = { payer, nonce, provider: HONEST_PROVIDER, maxFeeAtomic: MAX_FEE };
  const original = await placeOrder(network, { ...same, validator, cumulativeAtomic: MAX_FEE });
  const { record } = await buyReply(network, original);
  const tries = {
    'the same order': original,
    'another request': await placeOrder(network, {
      ...{ ...same, validator, cumulativeAtomic: 2n * MAX_FEE, text: 'A second story' },
    }),
  };
  const answered: string[] = [];
  for (const [what, order] of Object.entries(tries)) answered.push(`${what}: ${await tell(buyReply(network, order))}`);
  const elsewhere = await placeOrder(network, {
    ...{ ...same, validator: network.addressOf(second), cumulativeAtomic: MAX_FEE, text: 'A third story' },
  });
  const other = await buyReply(network, elsewhere);
  // The two records of the provider for two orders with one nonce, as a contradiction.
  const told = { order: original.signed, reason: 'two records', record: other.record, opening: undefined };
  const complaint = signTestComplaint(told as never, { payer: payer.signer, ledger: network.ledger });
  const { links, peer } = network;
  const { outcome } = await links.to(ValidatorService, peer(first)).complain(complaint as never);
  const entries = await network.settle([original, elsewhere].map(({ order }) => toHex(order.replyId)));
  const isEjected = await network.chain.isEjected(original.order.providerId);
  const paid = entries.filter(({ verdict }) => verdict === 'accept').length;
  return {
    tried: 'used a nonce again: with the same order, with another request, and at another validator; then complained',
    answered: [
      ...answered,
      `at another validator it is another reply: ${other.record === undefined ? 'refused' : 'served'}`,
      `two records of two orders: ${outcome}; the provider is ${isEjected ? 'ejected' : 'not ejected'}`,
    ],
    money: `${paid} replies of the payer are paid, once each`,
    worked: record === undefined || isEjected || paid !== 2 || answered.some((line) => line.endsWith(': done')),
  };
};

/** A validator of the adversary's calls every order covered. */
export const admitTooMuch: LivePlay = async (network) => {
  const owned = await network.own('validator-1');
  // One order and some replies.
  const holds = MAX_FEE + MAX_FEE / 10n;
  const payer = await openPayer(network, 'over-admitted', { validator: owned.account, channelAtomic: holds });
  const liar = await serveFalseValidator(network, owned);
  const answers: string[] = [];
  const isRefused = () => answers.some((answer) => answer !== 'done');
  let owedAtomic = 0n;
  try {
    for (let i = 1n; i <= ORDERS && !isRefused(); i++) {
      const bought = await placeOrder(network, {
        ...{ payer, validator: owned.account, provider: HONEST_PROVIDER },
        ...{ maxFeeAtomic: MAX_FEE, cumulativeAtomic: i * MAX_FEE },
      });
      const reply = buyReply(network, bought);
      answers.push(await tell(reply));
      const { promptTokens, outputTokens } = await reply.catch(() => ({ promptTokens: 0, outputTokens: 0 }));
      owedAtomic += (BigInt(promptTokens + outputTokens) * bought.order.pricePer1kAtomic) / 1_000n;
    }
  } finally {
    await liar.stop();
  }
  const served = answers.filter((answer) => answer === 'done').length;
  const { ledger } = network;
  const evidence = findOverAdmission(crypto, ledger, { orders: liar.admissions, capacityOf: () => holds });
  const view = { ledger, signingKeys: [owned.signer.address], capacityAtomic: holds, convictedAtMs: 0n };
  const isCaught = evidence !== undefined && isConvicted(judgeOverAdmission(crypto, view, evidence));
  return {
    tried: `ordered up to ${ORDERS} replies on a channel that holds ${holds} atomic units; its validator calls each covered`,
    answered: [...countTexts(answers), `the signatures of the validator ${isCaught ? 'convict it' : 'convict nobody'}`],
    money: `${owedAtomic} atomic units are owed, ${holds} can be paid`,
    worked: served === 0 || !isRefused() || owedAtomic > holds || !isCaught,
  };
};
