import type { Breaks } from '../../attackers/protocol/breaks.ts';
import { chosenCandidates } from '../../attackers/protocol/payers/chosen-candidates.ts';
import { oneLargeReply } from '../../attackers/protocol/providers/one-large-reply.ts';
import { beaconPuller } from '../../attackers/protocol/validators/beacon-puller.ts';
import { curiousCosigner } from '../../attackers/protocol/validators/curious-cosigner.ts';
import { epochWaiter } from '../../attackers/protocol/validators/epoch-waiter.ts';
import { falseAbandonment } from '../../attackers/protocol/validators/false-abandonment.ts';
import { falseSilence } from '../../attackers/protocol/validators/false-silence.ts';
import { falseWithholding } from '../../attackers/protocol/validators/false-withholding.ts';
import { poisonedEntry } from '../../attackers/protocol/validators/poisoned-entry.ts';
import { silentForProfit } from '../../attackers/protocol/validators/silent-for-profit.ts';
import { stolenSigningKey } from '../../attackers/protocol/validators/stolen-signing-key.ts';
import { vrfGrinder } from '../../attackers/protocol/validators/vrf-grinder.ts';
import { countTexts, type StagedAttack } from './scene.ts';

const NO_MONEY = 'none';
/** The epochs of an attacked beacon may lag behind those with a silent validator by so many. */
const BEACON_SLACK = 2;

/** What a validator answered that says of others what witnesses deny. */
interface Denial {
  readonly answers: readonly string[];
  readonly refusals: readonly string[];
  readonly settled: number;
}

/** @param unasked played without witnesses. @param asked played after they were asked. */
const describeDenials = (tried: string, unasked: Omit<Denial, 'answers'>, asked: Denial) => ({
  tried,
  answered: [
    `witnesses hand over: ${asked.answers.join(', ')}`,
    ...countTexts([...unasked.refusals, ...asked.refusals]),
    `${unasked.settled + asked.settled} of them are on the chain`,
  ],
  money: NO_MONEY,
  worked: unasked.settled + asked.settled > 0,
});

/** Validators that cheat about replies that they handle, about beacons, and with keys. */
export const validatorScenes: readonly StagedAttack[] = [
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
      return describeDenials(
        'called openings withheld that it never asked for: without witnesses, and after it had asked them',
        unasked,
        asked,
      );
    },
  },
  {
    attack: falseSilence,
    async play(breaks: Breaks) {
      const unasked = await falseSilence.play({ asksWitnesses: false }, breaks);
      const asked = await falseSilence.play({ asksWitnesses: true }, breaks);
      return describeDenials(
        'called verifiers silent that it never asked: without witnesses, and after it had asked them',
        unasked,
        asked,
      );
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
    attack: curiousCosigner,
    async play(breaks: Breaks) {
      const { seenBytes, read, asked, settled } = await curiousCosigner.play({}, breaks);
      return {
        tried: `kept ${seenBytes} bytes that came with a batch of another validator, and asked the provider for its ${asked} replies`,
        answered: [read.length === 0 ? 'neither prompt nor answer is in them' : `in them: ${read.join(', ')}`],
        money: `${settled} replies are settled`,
        worked: read.length > 0 || settled !== asked || asked === 0 || seenBytes < 10_000,
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
    attack: vrfGrinder,
    async play(breaks: Breaks) {
      const { hoped, certified, epoch } = vrfGrinder.play({ epochs: 30 }, breaks);
      return {
        tried: `tried keys until one of them would make the beacon of epoch ${epoch} ${hoped ?? 'something else'}`,
        answered: [`certified is ${certified ?? 'nothing'}`],
        money: NO_MONEY,
        worked: certified === undefined || certified === hoped || hoped === undefined,
      };
    },
  },
];
