import type { ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { type AuditedNetwork, auditReplies, describeVerdicts, type PlayedVerifier } from '../audited-network.ts';
import { defineAttack } from '../define-attack.ts';

const REPLIES = 8;
const ALL_PPM = 1_000_000;

const verifiers = (more: Omit<PlayedVerifier, 'name'>): readonly PlayedVerifier[] =>
  ['v1', 'v2', 'v3'].map((name) => ({ name, ...more }));

/** Scores past the limit of doubt, and below the one of a reject. */
const DOUBTFUL: Partial<ScoreReport> = {
  exact: false,
  numericClass: 'other',
  tailGap: { gap: Math.round(0.3 * 2 ** 24), position: 0 },
};

/** All replies are audited. The base coverage draws one in forty of them, which stands for the others (audit-charge.ts). */
const always = (): number => ALL_PPM;

/** Replies whose audit ends without an accept or a reject. */
const KINDS = {
  'answered by no verifier': { verifiers: verifiers({ kind: 'silent' }), sees: () => ({}), coveragePpm: always },
  'longer than the context of every verifier': {
    verifiers: verifiers({ kind: 'honest', shrinksTo: 8 }),
    sees: () => ({ contextSize: 8, windows: [] }),
    coveragePpm: always,
  },
  'always in doubt': {
    verifiers: verifiers({ kind: 'honest' }),
    sees: () => DOUBTFUL,
    coveragePpm: always,
  },
} satisfies Record<string, Omit<AuditedNetwork, 'replies'>>;
type Kind = keyof typeof KINDS;

/** A provider serves replies whose audits never end with an accept or a reject. */
export const endlessAudit = defineAttack({
  name: 'endless-audit',
  adversary: 'provider whose audits never accept and never reject',
  aim: 'Be paid for forged replies that no verifier can compare, or that stay in doubt',
  stoppedBy: 'Doubt is paid from accepted replies; any other audit without an accept costs the fees that it stands for',
  restarts: ['validator', 'signer', 'verifier'],
  play: ({ kind, replies }: { readonly kind: Kind; readonly replies: number }, breaks) =>
    auditReplies({ ...KINDS[kind], replies }, breaks),
  async stage({ play }) {
    const kinds = Object.keys(KINDS) as readonly Kind[];
    const plays = [];
    for (const kind of kinds) plays.push({ kind, ...(await play({ kind, replies: REPLIES })) });
    const entries = plays.flatMap((one) => one.entries);
    const paid = entries.reduce((sum, { feeAtomic }) => sum + feeAtomic, 0n);
    const isOpen = entries.every(({ verdict }) => verdict === 'unjudged' || verdict === 'inconclusive');
    return {
      tried: `sold replies that are ${kinds.join(', ')}: ${REPLIES} of each`,
      answered: plays.flatMap(({ kind, entries: own }) => describeVerdicts(own).map((line) => `${kind}: ${line}`)),
      money: `${paid} atomic units were paid for ${entries.length} replies`,
      worked: paid > 0n || !isOpen || entries.length !== kinds.length * REPLIES,
    };
  },
});
