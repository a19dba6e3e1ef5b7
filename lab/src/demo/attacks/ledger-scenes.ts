import { isConvicted } from '@ogong/protocol/exchange/over-admission';
import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { createFour } from '@ogong/testing/validator/test-four';
import { type Breaks, openAttacked } from '../../attackers/protocol/breaks.ts';
import { dustVouchers } from '../../attackers/protocol/network/dust-vouchers.ts';
import { overcountingRelay } from '../../attackers/protocol/network/overcounting-relay.ts';
import { unpaidNode } from '../../attackers/protocol/network/unpaid-node.ts';
import { unregisteredRouter } from '../../attackers/protocol/network/unregistered-router.ts';
import { dustRouters } from '../../attackers/protocol/payers/dust-routers.ts';
import { oldIdFraming } from '../../attackers/protocol/payers/old-id-framing.ts';
import { judgeAdmissions, overAdmission } from '../../attackers/protocol/payers/over-admission.ts';
import { racingPayer } from '../../attackers/protocol/payers/racing-payer.ts';
import { type ReuseStep, reusedIds } from '../../attackers/protocol/payers/reused-ids.ts';
import { unservedOrders } from '../../attackers/protocol/payers/unserved-orders.ts';
import { vanishingPayer } from '../../attackers/protocol/payers/vanishing-payer.ts';
import { cutShort } from '../../attackers/protocol/providers/cut-short.ts';
import { earlyMilestone } from '../../attackers/protocol/providers/early-milestone.ts';
import { greedyCohort } from '../../attackers/protocol/providers/greedy-cohort.ts';
import { hitAndRun } from '../../attackers/protocol/providers/hit-and-run.ts';
import { twoRecords } from '../../attackers/protocol/providers/two-records.ts';
import { unshownBill } from '../../attackers/protocol/providers/unshown-bill.ts';
import { untakenBill } from '../../attackers/protocol/providers/untaken-bill.ts';
import { washedName } from '../../attackers/protocol/providers/washed-name.ts';
import { earlyEjection } from '../../attackers/protocol/validators/early-ejection.ts';
import { freeAbandonment } from '../../attackers/protocol/validators/free-abandonment.ts';
import { hiddenDelivery } from '../../attackers/protocol/validators/hidden-delivery.ts';
import { countTexts, type StagedAttack } from './scene.ts';

/** What one transaction may take (EIP-7825). */
const TRANSACTION_GAS = 16_777_216;
const NO_MONEY = 'none';
/** Of 1,000 prompt tokens. */
const STANDBY = 50_000n;

const reuse = (kind: ReuseStep['kind'], validator = 0): ReuseStep => ({
  ...{ kind, validator, nonce: 0, payer: 0, minutes: 15 },
});

/** Payers, providers and routers that cheat about what is owed, and about when. */
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
        worked: entry?.verdict !== 'accept' || paidAtomic > 0n || claimedAtomic === 0n,
      };
    },
  },
  {
    attack: untakenBill,
    async play(breaks: Breaks) {
      const { forged, entry, standbyAtomic, claimedAtomic } = await untakenBill.play(undefined, breaks);
      const paidAtomic = entry?.feeAtomic ?? 0n;
      return {
        tried:
          'made an answer to its end whose payer took another one, and billed it: with the word about the other one, and with none',
        answered: [
          `to the first bill: ${forged || 'it is taken'}`,
          `the reply is judged: ${entry?.verdict ?? 'no verdict'}`,
        ],
        money: `${paidAtomic} of ${claimedAtomic} atomic units are paid, for standing by`,
        worked: forged === '' || entry === undefined || paidAtomic > standbyAtomic,
      };
    },
  },
  {
    attack: unshownBill,
    async play(breaks: Breaks) {
      const outcomes = await unshownBill.play(undefined, breaks);
      return {
        tried: `made ${outcomes.length} answers to their end that another provider gave, and billed them: ${[...new Set(outcomes.map(({ how }) => how))].join('; ')}; half of the payers handed the record in first, without their word`,
        answered: countTexts(outcomes.map(({ verdict }) => verdict ?? 'no verdict')),
        money: outcomes
          .map(({ paidAtomic, claimedAtomic }) => `${paidAtomic} of ${claimedAtomic} atomic units are paid`)
          .join(', '),
        worked: outcomes.some(({ paidAtomic, allowedAtomic }) => paidAtomic > allowedAtomic),
      };
    },
  },
  {
    attack: racingPayer,
    async play() {
      const network = await createNetwork({ standby: STANDBY, provider: { takeWithinMs: 50 } });
      try {
        const { served, refusal, mostParts, openings } = await racingPayer.play({ network, standbyPer1k: STANDBY });
        return {
          tried: 'ordered one answer after another, read what came, took none, and asked for the opening of each',
          answered: [
            `${mostParts} part of each text came before it was taken`,
            `${openings} of the openings were told`,
            `${served} orders were served, then: ${refusal || 'no refusal'}`,
          ],
          money: `each prompt bills ${STANDBY} atomic units for 1,000 tokens`,
          worked: mostParts > 1 || openings > 0 || refusal === '',
        };
      } finally {
        await network.close();
      }
    },
  },
  {
    attack: unpaidNode,
    async play() {
      const { creditBytes, freeBytes, cancelledBytes } = await unpaidNode.play(undefined);
      return {
        tried: 'had bytes carried under 200 certificates of one address, then paid under a nonce that it had cancelled',
        answered: [
          `the relay carried ${freeBytes / creditBytes} credits for nothing, as many as an address has`,
          `${cancelledBytes} bytes were carried under the cancelled nonce`,
        ],
        money: NO_MONEY,
        worked: freeBytes !== 8 * creditBytes || cancelledBytes > 0,
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
        worked: taken + checked + asked + kept > 0 || !paid || sent === 0,
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
        worked: claimableAtomic > countedAtomic || claimableAtomic === 0n,
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
        worked: entry?.verdict !== 'accept' || paidAtomic !== wholeAtomic,
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
