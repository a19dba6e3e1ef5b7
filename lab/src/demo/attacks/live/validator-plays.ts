import { setTimeout as delay } from 'node:timers/promises';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { toHex } from '@ogong/protocol/base/bytes';
import { encodeVrfInput } from '@ogong/protocol/beacon/beacon';
import { type BeaconMessage, encodeBeaconMessage } from '@ogong/protocol/beacon/beacon-message';
import { hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import { proveVrf } from '@ogong/protocol/crypto/vrf';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashSettlement } from '@ogong/protocol/settlement/batch';
import { countTexts } from '../../../attackers/protocol/define-attack.ts';
import { waitWhileChanging } from '../../polling.ts';
import { buyReply, type LiveOrder, openPayer, placeOrder, tell } from './consumer.ts';
import { type FalseValidator, serveFalseValidator } from './false-validator.ts';
import { forgeSilence } from './forge-silence.ts';
import type { LiveNetwork, LivePlay, OwnedDaemon } from './live-network.ts';
import { type FalseEntry, proposeEntry } from './propose-entry.ts';

const MAX_FEE = 10n ** 15n;
const NOBODY = new Uint8Array(20);
/** Since the last epoch, or since nothing came. */
const PATIENCE_MS = 60_000;
const OWN = 'validator-1';
const NO_MONEY = 'none: nothing of it is on the chain';

interface Handled {
  readonly owned: OwnedDaemon;
  readonly bought: LiveOrder;
  readonly taken: FalseValidator;
  /** Fee that its payer owes. */
  readonly feeAtomic: bigint;
  /** The one whose beacon decides about it, and which is known by now. */
  readonly decidingEpoch: bigint;
}

/** An honest provider's reply to a payer in league, handled by the adversary's validator, which has signed for its record. */
async function handleReply(network: LiveNetwork, name: string): Promise<Handled> {
  const owned = await network.own(OWN);
  const payer = await openPayer(network, name, { validator: owned.account, channelAtomic: 10n * MAX_FEE });
  const taken = await serveFalseValidator(network, owned);
  try {
    const bought = await placeOrder(network, {
      ...{ payer, validator: owned.account, provider: 'provider-1' },
      ...{ maxFeeAtomic: MAX_FEE, cumulativeAtomic: MAX_FEE },
    });
    const { promptTokens, outputTokens } = await buyReply(network, bought);
    const { replyId, epoch: orderEpoch, pricePer1kAtomic } = bought.order;
    const { epoch: decidingEpoch } = computeDecidingEpoch({ orderEpoch, intakeEpoch: orderEpoch });
    const read = async () => {
      const { epoch } = await network.latestBeacon();
      const isTaken = taken.records.has(toHex(replyId));
      return { isDone: isTaken && epoch > decidingEpoch, shown: isTaken ? `${epoch}` : 'nothing came' };
    };
    if (!(await waitWhileChanging(read, PATIENCE_MS))) throw new Error('the reply never came: nothing was tried');
    const feeAtomic = (BigInt(promptTokens + outputTokens) * pricePer1kAtomic + 999n) / 1_000n;
    return { owned, bought, taken, feeAtomic, decidingEpoch };
  } finally {
    await taken.stop();
  }
}

const toQuestion = ({ owned, bought: { order } }: Handled) => ({ owned, order });

type Lie = (network: LiveNetwork, handled: Handled) => Promise<Omit<FalseEntry, 'bought'>>;

/** Has co-signers asked about one lie, and tries to settle it with the adversary's signature alone. */
async function playLie(network: LiveNetwork, name: string, lie: Lie): Promise<readonly string[]> {
  const handled = await handleReply(network, name);
  const { owned, bought } = handled;
  const { answers, settlement } = await proposeEntry(network, owned, { bought, ...(await lie(network, handled)) });
  const { settlement: contract } = network.trust;
  const domain = { chainId: network.ledger.chainId, verifyingContract: contract as Uint8Array };
  const signature = owned.signer.signDigest(hashSettlement(crypto, domain, settlement));
  const { client } = await network.openAccount(name);
  const alone = await tell(client.settle({ ...settlement, quorum: [signature] } as never));
  return [...countTexts(answers), `the chain, with its own signature alone: ${alone.split('\n')[0]}`];
}

const toCourse = (tried: string, answered: readonly string[]) => ({
  ...{ tried, answered, money: NO_MONEY },
  worked: answered.some((line) => line.endsWith('signed') || line.endsWith(': done')),
});

export const denyDelivery: LivePlay = async (network) =>
  toCourse(
    'denied a reply that it had signed for, with statements of its own that the provider was silent',
    await playLie(network, 'denied', async (_, handled) => {
      const consent = handled.taken.consents.get(toHex(handled.bought.order.replyId));
      if (consent === undefined) throw new Error('the provider never promised the reply');
      const timeMs = Number(handled.bought.order.expiresAtMs) + 1;
      const statements = await forgeSilence(network, { ...toQuestion(handled), asked: 'record', timeMs });
      return {
        push: undefined,
        says: { verdict: 'abandoned', payee: NOBODY, timeMs },
        evidence: { kind: 'abandoned', consent, statements },
      };
    }),
  );

const pushOf = ({ taken, bought }: Handled) => {
  const push = taken.records.get(toHex(bought.order.replyId));
  if (push === undefined) throw new Error('the provider handed nothing in');
  return push;
};

export const claimWithheld: LivePlay = async (network) =>
  toCourse(
    'called an opening withheld that it never asked for, with statements of its own',
    await playLie(network, 'withheld', async (_, handled) => {
      const statements = await forgeSilence(network, { ...toQuestion(handled), asked: 'opening', timeMs: Date.now() });
      const beaconEpoch = handled.decidingEpoch;
      const says = { verdict: 'reject', evidence: 'statistical', step: 'late', beaconEpoch } as const;
      return { push: pushOf(handled), says, evidence: { kind: 'withheld', statements } };
    }),
  );

export const waitForEpoch: LivePlay = async (network) =>
  toCourse(
    "logged a friend's reply as passed over by the beacon of another epoch than its order fixes",
    await playLie(network, 'passed over', async (_, handled) => {
      const push = pushOf(handled);
      const { decidingEpoch, feeAtomic } = handled;
      const says = { verdict: 'unaudited', beaconEpoch: decidingEpoch + 1n, feeAtomic } as const;
      return { push, says, evidence: undefined };
    }),
  );

export const ejectEarly: LivePlay = async (network) =>
  toCourse(
    'rejected an honest reply without a report, and said that this ejects its provider',
    await playLie(network, 'framed', async (_, handled) => {
      const beaconEpoch = handled.decidingEpoch;
      const says = {
        verdict: 'reject',
        evidence: 'exact',
        step: 'reply',
        eValuePpm: 1_000_000_000,
        ejects: true,
      } as const;
      const opening = new Uint8Array(64);
      return {
        push: pushOf(handled),
        says: { ...says, beaconEpoch },
        evidence: { kind: 'audit', opening, lists: [], attempts: [] },
      };
    }),
  );

const PULL_MS = 12_000;
const BEAT_MS = 100;

/** Claims to be in ever later views, and signs nothing; the others have to go on. */
export const pullBeacon: LivePlay = async (network) => {
  const owned = await network.own(OWN);
  const { settlement, validators = [] } = network.trust;
  const domain = { chainId: network.ledger.chainId, settlement: settlement as Uint8Array };
  const before = await network.latestBeacon();
  let sent = 0;
  let view = 0;
  const end = performance.now() + PULL_MS;
  while (performance.now() < end) {
    const { epoch: last, value: previous } = await network.latestBeacon();
    const epoch = last + 1n;
    const set = hashValidatorSet(crypto, domain, validators);
    view += validators.length;
    const proof = proveVrf(owned.vrfSeed(), encodeVrfInput(domain, { epoch, previous, set, validator: owned.account }));
    const messages: BeaconMessage[] = [
      { kind: 'view', epoch, view, previous, set },
      { kind: 'contribution', epoch, view, proof, lock: undefined },
    ];
    for (const name of network.honestValidators())
      for (const message of messages) {
        const link = owned.links.to(ValidatorService, network.peer(name));
        if ((await tell(link.deliverBeacon({ message: encodeBeaconMessage(message) }))) === 'done') sent++;
      }
    await delay(BEAT_MS);
  }
  const after = await network.latestBeacon();
  const isAnswered = (await network.ask()) !== undefined;
  const epochs = after.epoch - before.epoch;
  return {
    tried: `told every validator, ${sent} times in ${PULL_MS / 1000} s, that it is in a later view, and signed nothing`,
    answered: [
      `${epochs} epochs were certified meanwhile`,
      `a consumer asked then and got ${isAnswered ? 'its' : 'no'} answer`,
    ],
    money: 'none',
    worked: sent === 0 || epochs < 2n || !isAnswered,
  };
};

/** Has the hot key of a validator, and not the key of its account. */
export const abuseSigningKey: LivePlay = async (network) => {
  const lines = await playLie(network, 'thief', async (_, handled) => ({
    push: pushOf(handled),
    says: { verdict: 'unaudited', beaconEpoch: handled.decidingEpoch, feeAtomic: handled.feeAtomic },
    evidence: undefined,
  }));
  const { signer, account } = await network.own(OWN);
  const before = await network.chain.bondOf(account);
  const { client } = await network.openAccount('thief');
  const tries = {
    'another signing key': await tell(client.setSigningKey(signer.address, new Uint8Array(65))),
    'the bond, from an account of its own': await tell(client.requestUnbond(1n)),
    'the earnings, from an account of its own': await tell(client.withdraw(1n)),
  };
  const { amount } = await network.chain.bondOf(account);
  const answered = [...lines, ...Object.entries(tries).map(([what, end]) => `${what}: ${end.split('\n')[0]}`)];
  const { worked } = toCourse('', answered);
  return {
    tried: 'signed a log of its own in the name of a validator whose hot key it has, and reached for its bond',
    answered,
    money: `the bond is ${amount} atomic units, as before`,
    worked: worked || amount !== before.amount,
  };
};
