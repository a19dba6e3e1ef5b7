import type { AuditedOutcome } from '../../attackers/protocol/audited-network.ts';
import type { Breaks } from '../../attackers/protocol/breaks.ts';
import { beyondRoom } from '../../attackers/protocol/payers/beyond-room.ts';
import { overbilledPrompt } from '../../attackers/protocol/providers/overbilled-prompt.ts';
import { sameAnswer } from '../../attackers/protocol/providers/same-answer.ts';
import { shortReport } from '../../attackers/protocol/providers/short-report.ts';
import { chosenHoneypots } from '../../attackers/protocol/validators/chosen-honeypots.ts';
import { inventedHoneypots } from '../../attackers/protocol/validators/invented-honeypots.ts';
import { roomCapture } from '../../attackers/protocol/validators/room-capture.ts';
import { farOutScores } from '../../attackers/protocol/verifiers/far-out-scores.ts';
import { framedByScores } from '../../attackers/protocol/verifiers/framed-by-scores.ts';
import { loneReject } from '../../attackers/protocol/verifiers/lone-reject.ts';
import { lyingVerifier } from '../../attackers/protocol/verifiers/lying-verifier.ts';
import { silentLeague } from '../../attackers/protocol/verifiers/silent-league.ts';
import { type AttackCourse, countTexts, type StagedAttack } from './scene.ts';

const REPLIES = 8;

/** Verdicts on forged replies: the attack works if one of them is paid. */
function describeForged({ entries }: AuditedOutcome, tried: string): AttackCourse {
  const paid = entries.reduce((sum, { feeAtomic }) => sum + feeAtomic, 0n);
  return {
    tried,
    answered: countTexts(
      entries.map(
        ({ verdict, evidence, ejects }) =>
          `${verdict}, ${evidence} evidence${ejects ? ', the provider is ejected' : ''}`,
      ),
    ),
    money: `${paid} atomic units were paid for ${entries.length} forged replies`,
    worked: entries.length !== REPLIES || paid > 0n || entries.some(({ verdict }) => verdict === 'accept'),
  };
}

export const auditScenes: readonly StagedAttack[] = [
  {
    attack: roomCapture,
    play: async (breaks: Breaks) =>
      describeForged(
        await roomCapture.play({ replies: REPLIES }, breaks),
        `forged ${REPLIES} replies, and announced a free verifier with more room than the staked ones`,
      ),
  },
  {
    attack: overbilledPrompt,
    play: async (breaks: Breaks) =>
      describeForged(
        await overbilledPrompt.play({ replies: REPLIES }, breaks),
        `billed 50 tokens more than the prompt has in ${REPLIES} replies of a class of its own`,
      ),
  },
  {
    attack: beyondRoom,
    play: async (breaks: Breaks) =>
      describeForged(
        await beyondRoom.play({ replies: REPLIES }, breaks),
        `forged ${REPLIES} replies that are longer than the context of every verifier`,
      ),
  },
  {
    attack: silentLeague,
    play: async (breaks: Breaks) =>
      describeForged(
        await silentLeague.play({ replies: REPLIES, others: true }, breaks),
        `forged ${REPLIES} replies; 6 of the 8 verifiers are in league and answer nothing`,
      ),
  },
  {
    attack: lyingVerifier,
    async play(breaks: Breaks) {
      const { entries, refuted, marked } = await lyingVerifier.play({ replies: 16 }, breaks);
      const late = entries.slice(8).filter(({ verdict }) => verdict === 'accept').length;
      return {
        tried: 'reported what its provider had forged as its own finding, and announced a second key after 8 replies',
        answered: [
          ...countTexts(entries.map(({ verdict }) => `${verdict}`)),
          `the log refutes ${refuted[0]} reports of the first key, ${refuted[1]} of the second; marked: ${marked.join(', ')}`,
        ],
        money: `each refuted report costs the payee a fiftieth of its stake; ${late} forged replies were paid after the second key came`,
        worked: refuted[0] === 0 || refuted[1] > 0 || late > 0 || marked.includes('fresh'),
      };
    },
  },
  {
    attack: sameAnswer,
    async play(breaks: Breaks) {
      const { answers, refuted, others, isAsked } = await sameAnswer.play({ replies: 24 }, breaks);
      return {
        tried: `answered ${answers} jobs of an honest provider with what it had committed`,
        answered: [`the log refutes ${refuted} of them, and ${others} of the other verifiers'`],
        money: `each refuted report costs a fiftieth of the stake; ${isAsked ? 'it is still asked' : 'nobody asks it any more'}`,
        worked: refuted === 0 || others > 0 || isAsked,
      };
    },
  },
  {
    attack: inventedHoneypots,
    async play(breaks: Breaks) {
      const { invented, drawn, settled, refused } = await inventedHoneypots.play({ replies: 12 }, breaks);
      return {
        tried: `logged a honeypot with each of ${invented} audits, of which the beacon draws ${drawn}`,
        answered: [`co-signers refuse ${refused} entries and settle ${settled}`],
        money: `${settled} third verifiers are paid`,
        worked: refused === 0 || settled > drawn || refused + settled !== invented,
      };
    },
  },
  {
    attack: chosenHoneypots,
    async play(breaks: Breaks) {
      const { replies, tries, settled, refused } = await chosenHoneypots.play({ replies: 8, chooses: 'nonce' }, breaks);
      return {
        tried: `tried ${tries} keys until ${replies} honeypots were about replies as they are`,
        answered: [`co-signers refuse ${refused} entries and settle ${settled}`],
        money: 'no friend is paid for them',
        worked: settled > 0 || refused < replies,
      };
    },
  },
  {
    attack: shortReport,
    async play(breaks: Breaks) {
      const { entries, marked, credited } = await shortReport.play({ replies: 12, announced: 4096 }, breaks);
      const isMarked = marked.includes('lazy');
      return {
        tried: 'announced a context of 4096 tokens, and scored one window of each reply that it was drawn for',
        answered: [
          ...countTexts(entries.map(({ verdict }) => `${verdict}`)),
          isMarked ? 'the lazy verifier has a mark' : 'the lazy verifier has no mark',
          `credited: ${credited.join(', ')}`,
        ],
        money: `the lazy verifier was ${credited.includes('lazy') ? '' : 'never '}credited`,
        worked: !isMarked || credited.includes('lazy'),
      };
    },
  },
  {
    attack: loneReject,
    async play(breaks: Breaks) {
      const { entries } = await loneReject.play({ replies: REPLIES, framers: 1, silent: 3, honest: 2 }, breaks);
      return {
        tried: `rejected ${REPLIES} honest replies as one verifier of six, while three of the others were kept from answering`,
        answered: countTexts(
          entries.map(
            ({ verdict, ejects }) => `${verdict}${ejects ? ', the provider is ejected' : ', nobody is ejected'}`,
          ),
        ),
        money: `${entries.reduce((sum, { feeAtomic }) => sum + feeAtomic, 0n)} atomic units were paid to the provider`,
        worked: entries.length !== REPLIES || entries.some(({ verdict, ejects }) => verdict !== 'accept' || ejects),
      };
    },
  },
  {
    attack: framedByScores,
    async play(breaks: Breaks) {
      const { entries, lies, refuted } = await framedByScores.play({ replies: REPLIES, league: 3, honest: 5 }, breaks);
      return {
        tried: `rejected ${lies} of ${REPLIES} honest replies by scores, as three verifiers of eight, where the beacon asked two of them first`,
        answered: countTexts(
          entries.map(
            ({ verdict, ejects }) => `${verdict}${ejects ? ', the provider is ejected' : ', nobody is ejected'}`,
          ),
        ),
        money: `the log refutes ${refuted.league} reports of the league: each costs a fiftieth of its payee's stake`,
        worked: entries.length !== REPLIES || refuted.league === 0 || entries.some(({ ejects }) => ejects),
      };
    },
  },
  {
    attack: farOutScores,
    async play(breaks: Breaks) {
      const { entries, lies, evidence } = await farOutScores.play({ replies: REPLIES }, breaks);
      return {
        tried: `reported far-off scores in ${lies} audits of ${REPLIES} honest replies, as one verifier of three, and rejected none`,
        answered: [
          ...countTexts(entries.map(({ verdict, eValuePpm }) => `${verdict}${eValuePpm > 1e6 ? ', against it' : ''}`)),
          `the log holds evidence of ${evidence.toFixed(2)} against the provider; 1,000 ejects`,
        ],
        money: 'no fee was lost, and no report could be refuted',
        worked: entries.length !== REPLIES || evidence > 1 || entries.some(({ verdict }) => verdict !== 'accept'),
      };
    },
  },
];
