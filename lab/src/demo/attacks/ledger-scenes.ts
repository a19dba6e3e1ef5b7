import { isConvicted } from '@ogong/protocol/exchange/over-admission';
import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { createFour } from '@ogong/testing/validator/test-four';
import { beaconPuller } from '../../attackers/protocol/beacon-puller.ts';
import { type Breaks, openAttacked } from '../../attackers/protocol/breaks.ts';
import { chosenCandidates } from '../../attackers/protocol/chosen-candidates.ts';
import { curiousCosigner } from '../../attackers/protocol/curious-cosigner.ts';
import { cutShort } from '../../attackers/protocol/cut-short.ts';
import { dustRouters } from '../../attackers/protocol/dust-routers.ts';
import { dustVouchers } from '../../attackers/protocol/dust-vouchers.ts';
import { earlyEjection } from '../../attackers/protocol/early-ejection.ts';
import { earlyMilestone } from '../../attackers/protocol/early-milestone.ts';
import { epochWaiter } from '../../attackers/protocol/epoch-waiter.ts';
import { falseAbandonment } from '../../attackers/protocol/false-abandonment.ts';
import { falseSilence } from '../../attackers/protocol/false-silence.ts';
import { falseWithholding } from '../../attackers/protocol/false-withholding.ts';
import { freeAbandonment } from '../../attackers/protocol/free-abandonment.ts';
import { greedyCohort } from '../../attackers/protocol/greedy-cohort.ts';
import { hiddenDelivery } from '../../attackers/protocol/hidden-delivery.ts';
import { hitAndRun } from '../../attackers/protocol/hit-and-run.ts';
import { oldIdFraming } from '../../attackers/protocol/old-id-framing.ts';
import { oneLargeReply } from '../../attackers/protocol/one-large-reply.ts';
import { judgeAdmissions, overAdmission } from '../../attackers/protocol/over-admission.ts';
import { overcountingRelay } from '../../attackers/protocol/overcounting-relay.ts';
import { poisonedEntry } from '../../attackers/protocol/poisoned-entry.ts';
import { type ReuseStep, reusedIds } from '../../attackers/protocol/reused-ids.ts';
import { silentForProfit } from '../../attackers/protocol/silent-for-profit.ts';
import { stolenSigningKey } from '../../attackers/protocol/stolen-signing-key.ts';
import { twoRecords } from '../../attackers/protocol/two-records.ts';
import { unregisteredRouter } from '../../attackers/protocol/unregistered-router.ts';
import { unservedOrders } from '../../attackers/protocol/unserved-orders.ts';
import { vanishingPayer } from '../../attackers/protocol/vanishing-payer.ts';
import { vrfGrinder } from '../../attackers/protocol/vrf-grinder.ts';
import { washedName } from '../../attackers/protocol/washed-name.ts';
import { countTexts, type StagedAttack } from './scene.ts';

/** What one transaction may take (EIP-7825). */
const TRANSACTION_GAS = 16_777_216;
const NO_MONEY = 'none';
/** The epochs of an attacked beacon may lag behind those with a silent validator by so many. */
const BEACON_SLACK = 2;

const reuse = (kind: ReuseStep['kind'], validator = 0): ReuseStep => ({
  ...{ kind, validator, nonce: 0, payer: 0, minutes: 15 },
});

/** Payers, providers and validators that cheat about what is owed, and about when. */
export const ledgerScenes: readonly StagedAttack[] = [
  {
    attack: oldIdFraming,
    async play(breaks: Breaks) {
      const { complained, delivered, rejects, isServing } = await oldIdFraming.play(openAttacked(breaks), breaks);
      return {
        tried:
          'sent two records that the provider signed for two orders of one reply id, as a complaint and as a delivery',
        answered: [
          `to the complaint: ${complained}`,
          `to the delivery: ${delivered}`,
          `${rejects} verdicts against the provider; its next reply is ${isServing ? 'taken' : 'refused'}`,
        ],
        money: NO_MONEY,
        worked: rejects > 0 || !isServing,
      };
    },
  },
  {
    attack: unregisteredRouter,
    async play(breaks: Breaks) {
      const findRouter = async () => undefined;
      const validator = openAttacked(breaks, { findRouter });
      const { admission, problem } = await unregisteredRouter.play({ validator, findRouter }, breaks);
      return {
        tried: 'ordered by a ticket of its own, in the name of an account that has no bond as a router',
        answered: [`the validator: ${admission}`, `providers and co-signers: ${problem ?? 'it is taken'}`],
        money: NO_MONEY,
        worked: admission === 'admitted' || problem === undefined,
      };
    },
  },
  {
    attack: reusedIds,
    async play(breaks: Breaks) {
      const first = [reuse('order'), reuse('settle'), reuse('wait'), reuse('sweep')];
      const again = [
        reuse('order'),
        reuse('order', 1),
        reuse('frame'),
        reuse('replay'),
        reuse('frame', 1),
        reuse('replay', 1),
      ];
      const { ejections, overpaid, stuck, reused, settled } = await reusedIds.play([...first, ...again], breaks);
      return {
        tried:
          'used a nonce again, at two validators, once the provider had forgotten the order that was settled under it',
        answered: [
          `${reused.refused} orders under a known id are refused, ${reused.served} are served`,
          `${ejections} validators hold something against the provider; ${stuck} replies wait for good`,
        ],
        money: `${settled} batches are settled; ${overpaid} atomic units were paid twice`,
        worked: ejections > 0 || overpaid > 0n || stuck > 0 || settled === 0,
      };
    },
  },
  {
    attack: freeAbandonment,
    async play(breaks: Breaks) {
      const four = await createFour({}, (options) => openAttacked(breaks, options));
      const played = await freeAbandonment.play({ four, isValidatorInLeague: true }, breaks);
      return {
        tried: `had a validator in league log ${played.logged} replies as abandoned that the provider never took on`,
        answered: [...countTexts(played.refusals), `${played.settled} of them are on the chain`],
        money: NO_MONEY,
        worked: played.settled > 0,
      };
    },
  },
  {
    attack: unservedOrders,
    async play(breaks: Breaks) {
      const open = () => createFour({}, (options) => openAttacked(breaks, options));
      const alone = await unservedOrders.play({ four: await open(), isValidatorInLeague: false }, breaks);
      const spared = await unservedOrders.play({ four: await open(), isValidatorInLeague: true }, breaks);
      return {
        tried: 'took orders and delivered nothing, alone and with a validator that logs one of them without its fine',
        answered: [`${alone.abandoned} of its orders are abandoned on the chain`, ...countTexts(spared.refusals)],
        money: `it is fined ${alone.finedAtomic} of the ${alone.earnedAtomic} atomic units that it earned`,
        worked: alone.finedAtomic < alone.dueAtomic || spared.refusals.length === 0,
      };
    },
  },
  {
    attack: falseAbandonment,
    async play(breaks: Breaks) {
      const asked = await falseAbandonment.play({ isForged: false }, breaks);
      const forged = await falseAbandonment.play({ isForged: true }, breaks);
      return {
        tried: 'denied a reply that it had signed for: with what witnesses say, and with statements of its own',
        answered: [
          `witnesses answer: ${asked.answers.join(', ')}`,
          ...countTexts([...asked.refusals, ...forged.refusals]),
          `${asked.settled + forged.settled} of them are on the chain`,
        ],
        money: NO_MONEY,
        worked: asked.settled + forged.settled > 0,
      };
    },
  },
  {
    attack: chosenCandidates,
    async play(breaks: Breaks) {
      const friends = await chosenCandidates.play({ lists: 'three friends' }, breaks);
      const nobody = await chosenCandidates.play({ lists: 'nobody later' }, breaks);
      const settled = [...friends.settled, ...nobody.settled];
      return {
        tried: 'listed three friends alone, and nobody in the later sittings of a reply',
        answered: [
          ...countTexts([...friends.refusals, ...nobody.refusals]),
          `${settled.length} of them are on the chain`,
        ],
        money: NO_MONEY,
        worked: settled.length > 0,
      };
    },
  },
  {
    attack: falseWithholding,
    async play(breaks: Breaks) {
      const unasked = await falseWithholding.play({ asksWitnesses: 'never' }, breaks);
      const asked = await falseWithholding.play({ asksWitnesses: 'for the opening' }, breaks);
      return {
        tried: 'called openings withheld that it never asked for: without witnesses, and after it had asked them',
        answered: [
          `witnesses hand over: ${asked.answers.join(', ')}`,
          ...countTexts([...unasked.refusals, ...asked.refusals]),
          `${unasked.settled + asked.settled} of them are on the chain`,
        ],
        money: NO_MONEY,
        worked: unasked.settled + asked.settled > 0,
      };
    },
  },
  {
    attack: falseSilence,
    async play(breaks: Breaks) {
      const unasked = await falseSilence.play({ asksWitnesses: false }, breaks);
      const asked = await falseSilence.play({ asksWitnesses: true }, breaks);
      return {
        tried: 'called verifiers silent that it never asked: without witnesses, and after it had asked them',
        answered: [
          `witnesses hand over: ${asked.answers.join(', ')}`,
          ...countTexts([...unasked.refusals, ...asked.refusals]),
          `${unasked.settled + asked.settled} of them are on the chain`,
        ],
        money: NO_MONEY,
        worked: unasked.settled + asked.settled > 0,
      };
    },
  },
  {
    attack: silentForProfit,
    async play(breaks: Breaks) {
      const { paid, weights, offences, lostStake, withheldAtomic } = await silentForProfit.play(
        { keys: 17, replies: 2, costs: true },
        breaks,
      );
      return {
        tried: 'said nothing about the replies of a rival, with nearly all of the stake behind its model',
        answered: [
          `after each reply one of its keys weighs ${weights.join(', ')}; before them 201, the honest verifier 2`,
          `${offences.league} silent half hours cost stake, ${offences.honest} of the honest verifier`,
        ],
        money: `${lostStake} tokens of its stake are lost; the rival was not paid ${withheldAtomic} atomic units of ${paid.length} replies`,
        worked: offences.honest > 0 || withheldAtomic > 0n,
      };
    },
  },
  {
    attack: overAdmission,
    async play(breaks: Breaks) {
      const holds = 10_300_000n;
      const channel = { admitted: holds, spent: 0n, releasing: 0n, releasableAt: 0n, spendable: holds };
      const network = await createNetwork({ channel });
      try {
        const { served, owedAtomic, refusal, admissions } = await overAdmission.play(network, breaks);
        const isCaught = isConvicted(judgeAdmissions(admissions, holds));
        return {
          tried: `ordered on a channel that holds ${holds} atomic units; its validator calls every order covered`,
          answered: [
            `${served} replies, then: ${refusal || 'no refusal'}`,
            `${admissions?.orders.length ?? 0} admissions ${isCaught ? 'convict the validator' : 'convict nobody'}`,
          ],
          money: `${owedAtomic} atomic units are owed, ${holds} can be paid`,
          worked: owedAtomic > holds || refusal === '' || !isCaught,
        };
      } finally {
        await network.close();
      }
    },
  },
  {
    attack: cutShort,
    async play(breaks: Breaks) {
      const { entry, claimedAtomic } = await cutShort.play(undefined, breaks);
      const paidAtomic = entry?.feeAtomic ?? 0n;
      return {
        tried: 'generated one token, signed a record that says that the consumer has left, and handed it in',
        answered: [`the reply is judged: ${entry?.verdict ?? 'no verdict'}`],
        money: `${paidAtomic} of ${claimedAtomic} atomic units are paid`,
        worked: entry === undefined || paidAtomic > 0n,
      };
    },
  },
  {
    attack: dustVouchers,
    async play() {
      const { sent, taken, checked, asked, kept, paid } = await dustVouchers.play(undefined);
      return {
        tried: `paid a relay in ${sent} vouchers that each add an atomic unit or little more`,
        answered: [
          `${taken} were taken; ${checked} signatures were checked, the chain was asked ${asked} times`,
          paid ? 'a voucher over a quarter of the credit was taken then' : 'no voucher was taken any more',
        ],
        money: `${kept} vouchers wait to be redeemed`,
        worked: taken + checked + asked + kept > 0 || !paid,
      };
    },
  },
  {
    attack: overcountingRelay,
    async play() {
      const { claimableAtomic, countedAtomic } = await overcountingRelay.play(undefined);
      return {
        tried: 'told a node again and again that its vouchers are used up',
        answered: [`the node signed for ${claimableAtomic} atomic units over all of its vouchers`],
        money: `${claimableAtomic} of the ${countedAtomic} atomic units that its bytes cost`,
        worked: claimableAtomic > countedAtomic,
      };
    },
  },
  {
    attack: earlyMilestone,
    async play(breaks: Breaks) {
      const { entry, wholeAtomic } = await earlyMilestone.play(undefined, breaks);
      const paidAtomic = entry?.feeAtomic ?? 0n;
      return {
        tried: 'took a whole reply, and handed in what its provider had signed of the beginning',
        answered: [`the reply is judged: ${entry?.verdict ?? 'no verdict'}`],
        money: `${paidAtomic} of ${wholeAtomic} atomic units are paid`,
        worked: paidAtomic < wholeAtomic,
      };
    },
  },
  {
    attack: vanishingPayer,
    async play(breaks: Breaks) {
      const network = await createNetwork({ engine: { stepMs: 1 } });
      try {
        const tokens = 60;
        const given = { network, ends: 'vanishes', tokens } as const;
        const { gotBytes, stopReason, committedTokens } = await vanishingPayer.play(given, breaks);
        return {
          tried: `ordered ${tokens} tokens, took ${gotBytes} bytes of text, and dropped the link`,
          answered: [`the provider hands in a reply of ${committedTokens} tokens, ended by ${stopReason}`],
          money: 'the whole reply is billed',
          worked: stopReason === 'cancelled',
        };
      } finally {
        await network.close();
      }
    },
  },
  {
    attack: dustRouters,
    async play(breaks: Breaks) {
      const { orders, settledReplies, gas } = await dustRouters.play({ orders: 120 }, breaks);
      const most = Math.max(...gas);
      return {
        tried: `bought ${orders} tiny replies, each with a payer, a payee and a router of its own`,
        answered: [`${gas.length} batches were signed; the largest takes ${most} gas of ${TRANSACTION_GAS}`],
        money: `${settledReplies} of ${orders} replies are settled`,
        worked: settledReplies < orders || most >= TRANSACTION_GAS,
      };
    },
  },
  {
    attack: curiousCosigner,
    async play(breaks: Breaks) {
      const { seenBytes, read, asked, settled } = await curiousCosigner.play({}, breaks);
      return {
        tried: `kept ${seenBytes} bytes that came with a batch of another validator, and asked the provider for its ${asked} replies`,
        answered: [read.length === 0 ? 'neither prompt nor answer is in them' : `in them: ${read.join(', ')}`],
        money: `${settled} replies are settled`,
        worked: read.length > 0 || settled < asked,
      };
    },
  },
  {
    attack: poisonedEntry,
    async play(breaks: Breaks) {
      const { states, poisoned, settledReplies, owed } = await poisonedEntry.play({ replies: 5, at: 2 }, breaks);
      return {
        tried: 'brought an entry into the log, third of five, that no co-signer can sign',
        answered: [...countTexts(states.map((state) => `an honest entry is ${state}`)), `the bad entry is ${poisoned}`],
        money: `${settledReplies} replies are settled; ${owed} atomic units are still reserved`,
        worked: states.some((state) => state !== 'settled') || poisoned === 'settled',
      };
    },
  },
  {
    attack: stolenSigningKey,
    async play(breaks: Breaks) {
      const played = await stolenSigningKey.play({}, breaks);
      const { falseVerdict, secondLog, withoutCertificate, signer, honest, forged, revoked } = played;
      return {
        tried: 'turned a verdict round, and left one out of the log, both signed with the stolen key of one of four',
        answered: [
          ...countTexts([...falseVerdict.answers, ...secondLog.answers, ...withoutCertificate]),
          `the external signer: ${signer}`,
          `once the account has named another key, the stolen one has ${revoked.votes} votes; of its admission: ${revoked.admission ?? 'it holds'}`,
        ],
        money: `${honest.settled} entries of the validator are settled, ${forged} of the thief`,
        worked: forged > 0 || falseVerdict.isQuorum || secondLog.isQuorum || revoked.votes > 0n || signer === 'signed',
      };
    },
  },
  {
    attack: epochWaiter,
    async play(breaks: Breaks) {
      const { found, settled, fair } = await epochWaiter.play({ replies: 6, alphaPpm: 900_000 }, breaks);
      return {
        tried: `logged 6 replies of a friend as passed over, ${found} of them by an epoch that it chose`,
        answered: [`the epochs of their orders pass ${fair} of them over`],
        money: `${settled} of them are settled without an audit`,
        worked: settled > fair,
      };
    },
  },
  {
    attack: beaconPuller,
    async play(breaks: Breaks) {
      const { honest, oneSilent, attacked } = beaconPuller.play({ hours: 1 }, breaks);
      return {
        tried: 'asked everybody, for an hour, to go on to a view that it proposes in, and signed nothing',
        answered: [
          `${attacked} epochs of a minute are certified`,
          `${oneSilent} are if it only stays silent, ${honest} if it is honest`,
        ],
        money: NO_MONEY,
        worked: attacked < oneSilent - BEACON_SLACK,
      };
    },
  },
  {
    attack: earlyEjection,
    async play(breaks: Breaks) {
      const { ejected, states, refusals } = await earlyEjection.play({ rejects: 2, lie: 'too early' }, breaks);
      return {
        tried: 'had a validator eject a provider at its second reject by scores; three in a row would',
        answered: [...countTexts(refusals), `${states.filter((state) => state === 'settled').length} replies settled`],
        money: NO_MONEY,
        worked: ejected > 0,
      };
    },
  },
  {
    attack: washedName,
    async play(breaks: Breaks) {
      const given = { washes: 20, entranceAtomic: 10_000n };
      const dear = await washedName.play({ ...given, dearAtomic: 900_000n }, breaks);
      const most = await washedName.play({ ...given, dearAtomic: 'most' }, breaks);
      return {
        tried: `served ${given.washes} honest replies of a token to itself, and forged one dear reply after them`,
        answered: [
          `the dear order: ${dear.refusal || 'it is admitted'}`,
          `the dearest that is admitted is forged: the key is ${most.isEjected ? 'ejected' : 'not ejected'}`,
        ],
        money: `the key held ${most.heldAtomic} atomic units, and gains ${most.gainAtomic}`,
        worked: dear.gainAtomic > 0n || most.gainAtomic > 0n,
      };
    },
  },
  {
    attack: oneLargeReply,
    async play(breaks: Breaks) {
      const entranceAtomic = 1_000_000n;
      const { refusals, settledAtomic, gainAtomic } = await oneLargeReply.play(
        { heldAtomic: 0n, entranceAtomic, maxFeeAtomic: 50n * entranceAtomic, isValidatorInLeague: true },
        breaks,
      );
      return {
        tried: 'forged one reply worth 50 entrances under a new key; validator and verifiers are in league with it',
        answered: countTexts(refusals),
        money: `${settledAtomic} atomic units are settled; ${gainAtomic} are left of them`,
        worked: gainAtomic > 0n,
      };
    },
  },
  {
    attack: twoRecords,
    async play(breaks: Breaks) {
      const { entry, isServing } = await twoRecords.play({ acknowledges: 'after the provider' }, breaks);
      const { verdict, evidence, ejects, feeAtomic } = entry ?? {};
      return {
        tried: 'gave the consumer an advert and the validator the honest reply, both signed for one order',
        answered: [
          `the consumer signed for what it got: ${verdict ?? 'no verdict'}, ${evidence ?? 'no'} evidence`,
          `the provider is ${ejects ? 'ejected' : 'not ejected'}, and its next order is ${isServing ? 'taken' : 'refused'}`,
        ],
        money: `${feeAtomic ?? 0n} atomic units are paid for the reply`,
        worked: isServing || feeAtomic !== 0n,
      };
    },
  },
  {
    attack: greedyCohort,
    async play(breaks: Breaks) {
      const { refusals, owedAtomic } = await greedyCohort.play(undefined, breaks);
      return {
        tried: 'handed a reply in with nine parts of a fee of eight, and with a shard whose key signed nothing',
        answered: refusals,
        money: `${owedAtomic} atomic units are owed for it`,
        worked: owedAtomic !== 0n || refusals.length !== 2,
      };
    },
  },
  {
    attack: hiddenDelivery,
    async play(breaks: Breaks) {
      const { heard, refusals, settled, drawnAtomic } = await hiddenDelivery.play({ heardBy: 1 }, breaks);
      return {
        tried: 'gave the consumer an advert, had the honest reply judged, and hid what the consumer said',
        answered: [
          `another validator answered the consumer: ${heard.join(', ')}`,
          ...countTexts(refusals),
          `${settled} of them are on the chain`,
        ],
        money: `${drawnAtomic} atomic units are drawn from the consumer`,
        worked: settled > 0 || drawnAtomic > 0n,
      };
    },
  },
  {
    attack: vrfGrinder,
    async play(breaks: Breaks) {
      const { hoped, certified, epoch } = vrfGrinder.play({ epochs: 30 }, breaks);
      return {
        tried: `tried keys until one of them would make the beacon of epoch ${epoch} ${hoped ?? 'something else'}`,
        answered: [`certified is ${certified ?? 'nothing'}`],
        money: NO_MONEY,
        worked: certified === undefined || certified === hoped,
      };
    },
  },
  {
    attack: hitAndRun,
    async play(breaks: Breaks) {
      const burst = 6;
      const played = await hitAndRun.play({ burst, alphaPpm: 100_000, heldAtomic: 0n }, breaks);
      const { caught, settledAtomic, isEjected, gainAtomic } = played;
      return {
        tried: `forged ${burst} replies under a key that holds no earnings, before anybody had found out`,
        answered: [`${caught} of them are rejected; the key is ${isEjected ? 'ejected' : 'not ejected'}`],
        money: `${settledAtomic} atomic units are settled for it, and it gains ${gainAtomic}`,
        worked: gainAtomic > 0n,
      };
    },
  },
];
